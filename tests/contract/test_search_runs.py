"""Searching runs: what matches, in which order, page by page.

The language itself is tested with its parser and, for every store, in tests/differential.
"""

from __future__ import annotations

import itertools
import math
import random

import msgspec
import pytest

from millrace.core.entities.run import RunChange
from millrace.core.tags import DATASET_CONTEXT
from millrace.stores.protocols import TrackingStore
from tests.contract.build import (
    add_experiment,
    add_run,
    batch,
    dataset_input,
    decoded,
    log,
    pages,
    point,
    query,
    read,
    run_ids,
    search,
)
from tests.contract.test_experiments import DELETE as DELETE_EXPERIMENT
from tests.contract.test_runs import DELETE

NAN = math.nan


def add_named(store: TrackingStore, names: str, **fields: object) -> dict[str, str]:
    """One run for each letter, named so, whose id sorts as the letters do."""
    return {
        name: add_run(store, run_id=f"{ord(name):032x}", run_name=name, **fields) for name in names
    }


def names(store: TrackingStore, text: str = "", *order_by: str, **fields: object) -> str:
    """Names of the matching runs of experiment 0, in order."""
    page = store.find_runs(["0"], query(text, order_by, **fields))
    return "".join(decoded(document).info.run_name for document in page.items)


# What is found


def test_a_search_gives_whole_runs(store: TrackingStore) -> None:
    run = add_run(store, tags={"t": "1"})
    whole = batch(point(NAN), params={"p": "1"}, datasets=(dataset_input(),))
    store.append(run, whole).result()

    (found,) = store.find_runs(["0"], query()).items

    assert decoded(found).info == read(store, run).info
    assert msgspec.json.decode(found) == msgspec.json.decode(store.run(run) or b"")


def test_only_the_named_experiments_are_searched(store: TrackingStore) -> None:
    experiments = [add_experiment(store) for _ in range(3)]
    runs = [add_run(store, experiment) for experiment in experiments]

    def found(*ids: str) -> set[str]:
        return set(run_ids(store.find_runs(ids, query()).items))

    assert found(experiments[0]) == {runs[0]}
    assert found(experiments[0], experiments[2]) == {runs[0], runs[2]}
    assert found(experiments[0], experiments[0]) == {runs[0]}
    assert found("4711", experiments[1]) == {runs[1]}
    assert found("4711") == found() == set()


def test_views(store: TrackingStore) -> None:
    runs = add_named(store, "abc")
    store.change_run(runs["b"], DELETE).result()

    found = {view: names(store, view=view) for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")}

    assert found == {"ACTIVE_ONLY": "ac", "DELETED_ONLY": "b", "ALL": "abc"}


def test_runs_of_a_deleted_experiment_are_among_the_deleted(store: TrackingStore) -> None:
    experiment = add_experiment(store)
    run = add_run(store, experiment)
    store.change_experiment(experiment, DELETE_EXPERIMENT).result()

    assert search(store, experiment) == []
    assert search(store, experiment, view="DELETED_ONLY") == [run]


def test_a_search_sees_the_latest_of_everything(store: TrackingStore) -> None:
    run = add_run(store, tags={"t": "old"}, run_name="old")
    log(store, run, point(1, 0), point(9, 1))
    store.append(run, batch(tags={"t": "new"}, run_name="new")).result()
    store.change_run(run, RunChange(status="FINISHED", end_time=7)).result()

    for text in ("metrics.m = 9", "tags.t = 'new'", "run_name = 'new'", "end_time = 7"):
        assert search(store, "0", text) == [run], text
    for text in ("metrics.m = 1", "tags.t = 'old'", "run_name = 'old'", "status = 'RUNNING'"):
        assert search(store, "0", text) == [], text


def test_a_deleted_tag_is_not_found(store: TrackingStore) -> None:
    run = add_run(store, tags={"t": "1"})
    store.append(run, batch(delete_tags=("t",))).result()

    assert search(store, "0", "tags.t = '1'") == search(store, "0", "tags.t IS NOT NULL") == []
    assert search(store, "0", "tags.t IS NULL") == [run]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.m.min = -1", "a"),
        ("metrics.m.max > 4", "a"),
        ("metrics.m.mean = 2", "a"),
        ("metrics.m.first = 3", "a"),
        ("metrics.m.last = 1", "a"),
        ("metrics.m.count = 4", "a"),
        ("metrics.m.count >= 1", "abn"),
        ("metrics.m.min_step = 2", "a"),
        ("metrics.m.max_step = 1", "a"),
        ("metrics.m.max IS NULL", "z"),
        ("metrics.m.max IS NOT NULL", "abn"),
        ("metrics.m.max != 5", "bn"),
        ("metrics.m.min_step != 2", "bn"),
        ("metrics.m.min_step IS NULL", "z"),
        ("metrics.m.mean <= 2", "ab"),
        ("metrics.m.first != 3", "bn"),
    ],
)
def test_aggregates_of_all_points(store: TrackingStore, text: str, expected: str) -> None:
    """Run n has logged nothing but NaN, z has logged nothing."""
    runs = add_named(store, "abnz", start_time=0)
    log(store, runs["a"], point(3, 0), point(5, 1), point(-1, 2), point(1, 2, 1))
    log(store, runs["a"], point(-1, 2))
    log(store, runs["b"], point(0.5, 7))
    log(store, runs["n"], point(NAN, 0))

    assert names(store, text) == expected


@pytest.mark.parametrize("has_it", [False, True])
def test_an_ambiguous_name_is_a_key_where_any_run_has_that_key(
    store: TrackingStore, has_it: bool
) -> None:
    """Also when that run is in the trash: what a filter means must not hang on it."""
    runs = add_named(store, "ab")
    log(store, runs["a"], point(1, 0, key="loss"), point(5, 1, key="loss"))
    if has_it:
        log(store, runs["b"], point(9, key="loss.min"))
        store.change_run(runs["b"], DELETE).result()

    found = names(store, "metrics.loss.min = 1")
    as_key = names(store, "metrics.`loss.min` = 9", view="ALL")

    assert found == ("" if has_it else "a")
    assert as_key == ("b" if has_it else "")
    assert names(store, "metrics.`loss`.min = 1") == "a"


def test_a_key_of_another_experiment_settles_nothing(store: TrackingStore) -> None:
    runs = add_named(store, "a")
    log(store, runs["a"], point(1, key="loss"))
    elsewhere = add_run(store, add_experiment(store))
    log(store, elsewhere, point(9, key="loss.min"))

    assert names(store, "metrics.loss.min = 1") == "a"


def test_data_sets_are_found_by_any_of_them(store: TrackingStore) -> None:
    runs = add_named(store, "abc", start_time=0)
    train = dataset_input("iris", "d1", tags={DATASET_CONTEXT: "train"})
    other = dataset_input("wine", "d2", tags={"x": "y"})
    store.append(runs["a"], batch(datasets=(train, other))).result()
    store.append(runs["b"], batch(datasets=(other,))).result()

    assert names(store, "datasets.name = 'iris'") == "a"
    assert names(store, "datasets.name = 'wine' and dataset.digest LIKE 'd%'") == "ab"
    assert names(store, "datasets.name != 'iris'") == "ab"
    assert names(store, "NOT datasets.name = 'iris'") == "bc"
    assert names(store, "datasets.context = 'train'") == "a"
    assert names(store, "datasets.context IS NULL") == "bc"


# Order


def test_without_an_order_the_youngest_come_first_then_by_id(store: TrackingStore) -> None:
    for name, start_time in zip("abcde", (5, 7, 5, 0, 7), strict=True):
        add_named(store, name, start_time=start_time)

    assert names(store) == "beacd"


ORDERS = [
    ("metrics.m", "abdcef"),
    ("metrics.m DESC", "dbacef"),
    ("metrics.m.max", "abdcef"),
    ("metrics.m.count DESC", "bacdef"),
    ("params.p", "badcef"),
    ("params.p DESC", "cdabef"),
    ("tags.t", "badcef"),
    ("tags.t DESC", "cdabef"),
    ("start_time", "efcdab"),
    ("start_time DESC", "abcdef"),
    ("end_time", "cabdef"),
    ("end_time DESC", "bacdef"),
    ("status", "cdbaef"),
    ("status DESC", "efabdc"),
    ("run_name", "abcdef"),
    ("run_name DESC", "fedcba"),
    ("run_id", "abcdef"),
    ("run_id DESC", "fedcba"),
    ("user_id", "bacdef"),
    ("user_id DESC", "acdefb"),
    ("artifact_uri", "abcdef"),
    ("artifact_uri DESC", "fedcba"),
    ("experiment_id", "abcdef"),
]


@pytest.fixture
def six(store: TrackingStore) -> dict[str, str]:
    """Runs a to f. Started at 5, 5, 4, 4, 3, 3; e and f have almost nothing; c's metric is NaN."""
    rows = {
        "a": (5, 2, "RUNNING", "eve", [1.0], "b"),
        "b": (5, 3, "KILLED", "Eve", [3.0, 2.0], "B"),
        "c": (4, 1, "FAILED", "eve", [NAN], "é"),
        "d": (4, None, "FINISHED", "eve", [math.inf], "bb"),
        "e": (3, None, "SCHEDULED", "eve", [], None),
        "f": (3, None, "SCHEDULED", "eve", [], None),
    }
    made = {}
    for name, (start, end, status, user, values, text) in rows.items():
        fields = {"status": status, "end_time": end, "user_id": user}
        made |= add_named(store, name, start_time=start, **fields)
        log(store, made[name], *(point(value, step) for step, value in enumerate(values)))
        if text is not None:
            store.append(made[name], batch(params={"p": text}, tags={"t": text})).result()
    return made


@pytest.mark.parametrize(("order_by", "expected"), ORDERS)
def test_order(store: TrackingStore, six: dict[str, str], order_by: str, expected: str) -> None:
    """NaN after all numbers, runs without the value last, both ways; ties by start, then id."""
    assert names(store, "", order_by) == expected


def test_later_keys_decide_where_earlier_ones_are_equal(
    store: TrackingStore, six: dict[str, str]
) -> None:
    assert names(store, "", "start_time", "metrics.m DESC", "run_name DESC") == "fedcba"
    assert names(store, "", "metrics.none", "user_id", "run_name DESC") == "bfedca"


def test_both_zeros_are_one_number_to_a_filter_and_neighbours_in_order(
    store: TrackingStore,
) -> None:
    runs = add_named(store, "abcd", start_time=0)
    for name, value in zip("abcd", (0.0, -0.0, 0.0, -1.0), strict=True):
        log(store, runs[name], point(value))

    assert names(store, "metrics.m = 0") == names(store, "metrics.m >= 0") == "abc"
    assert names(store, "metrics.m > 0") == ""
    assert names(store, "metrics.m < 0") == "d"
    assert names(store, "", "metrics.m") == "".join(paged(store, 1, "metrics.m")) == "dbac"
    assert (
        names(store, "", "metrics.m DESC") == "".join(paged(store, 1, "metrics.m DESC")) == "acbd"
    )


def test_text_is_ordered_by_code_point(store: TrackingStore) -> None:
    texts = ["", " ", "10", "9", "A", "Z", "a", "ab", "é", "日", "\uffff", "🙂"]
    for number, text in enumerate(random.Random(1).sample(texts, len(texts))):
        add_run(store, run_id=f"{number:032x}", tags={"t": text})

    for direction, expected in (("ASC", texts), ("DESC", texts[::-1])):
        found = store.find_runs(["0"], query("", [f"tags.t {direction}"])).items
        assert [decoded(document).data.tags["t"] for document in found] == expected


# Pages


def paged(store: TrackingStore, limit: int, *order_by: str, text: str = "") -> list[str]:
    """The names on each page."""
    found = pages(lambda one: store.find_runs(["0"], one), query(text, order_by, limit=limit))
    return ["".join(decoded(document).info.run_name for document in page) for page in found]


@pytest.mark.parametrize("order_by", ["", *(key for key, _ in ORDERS)])
def test_pages_are_the_whole_in_pieces(
    store: TrackingStore, six: dict[str, str], order_by: str
) -> None:
    orders = (order_by,) if order_by else ()
    whole = names(store, "", *orders)

    for limit in (1, 2, 3, 4, 5, 6, 7):
        assert "".join(paged(store, limit, *orders)) == whole


@pytest.mark.parametrize(
    "order_by", list(itertools.permutations(["metrics.m DESC", "params.p", "end_time DESC"], 2))
)
def test_pages_by_several_keys(
    store: TrackingStore, six: dict[str, str], order_by: tuple[str, ...]
) -> None:
    whole = names(store, "", *order_by)

    for limit in (1, 2, 3):
        assert "".join(paged(store, limit, *order_by)) == whole


def test_pages_of_what_a_filter_leaves(store: TrackingStore, six: dict[str, str]) -> None:
    found = paged(store, 2, "metrics.m DESC", text="metrics.m IS NOT NULL")

    assert found == ["db", "ac"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tags.t LIKE '%even%'", "geca"),
        ("tags.t ILIKE '%EVEN%' and params.p > '2'", "ge"),
        ("tags.t LIKE '%even%' and tags.t LIKE '%odd%'", ""),
        ("tags.t != 'odd 3' and not params.p = '4'", "gfcba"),
        ("tags.t LIKE '%even%' or params.p = '5'", "gfeca"),
        ("tags.t LIKE '%even%' and start_time > 3", "ge"),
    ],
)
def test_pages_of_the_latest_that_match(store: TrackingStore, text: str, expected: str) -> None:
    """Also when the same was asked a moment ago, and runs are added meanwhile."""
    for number, name in enumerate("abcdefg"):
        _add_tagged(store, name, number)

    for limit in (1, 2, 4, 10, 2):
        assert "".join(paged(store, limit, text=text)) == expected
    _add_tagged(store, "i", 8)
    rest = "i" if ("even" in text.lower() and expected) or "!=" in text else ""
    assert "".join(paged(store, 2, text=text)) == rest + expected


def _add_tagged(store: TrackingStore, name: str, number: int) -> None:
    tags = {"t": f"{'odd' if number % 2 else 'even'} {number}"}
    run_id = add_run(store, run_name=name, start_time=number, tags=tags)
    store.append(run_id, batch(params={"p": str(number)})).result()


def test_searches_of_one_shape_share_no_values(store: TrackingStore) -> None:
    runs = add_named(store, "abcd", start_time=0)
    for name, value in zip("abcd", (1.0, 2.0, 2.5, 4.0), strict=True):
        store.append(runs[name], batch(point(value), params={"p": f"{name}%"})).result()

    for order in ("", "metrics.m", "params.p"):
        assert names(store, "metrics.m < 2", order or "run_name") == "a"
        assert names(store, "metrics.m < 3", order or "run_name") == "abc"
        assert names(store, "metrics.m < 3 and params.p = 'b%'", order or "run_name") == "b"
        assert names(store, "metrics.m < 3 and params.p = 'c%'", order or "run_name") == "c"
        assert names(store, "metrics.m < 2 or metrics.m > 3", order or "run_name") == "ad"
        assert names(store, "metrics.m < 2 or metrics.m > 2", order or "run_name") == "acd"
        assert names(store, "params.p LIKE 'a_'", order or "run_name") == "a"
        assert names(store, f"params.p <= '{'c' * 300}'", order or "run_name") == "abc"


@pytest.mark.parametrize("text", ["", "params.p = '1'"])
def test_a_search_that_is_asked_again_sees_what_happened_meanwhile(
    store: TrackingStore, text: str
) -> None:
    """Whatever is remembered of how it was answered before, and of runs that have not changed."""
    runs = add_named(store, "abcd")
    for value, run in enumerate(runs.values()):
        log(store, run, point(value))
        store.append(run, batch(params={"p": "1"})).result()

    def best() -> str:
        return names(store, text, "metrics.m DESC", limit=2)

    assert [best() for _ in range(3)] == ["dc"] * 3
    log(store, runs["a"], point(9))
    assert [best() for _ in range(3)] == ["ad"] * 3
    store.change_run(runs["d"], RunChange(run_name="z")).result()
    assert [best() for _ in range(3)] == ["az"] * 3
    for name in "dc":
        store.change_run(runs[name], DELETE).result()
    assert [best() for _ in range(3)] == ["ab"] * 3
    store.change_run(runs["b"], DELETE).result()
    assert [best() for _ in range(3)] == ["a"] * 3


def test_a_last_page_that_is_full_is_the_last(store: TrackingStore, six: dict[str, str]) -> None:
    assert store.find_runs(["0"], query(limit=6)).next is None
    assert store.find_runs(["0"], query(limit=5)).next is not None


@pytest.mark.parametrize("order_by", [(), ("metrics.m",), ("tags.t DESC",)])
def test_runs_that_come_meanwhile_neither_shift_nor_repeat_others(
    store: TrackingStore, order_by: tuple[str, ...]
) -> None:
    """R4: whatever is added or deleted between two pages, what was there is listed once."""
    dice = random.Random(3)

    def add(number: int) -> str:
        run = add_run(store, start_time=dice.randrange(50), tags={"t": str(dice.randrange(50))})
        log(store, run, point(number % 7))
        return run

    before = [add(number) for number in range(40)]
    doomed = set(before[::5])
    seen: list[str] = []
    asked = query("", order_by, limit=7)
    while True:
        page = store.find_runs(["0"], asked)
        seen += run_ids(page.items)
        if page.next is None:
            break
        asked = msgspec.structs.replace(asked, after=page.next)
        for number in range(5):
            add(number)
        unseen = doomed.difference(seen)
        if unseen:
            store.change_run(unseen.pop(), DELETE).result()

    assert len(seen) == len(set(seen))
    assert set(before) - doomed <= set(seen)


def test_a_position_is_made_of_plain_values(store: TrackingStore, six: dict[str, str]) -> None:
    """It travels in a token, so it must come back from MessagePack as it was."""
    for order_by, _ in ORDERS:
        for limit in range(1, 6):
            page = store.find_runs(["0"], query("", [order_by], limit=limit))
            assert page.next is not None
            packed = msgspec.msgpack.encode(page.next)
            unpacked = tuple(msgspec.msgpack.decode(packed))
            asked = query("", [order_by], after=unpacked)
            rest = run_ids(store.find_runs(["0"], asked).items)
            assert run_ids(page.items) + rest == search(store, "0", "", order_by)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("tags.t RLIKE '^a+b$'", {"aab"}),
        ("tags.t NOT RLIKE '^a+b$'", {"AAB", "(a+)+b"}),
        ("NOT tags.t RLIKE '^a+b$'", {"AAB", "(a+)+b", ""}),
        ("tags.t RLIKE '(?i)^A+B$' AND run_name RLIKE '.'", {"aab", "AAB"}),
        ("run_name RLIKE '[+]'", {"(a+)+b"}),
        ("status RLIKE 'RUN' AND tags.t RLIKE 'B'", {"AAB"}),
        ("tags.t RLIKE 'nothing'", set()),
    ],
)
def test_patterns_are_those_of_re2(store: TrackingStore, condition: str, found: set[str]) -> None:
    """Whatever the database's own regular expressions are."""
    for name in ("aab", "AAB", "(a+)+b"):
        add_run(store, run_name=name, tags={"t": name})
    add_run(store, run_name="")

    names = {read(store, run).info.run_name for run in search(store, "0", condition)}

    assert names == found


# Longer than what an index of a database server holds of a text

BEGINNING = "é" * 250
LONG = {
    "a": BEGINNING[1:] + "a",
    "b": BEGINNING,
    "c": BEGINNING + "B",
    "d": BEGINNING + "a",
    "e": BEGINNING + "é" * 5_000,
    "f": BEGINNING + "é" * 5_000 + "a",
    "g": BEGINNING[:-1] + "ê",
}


def long_texts(store: TrackingStore, entity: str) -> None:
    """Runs with the texts of `LONG`, recorded in another order than their own, and one without."""
    made = add_named(store, "gbfacedz")
    for name, text in LONG.items():
        held = {f"{entity}s": {"long": text}}
        store.append(made[name], batch(**held)).result()


@pytest.mark.parametrize("entity", ["param", "tag"])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"= '{LONG['b']}'", "b"),
        (f"= '{LONG['e']}'", "e"),
        (f"!= '{LONG['e']}'", "abcdfg"),
        (f"> '{LONG['d']}'", "efg"),
        (f">= '{LONG['d']}'", "defg"),
        (f"< '{LONG['d']}'", "abc"),
        (f"<= '{LONG['d']}'", "abcd"),
        (f"LIKE '{LONG['b']}%'", "bcdef"),
    ],
    ids=["=", "= longer", "!=", ">", ">=", "<", "<=", "LIKE"],
)
def test_long_texts_are_told_apart(
    store: TrackingStore, entity: str, text: str, found: str
) -> None:
    long_texts(store, entity)

    order = (f"{entity}s.long ASC",)

    assert names(store, f"{entity}s.long {text}", *order) == found
    assert "".join(sorted(names(store, f"{entity}s.long {text}"))) == found


@pytest.mark.parametrize("entity", ["param", "tag"])
@pytest.mark.parametrize(("way", "expected"), [("ASC", "abcdefgz"), ("DESC", "gfedcbaz")])
@pytest.mark.parametrize("limit", [1, 3])
def test_long_texts_are_in_order_on_all_pages(
    store: TrackingStore, entity: str, way: str, expected: str, limit: int
) -> None:
    long_texts(store, entity)

    asked = query("", (f"{entity}s.long {way}",), limit=limit)
    found = pages(lambda one: store.find_runs(["0"], one), asked)

    shown = "".join(decoded(document).info.run_name for page in found for document in page)
    assert shown == expected
