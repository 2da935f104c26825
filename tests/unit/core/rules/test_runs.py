"""What may be logged to a run, and how its name is settled."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core import tags
from millrace.core.entities.entity import KeyValue, mapping
from millrace.core.entities.run import STATUS_NUMBERS, ParamClash
from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits, runs

NAME = tags.RUN_NAME


def tag_list(*entries: tuple[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value) for key, value in entries]


@pytest.mark.parametrize(("number", "name"), STATUS_NUMBERS.items())
def test_a_status_by_name_or_number(number: int, name: str) -> None:
    assert runs.status(number) == runs.status(name) == name  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [-1, 0, 6, 2**40])
def test_no_such_status(number: int) -> None:
    with pytest.raises(InvalidArgument, match="3 FINISHED"):
        runs.status(number)


@pytest.mark.parametrize(
    ("make", "limit"),
    [(runs.param, limits.PARAM_VALUE_LENGTH), (runs.tag, limits.RUN_TAG_VALUE_LENGTH)],
)
def test_a_long_value_is_cut_or_refused(make: Callable[..., KeyValue], limit: int) -> None:
    """By characters, not bytes."""
    fits, too_long = "ü" * limit, "ü" * limit + "!"

    assert make("k", fits, truncate=False).value == fits
    assert make("k", too_long, truncate=True).value == fits
    with pytest.raises(InvalidArgument, match=f"'k' exceeds .* {limit} .* has {limit + 1}"):
        make("k", too_long, truncate=False)


@pytest.mark.parametrize("make", [runs.param, runs.tag])
def test_an_absent_value_is_empty_and_the_key_is_checked(make: Callable[..., KeyValue]) -> None:
    assert make("k", None, truncate=True) == KeyValue(key="k", value="")
    with pytest.raises(InvalidArgument):
        make("a//b", "", truncate=True)


@pytest.mark.parametrize(("name", "digest"), [(None, None), ("", ""), (None, ""), ("d", "1")])
def test_a_metric_names_its_data_set_whole(name: str | None, digest: str | None) -> None:
    runs.dataset_of_metric(name, digest)


@pytest.mark.parametrize(("name", "digest"), [("d", None), (None, "1"), ("d", ""), ("", "1")])
def test_half_a_data_set_is_none(name: str | None, digest: str | None) -> None:
    with pytest.raises(InvalidArgument):
        runs.dataset_of_metric(name, digest)


@pytest.mark.parametrize("sizes", [(0, 0, 0), (1000, 0, 0), (0, 100, 100), (800, 100, 100)])
def test_a_batch_of_allowed_size(sizes: tuple[int, int, int]) -> None:
    metrics, params, tagged = ([None] * size for size in sizes)

    runs.batch_sizes(metrics, params, tagged)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ((1001, 0, 0), "at most 1000 metrics; this one has 1001"),
        ((0, 101, 0), "at most 100 params; this one has 101"),
        ((0, 0, 101), "at most 100 tags; this one has 101"),
        ((801, 100, 100), "at most 1000 metrics, params and tags; this one has 1001"),
        ((1000, 0, 1), "at most 1000 metrics, params and tags; this one has 1001"),
    ],
)
def test_a_batch_that_is_too_large(sizes: tuple[int, int, int], told: str) -> None:
    metrics, params, tagged = ([None] * size for size in sizes)

    with pytest.raises(InvalidArgument, match=told):
        runs.batch_sizes(metrics, params, tagged)


def test_a_param_is_named_once_in_a_batch() -> None:
    runs.distinct_params(tag_list(("a", "1"), ("A", "1"), ("b", "1")))

    with pytest.raises(InvalidArgument, match="'a', 'b'"):
        runs.distinct_params(tag_list(("b", "1"), ("a", "1"), ("c", "1"), ("a", "1"), ("b", "2")))


@given(entries=st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=1))))
def test_of_tags_with_one_key_the_last_wins(entries: list[tuple[str, str]]) -> None:
    kept = runs.last_of_each(tag_list(*entries))

    assert mapping(kept) == dict(entries)
    assert len(kept) == len(dict(entries))


def test_every_clash_is_named_with_both_values() -> None:
    clashes = [ParamClash(key="lr", old="0.1", new="0.2"), ParamClash(key="seed", old="1", new="")]

    error = runs.param_clash("r1", clashes)

    assert isinstance(error, InvalidArgument)
    for word in ("r1", "'lr'", "'0.1'", "'0.2'", "'seed'", "'1'", "''"):
        assert word in error.message


@pytest.mark.parametrize(
    ("name", "given_tags", "settled"),
    [
        ("a", [], "a"),
        (None, [(NAME, "a")], "a"),
        ("", [(NAME, "a")], "a"),
        ("a", [(NAME, "a")], "a"),
        ("a", [(NAME, "")], "a"),
        (None, [(NAME, "b"), (NAME, "a")], "a"),
        ("a", [(NAME, "b"), (NAME, "a")], "a"),
        ("größe 😀", [], "größe 😀"),
    ],
)
def test_name_and_tag_are_settled(
    name: str | None, given_tags: Sequence[tuple[str, str]], settled: str
) -> None:
    found, kept = runs.settled_name(name, tag_list(*given_tags, ("k", "v")))

    assert found == settled
    assert mapping(kept) == {NAME: settled, "k": "v"}
    assert len(kept) == 2


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_name_one_is_made_up(name: str | None) -> None:
    for given_tags in ([], tag_list((NAME, ""))):
        found, kept = runs.settled_name(name, given_tags)

        assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", found)
        assert mapping(kept) == {NAME: found}


@pytest.mark.parametrize(
    ("name", "given_tags"),
    [
        ("a", [(NAME, "b")]),
        ("a", [(NAME, "a"), (NAME, "b")]),
        ("a\n", []),
        (None, [(NAME, "\u202e")]),
    ],
)
def test_no_name_is_settled(name: str | None, given_tags: Sequence[tuple[str, str]]) -> None:
    with pytest.raises(InvalidArgument):
        runs.settled_name(name, tag_list(*given_tags))


@pytest.mark.parametrize(
    ("given_tags", "name"),
    [([], None), ([("k", "v")], None), ([(NAME, "")], None), ([("k", "v"), (NAME, "a")], "a")],
)
def test_a_tag_that_renames(given_tags: Sequence[tuple[str, str]], name: str | None) -> None:
    assert runs.renamed_by(tag_list(*given_tags)) == name


def test_a_tag_cannot_rename_to_what_no_name_may_be() -> None:
    with pytest.raises(InvalidArgument, match="U\\+0007"):
        runs.renamed_by(tag_list((NAME, "a\a")))
