"""Group commit: who shares a transaction, who is disturbed by whom, and what is on disk when."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from millrace.core.errors import InvalidArgument, MillraceError, Unavailable
from millrace.stores.sql.engine import CommitUnknown, Database, Session
from millrace.stores.sql.writer import GROUP_LIMIT, PATIENCE_S, Writer
from millrace.stores.write_queue import QUEUE_LIMIT

SOON_S = 30


class Notes:
    """A transaction in the smallest form: notes are gathered, and written when it ends."""

    def __init__(self, session: Session, diary: Diary) -> None:
        self.session = session
        self._diary = diary
        self._gathered: list[str] = []
        self.at_end: Callable[[], None] = lambda: None

    def begin(self) -> None:
        self._diary.groups.append(0)

    def note(self, word: str) -> str:
        """Gather a note."""
        self._diary.groups[-1] += 1
        self._gathered.append(word)
        return word

    def write(self, word: str) -> str:
        """Write a note at once."""
        self._diary.groups[-1] += 1
        self._insert(word)
        return word

    def flush(self) -> None:
        gathered, self._gathered = self._gathered, []
        for word in gathered:
            self._insert(word)
        self.at_end()

    def forget(self) -> None:
        self._diary.forgotten += 1
        self._gathered.clear()

    def _insert(self, word: str) -> None:
        self.session.connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word})


class Diary:
    """A database of notes with its writer, and what is seen of it from outside."""

    def __init__(self, folder: Path, *, patience_s: float = PATIENCE_S) -> None:
        self.file = folder / "w.db"
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE notes (word TEXT UNIQUE ON CONFLICT ABORT)")
        self.groups: list[int] = []
        """For each transaction that was begun, how many changes were made in it."""
        self.forgotten = 0
        self.database = Database(f"sqlite:///{self.file}")
        self.writer: Writer[Notes] = Writer(
            self.database, lambda session: Notes(session, self), patience_s=patience_s
        )

    def words(self) -> list[str]:
        """What is on disk now, for another connection."""
        with closing(sqlite3.connect(self.file)) as connection:
            return [row[0] for row in connection.execute("SELECT word FROM notes ORDER BY rowid")]

    def note(self, word: str, *, savepoint: bool = False) -> Future[str]:
        return self.writer.submit(lambda tx: tx.note(word), savepoint=savepoint)

    def submit(self, apply: Callable[[Notes], Any], *, savepoint: bool = False) -> Future[Any]:
        return self.writer.submit(apply, savepoint=savepoint)

    def held_up(self) -> Callable[[], None]:
        """Keep the writer busy in the middle of a transaction; the result lets it go on."""
        arrived, go_on = threading.Event(), threading.Event()

        def wait(_tx: Notes) -> None:
            arrived.set()
            assert go_on.wait(SOON_S)

        self.submit(wait)
        assert arrived.wait(SOON_S)
        return go_on.set

    def close(self) -> None:
        self.writer.close()
        self.database.close()


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    made = Diary(tmp_path)
    yield made
    made.close()


def refuse(_tx: Notes) -> None:
    raise InvalidArgument("Not this one.")


def crash(_tx: Notes) -> None:
    raise ZeroDivisionError


# --- sharing a transaction -----------------------------------------------------------------------


def test_what_comes_while_the_writer_is_busy_shares_one_commit(diary: Diary) -> None:
    go_on = diary.held_up()
    notes = [diary.note(f"n{number}") for number in range(50)]
    assert diary.writer.queue_length == 50

    go_on()

    assert [note.result(SOON_S) for note in notes] == [f"n{number}" for number in range(50)]
    assert diary.groups == [50]
    assert diary.words() == [f"n{number}" for number in range(50)]


def test_one_after_the_other_each_has_its_own_commit(diary: Diary) -> None:
    for number in range(5):
        diary.note(f"n{number}").result(SOON_S)

    assert diary.groups == [1] * 5


def test_a_group_has_a_limit(diary: Diary) -> None:
    """The first of a group must not wait for ever new arrivals."""
    go_on = diary.held_up()
    notes = [diary.note(f"n{number}") for number in range(3 * GROUP_LIMIT)]

    go_on()

    for note in notes:
        note.result(SOON_S)
    assert sum(diary.groups) == 3 * GROUP_LIMIT
    assert max(diary.groups) < 2 * GROUP_LIMIT
    assert len(diary.words()) == 3 * GROUP_LIMIT


def test_who_has_an_answer_finds_it_on_disk(diary: Diary) -> None:
    """Not a moment earlier: the answer comes after COMMIT, to each of a group."""
    seen: list[list[str]] = []
    early: list[list[str]] = []
    go_on = diary.held_up()
    notes = [diary.note(f"n{number}", savepoint=bool(number % 2)) for number in range(4)]
    for note in notes:
        note.add_done_callback(lambda _: seen.append(diary.words()))
    diary.submit(lambda _: early.append(diary.words()))

    go_on()

    notes[-1].result(SOON_S)
    diary.note("end").result(SOON_S)
    assert early == [[]]
    assert seen == [["n0", "n1", "n2", "n3"]] * 4


def test_those_who_wait_are_served_in_order(diary: Diary) -> None:
    done: list[str] = []
    go_on = diary.held_up()
    for number in range(20):
        diary.note(f"n{number}").add_done_callback(lambda note: done.append(note.result()))

    go_on()

    diary.note("end").result(SOON_S)
    assert done == [f"n{number}" for number in range(20)]


# --- neighbours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("savepoint", [False, True])
def test_a_refusal_does_not_disturb_the_neighbours(diary: Diary, savepoint: bool) -> None:
    go_on = diary.held_up()
    before = diary.note("before")
    refused = diary.submit(refuse, savepoint=savepoint)
    after = diary.note("after")

    go_on()

    assert (before.result(SOON_S), after.result(SOON_S)) == ("before", "after")
    with pytest.raises(InvalidArgument, match="Not this one"):
        refused.result(SOON_S)
    assert diary.words() == ["before", "after"]
    assert len(diary.groups) == 1


def test_what_is_refused_late_is_undone_up_to_its_savepoint(diary: Diary) -> None:
    def late(tx: Notes) -> None:
        tx.write("half")
        tx.note("the other half")
        raise InvalidArgument("Not this one.")

    go_on = diary.held_up()
    before, refused = diary.note("before"), diary.submit(late, savepoint=True)
    after = diary.note("after", savepoint=True)

    go_on()

    before.result(SOON_S), after.result(SOON_S)
    assert isinstance(refused.exception(SOON_S), InvalidArgument)
    assert diary.words() == ["before", "after"]
    assert len(diary.groups) == 1
    assert diary.forgotten == 1


@pytest.mark.parametrize("savepoint", [False, True])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_crash_undoes_the_group_and_each_other_is_tried_again(
    diary: Diary, savepoint: bool, place: int
) -> None:
    def half(tx: Notes) -> None:
        tx.write("half")
        crash(tx)

    calls = [lambda tx, word=f"n{number}": tx.write(word) for number in range(4)]
    calls.insert(place, half)
    go_on = diary.held_up()
    made = [diary.submit(call, savepoint=savepoint) for call in calls]

    go_on()

    crashed = made.pop(place)
    assert isinstance(crashed.exception(SOON_S), ZeroDivisionError)
    assert [one.result(SOON_S) for one in made] == ["n0", "n1", "n2", "n3"]
    assert diary.words() == ["n0", "n1", "n2", "n3"]
    assert len(diary.groups) == 1 + 6  # all together, then each of the six by itself
    assert diary.forgotten == 2  # whatever was remembered in what came to nothing


def test_what_fails_at_the_end_fails_only_who_caused_it(diary: Diary) -> None:
    """The two notes are gathered; that they are equal shows when they are written."""
    go_on = diary.held_up()
    first, second, third = diary.note("same"), diary.note("same"), diary.note("other")

    go_on()

    assert (first.result(SOON_S), third.result(SOON_S)) == ("same", "other")
    assert isinstance(second.exception(SOON_S), Unavailable)
    assert diary.words() == ["same", "other"]


def test_after_a_crash_work_goes_on(diary: Diary) -> None:
    for number in range(3):
        assert isinstance(diary.submit(crash).exception(SOON_S), ZeroDivisionError)
        diary.note(f"n{number}").result(SOON_S)

    assert diary.words() == ["n0", "n1", "n2"]
    assert diary.forgotten == 3


def test_whoever_hears_an_answer_cannot_stop_the_writer(diary: Diary) -> None:
    def throw(_: Future[str]) -> None:
        raise ZeroDivisionError

    note = diary.note("a")
    note.add_done_callback(throw)

    assert diary.note("b").result(SOON_S) == "b"
    assert note.result(SOON_S) == "a"


def test_while_another_process_writes_all_are_sent_away_and_then_served(diary: Diary) -> None:
    diary.submit(lambda tx: tx.session.connection.execute(text("PRAGMA busy_timeout=1"))).result(
        SOON_S
    )
    with closing(sqlite3.connect(diary.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = [diary.note("a"), diary.note("b")]
        for one in refused:
            assert isinstance(one.exception(SOON_S), Unavailable)
        other.execute("ROLLBACK")

    assert diary.note("c").result(SOON_S) == "c"
    assert diary.words() == ["c"]


def test_what_may_have_been_committed_is_not_tried_again(tmp_path: Path) -> None:
    """The database is gone before it answers to COMMIT: all of the group hear of it."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    diary = Diary(home, patience_s=0.1)

    def lose(tx: Notes) -> None:
        def commit() -> None:
            tx.session.connection.connection.driver_connection.commit()
            home.rename(away)
            raise CommitUnknown(b"writer", 1)

        tx.at_end = commit

    go_on = diary.held_up()
    group = [diary.note("once"), diary.submit(lose)]
    go_on()
    assert [type(one.exception(SOON_S)) for one in group] == [CommitUnknown] * 2
    away.rename(home)

    assert diary.note("then").result(SOON_S) == "then"
    assert diary.words() == ["once", "then"]
    diary.close()


# --- the end -------------------------------------------------------------------------------------


def test_closing_writes_what_waits(diary: Diary) -> None:
    go_on = diary.held_up()
    notes = [diary.note(f"n{number}") for number in range(100)]
    closers = [threading.Thread(target=diary.writer.close) for _ in range(3)]
    for closer in closers:
        closer.start()
    go_on()

    for closer in closers:
        closer.join(SOON_S)

    assert not any(closer.is_alive() for closer in closers)
    assert all(note.done() for note in notes)
    assert len(diary.words()) == 100


def test_after_closing_nothing_is_taken_in(diary: Diary) -> None:
    diary.note("a").result(SOON_S)

    diary.writer.close()

    with pytest.raises(Unavailable, match="closed"):
        diary.note("b")
    diary.writer.close()
    assert diary.words() == ["a"]


def test_who_comes_during_the_closing_is_written_or_refused(diary: Diary) -> None:
    """Whoever is taken in is answered: nobody waits for ever."""
    taken: list[Future[str]] = []
    begun = threading.Barrier(5)

    def crowd(name: int) -> None:
        begun.wait(SOON_S)
        for number in range(1_000):
            try:
                taken.append(diary.note(f"{name} {number}"))
            except Unavailable:
                return

    threads = [threading.Thread(target=crowd, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    begun.wait(SOON_S)
    diary.writer.close()
    for thread in threads:
        thread.join(SOON_S)

    assert sorted(note.result(0) for note in taken) == sorted(diary.words())


def test_a_full_queue_takes_no_more(diary: Diary) -> None:
    go_on = diary.held_up()
    taken = [diary.submit(lambda _: None) for _ in range(QUEUE_LIMIT)]

    with pytest.raises(Unavailable, match=f"{QUEUE_LIMIT} writes are waiting"):
        diary.note("too many")

    go_on()
    taken[-1].result(SOON_S)
    assert diary.note("room again").result(SOON_S) == "room again"


def test_what_was_taken_in_cannot_be_called_off(diary: Diary) -> None:
    """It may be on disk already."""
    go_on = diary.held_up()
    note = diary.note("a")

    called_off = note.cancel()

    go_on()
    assert (called_off, note.result(SOON_S)) == (False, "a")


def test_errors_of_ours_pass_as_they_are(diary: Diary) -> None:
    error = diary.submit(refuse, savepoint=True).exception(SOON_S)

    assert isinstance(error, MillraceError)
    assert error.message == "Not this one."
