"""Evaluation data sets and their records."""

from __future__ import annotations

import json

import msgspec
import pytest

from millrace.core.entities.dataset import EvaluationDataset
from millrace.core.errors import NotFound
from millrace.core.filters import EVALUATION_DATASETS
from millrace.stores.protocols import EvaluationStore, Stores, TrackingStore
from tests.contract.build import add_experiment, at_once, new_dataset, new_record, pages, query


def add(evaluation: EvaluationStore, name: str = "questions", **fields: object) -> str:
    """Record a data set; returns its id."""
    return evaluation.add_dataset(new_dataset(name, **fields)).result().dataset_id


def records_of(evaluation: EvaluationStore, dataset_id: str) -> dict[str, str | None]:
    """Expectations by inputs."""
    page = evaluation.records(dataset_id, limit=1_000, after=None)
    assert page.next is None
    found = {record.inputs: record.expectations for record in page.items}
    assert len(found) == len(page.items)
    return found


# Data sets


def test_a_new_data_set_is_read_back_as_it_was_given(
    store: TrackingStore, evaluation: EvaluationStore
) -> None:
    experiments = (add_experiment(store), add_experiment(store))
    fields = {"tags": '{"a": "ä"}', "schema": "s", "profile": "p", "created_by": "ada"}
    given = new_dataset(experiment_ids=experiments, last_updated_by="bob", **fields)

    added = evaluation.add_dataset(given).result()

    assert added == evaluation.dataset(given.dataset_id) == given


def test_a_data_set_needs_its_experiments(evaluation: EvaluationStore) -> None:
    given = new_dataset(experiment_ids=("0", "4711"))

    with pytest.raises(NotFound, match="4711"):
        evaluation.add_dataset(given).result()

    assert evaluation.dataset(given.dataset_id) is None


def test_no_such_data_set_is_none(evaluation: EvaluationStore) -> None:
    assert evaluation.dataset("d-0") is None


def test_a_change_replaces_the_record(store: TrackingStore, evaluation: EvaluationStore) -> None:
    experiment = add_experiment(store)
    given = evaluation.add_dataset(new_dataset(tags="{}", experiment_ids=("0",))).result()
    changed = msgspec.structs.replace(
        given, name="new", tags=None, last_update_time=5, experiment_ids=(experiment,)
    )

    result = evaluation.change_dataset(changed).result()

    assert result == evaluation.dataset(given.dataset_id) == changed
    assert found_in(evaluation, experiment) == [given.dataset_id]
    assert found_in(evaluation, "0") == []


def test_only_what_is_there_is_changed(evaluation: EvaluationStore) -> None:
    given = new_dataset()

    with pytest.raises(NotFound, match=given.dataset_id):
        evaluation.change_dataset(given).result()

    assert evaluation.dataset(given.dataset_id) is None


def test_a_deleted_data_set_is_gone_with_its_records(evaluation: EvaluationStore) -> None:
    deleted, kept = add(evaluation), add(evaluation)
    for one in (deleted, kept):
        evaluation.upsert_records(one, [new_record(one)]).result()

    evaluation.delete_dataset(deleted).result()
    evaluation.delete_dataset(deleted).result()

    assert evaluation.dataset(deleted) is None
    assert records_of(evaluation, deleted) == {}
    assert list(records_of(evaluation, kept)) == ['{"q":1}']
    with pytest.raises(NotFound, match=deleted):
        evaluation.upsert_records(deleted, [new_record(deleted)]).result()


# Records


def test_records_are_read_back_as_they_were_given(evaluation: EvaluationStore) -> None:
    dataset = add(evaluation)
    whole = new_record(
        dataset,
        '{"q": "ü"}',
        expectations="{}",
        outputs="1",
        tags='{"a": 1}',
        source="s",
        source_id="i",
        source_type="HUMAN",
        created_by="ada",
        last_updated_by="ada",
    )
    bare = new_record(dataset, '{"q":2}', created_time=2_000)

    counts = evaluation.upsert_records(dataset, [whole, bare]).result()

    assert counts == (2, 0)
    assert evaluation.records(dataset, limit=9, after=None).items == (whole, bare)


def test_a_record_with_the_same_inputs_is_merged(evaluation: EvaluationStore) -> None:
    """Fields that are not given stay, and so do id and creation; expectations and tags join."""
    dataset = add(evaluation)
    first = new_record(
        dataset, expectations='{"a":1,"b":2}', tags='{"x":"y"}', outputs="1", created_by="ada"
    )
    second = new_record(
        dataset,
        expectations='{"b":3}',
        outputs="2",
        created_time=7,
        created_by="bob",
        last_update_time=9,
        last_updated_by="bob",
    )
    evaluation.upsert_records(dataset, [first]).result()

    counts = evaluation.upsert_records(dataset, [second]).result()

    (found,) = evaluation.records(dataset, limit=9, after=None).items
    assert counts == (0, 1)
    assert json.loads(found.expectations or "") == {"a": 1, "b": 3}
    assert found == msgspec.structs.replace(
        first,
        expectations=found.expectations,
        outputs="2",
        last_update_time=9,
        last_updated_by="bob",
    )


def test_a_data_set_is_described_by_its_records(evaluation: EvaluationStore) -> None:
    dataset = add(evaluation)

    def described() -> tuple[int, str, int]:
        found = evaluation.dataset(dataset)
        assert found is not None
        return (
            json.loads(found.profile or "{}").get("num_records", 0),
            found.digest,
            found.last_update_time,
        )

    def put(inputs: str, at_ms: int) -> None:
        record = new_record(dataset, inputs, dataset_record_id=inputs, last_update_time=at_ms)
        evaluation.upsert_records(dataset, [record]).result()

    seen = [described()]
    put("a", 2_000)
    seen.append(described())
    put("b", 3_000)
    seen.append(described())
    put("a", 4_000)
    seen.append(described())
    evaluation.delete_records(dataset, ["a", "none"]).result()
    seen.append(described())

    assert [count for count, _, _ in seen] == [0, 1, 2, 2, 1]
    assert [at_ms for _, _, at_ms in seen] == [1_000, 2_000, 3_000, 4_000, 4_000]
    assert len({digest for _, digest, _ in seen}) == 5


def test_inserted_and_updated_records_are_counted(evaluation: EvaluationStore) -> None:
    dataset = add(evaluation)
    evaluation.upsert_records(dataset, [new_record(dataset, "a")]).result()
    again = [new_record(dataset, inputs) for inputs in ("b", "a", "c", "b")]

    assert evaluation.upsert_records(dataset, again).result() == (2, 2)
    assert sorted(records_of(evaluation, dataset)) == ["a", "b", "c"]


def test_inputs_are_the_same_to_the_letter(evaluation: EvaluationStore) -> None:
    dataset, inputs = add(evaluation), ["a", "A", "a ", "é", "e\u0301", ""]

    counts = evaluation.upsert_records(dataset, [new_record(dataset, one) for one in inputs])

    assert counts.result() == (6, 0)


def test_data_sets_keep_their_records_apart(evaluation: EvaluationStore) -> None:
    one, other = add(evaluation), add(evaluation)
    evaluation.upsert_records(one, [new_record(one, expectations="1")]).result()
    evaluation.upsert_records(other, [new_record(other, expectations="2")]).result()

    assert records_of(evaluation, one) == {'{"q":1}': "1"}
    assert records_of(evaluation, other) == {'{"q":1}': "2"}


def test_there_are_no_records_without_a_data_set(evaluation: EvaluationStore) -> None:
    with pytest.raises(NotFound, match="d-0"):
        evaluation.upsert_records("d-0", [new_record("d-0")]).result()

    assert evaluation.records("d-0", limit=9, after=None).items == ()


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 9])
def test_records_come_page_by_page_by_creation_then_id(
    evaluation: EvaluationStore, limit: int
) -> None:
    dataset = add(evaluation)
    times = {"dr-c": 1, "dr-a": 2, "dr-b": 2, "dr-0": 3, "dr-9": 1, "dr-Z": 2}
    given = [
        new_record(dataset, inputs=record_id, dataset_record_id=record_id, created_time=time)
        for record_id, time in times.items()
    ]
    evaluation.upsert_records(dataset, given).result()

    found, after = [], None
    while True:
        page = evaluation.records(dataset, limit=limit, after=after)
        found += [record.dataset_record_id for record in page.items]
        after = page.next
        if after is None:
            break
        assert len(page.items) == limit

    assert found == ["dr-9", "dr-c", "dr-Z", "dr-a", "dr-b", "dr-0"]


def test_those_records_are_deleted_that_are_there(evaluation: EvaluationStore) -> None:
    dataset, other = add(evaluation), add(evaluation)
    ids = ["dr-1", "dr-2", "dr-3"]
    given = [new_record(dataset, one, dataset_record_id=one) for one in ids]
    evaluation.upsert_records(dataset, given).result()
    evaluation.upsert_records(other, [new_record(other, dataset_record_id="dr-4")]).result()

    deleted = evaluation.delete_records(dataset, ["dr-1", "dr-3", "dr-4", "dr-5"]).result()
    again = evaluation.delete_records(dataset, ["dr-1"]).result()

    assert (deleted, again) == (2, 0)
    assert list(records_of(evaluation, dataset)) == ["dr-2"]
    assert len(records_of(evaluation, other)) == 1


def test_records_upserted_at_once_are_there_once(evaluation: EvaluationStore) -> None:
    """R4: of many who bring the same inputs one inserts, the others update."""
    dataset = add(evaluation)

    def put(_: int) -> tuple[int, int]:
        return evaluation.upsert_records(
            dataset, [new_record(dataset, f"i{number}") for number in range(5)]
        ).result()

    counts = at_once(put, range(8))

    assert sum(inserted for inserted, _ in counts) == 5
    assert len(records_of(evaluation, dataset)) == 5


# Searching


def found_in(evaluation: EvaluationStore, *experiment_ids: str, **fields: object) -> list[str]:
    page = evaluation.find_datasets(experiment_ids, query(table=EVALUATION_DATASETS, **fields))
    return [dataset.dataset_id for dataset in page.items]


@pytest.fixture
def three(store: TrackingStore, evaluation: EvaluationStore) -> dict[str, str]:
    """Data sets a (oldest) to c by name, in experiments 1, 1 and 2, 2."""
    homes = {"a": ("1",), "b": ("1", "2"), "c": ("2",)}
    for _ in range(2):
        add_experiment(store)
    people = {"a": {"created_by": "ada"}, "b": {"tags": '{"team": "x"}'}, "c": {}}
    return {
        name: add(evaluation, name, created_time=time, experiment_ids=homes[name], **people[name])
        for time, name in enumerate("abc")
    }


@pytest.mark.parametrize(
    ("experiments", "names"),
    [((), "cba"), (("1",), "ba"), (("2",), "cb"), (("1", "2"), "cba"), (("0",), ""), (("9",), "")],
)
def test_data_sets_of_experiments(
    evaluation: EvaluationStore, three: dict[str, str], experiments: tuple[str, ...], names: str
) -> None:
    """The youngest first; of all experiments when none is named."""
    assert found_in(evaluation, *experiments) == [three[name] for name in names]


@pytest.mark.parametrize(
    ("text", "order_by", "names"),
    [
        ("name = 'b'", (), "b"),
        ("name LIKE '%'", ("name",), "abc"),
        ("created_by = 'ada'", (), "a"),
        ("created_by IS NULL", ("name DESC",), "cb"),
        ("tags.team = 'x'", (), "b"),
        ("created_time >= 1", ("created_time",), "bc"),
        ("", ("created_by", "name DESC"), "acb"),
    ],
)
def test_data_sets_by_filter_in_order(
    evaluation: EvaluationStore,
    three: dict[str, str],
    text: str,
    order_by: tuple[str, ...],
    names: str,
) -> None:
    asked = query(text, order_by, table=EVALUATION_DATASETS)

    found = evaluation.find_datasets((), asked).items

    assert [dataset.name for dataset in found] == list(names)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10])
def test_data_sets_page_by_page(stores: Stores, limit: int) -> None:
    """Those that were made at the same time are in order of id."""
    ids = [f"d-{number}" for number in range(5)]
    for dataset_id in reversed(ids):
        stores.evaluation.add_dataset(new_dataset("same", dataset_id=dataset_id)).result()
    asked = query(table=EVALUATION_DATASETS, limit=limit)

    found = pages(lambda one: stores.evaluation.find_datasets((), one), asked)

    listed: list[EvaluationDataset] = [dataset for page in found for dataset in page]
    assert [dataset.dataset_id for dataset in listed] == ids
