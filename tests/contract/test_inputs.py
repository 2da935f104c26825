"""What a run read and made: data sets and logged models."""

from __future__ import annotations

import pytest

from millrace.core.entities.dataset import DatasetSummary
from millrace.core.entities.run import ModelInput, ModelOutput
from millrace.core.tags import DATASET_CONTEXT
from millrace.stores.protocols import TrackingStore
from tests.contract.build import add_experiment, add_run, at_once, batch, dataset_input, read


def used_for(context: str) -> dict[str, str]:
    return {DATASET_CONTEXT: context}


def datasets_of(store: TrackingStore, run_id: str) -> list[tuple[str, str, dict[str, str]]]:
    return [
        (entry.dataset.name, entry.dataset.digest, entry.tags)
        for entry in read(store, run_id).inputs.dataset_inputs
    ]


def models_of(store: TrackingStore, run_id: str) -> tuple[list[str], dict[str, int]]:
    run = read(store, run_id)
    made = {model.model_id: model.step for model in run.outputs.model_outputs}
    assert len(made) == len(run.outputs.model_outputs)
    return [model.model_id for model in run.inputs.model_inputs], made


# Data sets


def test_a_data_set_is_read_back_as_it_was_given(store: TrackingStore) -> None:
    run = add_run(store)
    fields = {"source_type": "s3", "source": '{"uri": "ü"}', "schema": "[]", "profile": '{"n": 1}'}
    given = dataset_input("iris", "d1", tags=used_for("train") | {"a": "ä"}, **fields)

    store.append(run, batch(datasets=(given,))).result()

    (found,) = read(store, run).inputs.dataset_inputs
    assert found.dataset == given.dataset
    assert found.tags == given.tags


def test_absent_fields_of_a_data_set_stay_absent(store: TrackingStore) -> None:
    run = add_run(store)

    store.append(run, batch(datasets=(dataset_input(),))).result()

    (found,) = read(store, run).inputs.dataset_inputs
    assert (found.dataset.schema, found.dataset.profile, found.tag_list) == (None, None, ())


def test_data_sets_are_in_the_order_in_which_they_were_logged(store: TrackingStore) -> None:
    run, names = add_run(store), ["c", "a", "b"]

    store.append(run, batch(datasets=tuple(dataset_input(name) for name in names))).result()
    store.append(run, batch(datasets=(dataset_input("0"),))).result()

    assert [name for name, _, _ in datasets_of(store, run)] == [*names, "0"]


def test_a_data_set_logged_again_stays_as_it_is(store: TrackingStore) -> None:
    """So that a repeated request changes nothing."""
    run = add_run(store)
    store.append(run, batch(datasets=(dataset_input(tags=used_for("train")),))).result()

    again = (dataset_input(tags=used_for("test")), dataset_input())
    store.append(run, batch(datasets=again)).result()

    assert datasets_of(store, run) == [("iris", "d1", used_for("train"))]


@pytest.mark.parametrize("other", [("Iris", "d1"), ("iris", "D1"), ("iris", ""), ("iris ", "d1")])
def test_another_name_or_digest_is_another_data_set(
    store: TrackingStore, other: tuple[str, str]
) -> None:
    run = add_run(store)

    store.append(run, batch(datasets=(dataset_input("iris", "d1"), dataset_input(*other)))).result()

    assert [found[:2] for found in datasets_of(store, run)] == [("iris", "d1"), other]


def test_runs_of_an_experiment_share_a_data_set(store: TrackingStore) -> None:
    """The first to log it says what it is; in another experiment it is another one."""
    experiment, elsewhere = add_experiment(store), add_experiment(store)
    runs = [add_run(store, home) for home in (experiment, experiment, elsewhere)]

    for run, source in zip(runs, ("first", "second", "third"), strict=True):
        data = dataset_input(source=source, tags=used_for(source))
        store.append(run, batch(datasets=(data,))).result()

    found = [read(store, run).inputs.dataset_inputs[0] for run in runs]
    assert [entry.dataset.source for entry in found] == ["first", "first", "third"]
    assert [entry.tags for entry in found] == [used_for(n) for n in ("first", "second", "third")]


def test_data_sets_logged_at_once_are_there_once(store: TrackingStore) -> None:
    """R4: runs that name the same data set at the same time share it."""
    experiment = add_experiment(store)
    runs = [add_run(store, experiment) for _ in range(8)]
    data = tuple(dataset_input(f"n{number}") for number in range(4))

    at_once(lambda run: store.append(run, batch(datasets=data)).result(), runs * 2)

    for run in runs:
        assert sorted(name for name, _, _ in datasets_of(store, run)) == ["n0", "n1", "n2", "n3"]
    assert len(store.dataset_summaries([experiment])) == 4


# Summaries of data sets


def test_summaries_tell_name_digest_and_context_once(store: TrackingStore) -> None:
    experiment, other = add_experiment(store), add_experiment(store)
    first, second = add_run(store, experiment), add_run(store, experiment)
    elsewhere = add_run(store, other)
    train, test = dataset_input(tags=used_for("train")), dataset_input(tags=used_for("test"))
    store.append(first, batch(datasets=(train, dataset_input("b", tags={"a": "b"})))).result()
    store.append(second, batch(datasets=(train,))).result()
    store.append(add_run(store, experiment), batch(datasets=(test,))).result()
    store.append(elsewhere, batch(datasets=(train,))).result()

    def summary(name: str, digest: str, context: str | None, of: str) -> DatasetSummary:
        return DatasetSummary(experiment_id=of, name=name, digest=digest, context=context)

    found = store.dataset_summaries([experiment])
    of_both = store.dataset_summaries([experiment, other])

    expected = {
        summary("iris", "d1", "train", experiment),
        summary("iris", "d1", "test", experiment),
        summary("b", "d1", None, experiment),
    }
    assert len(found) == 3
    assert set(found) == expected
    assert set(of_both) == expected | {summary("iris", "d1", "train", other)}


def test_there_are_no_summaries_where_no_data_set_was_read(store: TrackingStore) -> None:
    add_run(store)

    assert store.dataset_summaries(["0"]) == store.dataset_summaries(["4711"]) == []
    assert store.dataset_summaries([]) == []


# Models


def test_models_in_and_out(store: TrackingStore) -> None:
    """Their ids are not looked up: a model may be announced after the run that reads it."""
    run = add_run(store)
    inputs = (ModelInput(model_id="m-2"), ModelInput(model_id="m-1"))
    outputs = (ModelOutput(model_id="m-3", step=5), ModelOutput(model_id="m-1", step=-(2**63)))

    store.append(run, batch(model_inputs=inputs, model_outputs=outputs)).result()

    found = read(store, run)
    assert found.inputs.model_inputs == inputs
    assert found.outputs.model_outputs == outputs


def test_a_model_logged_again_stays_as_it_is(store: TrackingStore) -> None:
    run = add_run(store)
    one = batch(
        model_inputs=(ModelInput(model_id="m-1"),),
        model_outputs=(ModelOutput(model_id="m-1", step=1),),
    )
    again = batch(
        model_inputs=(ModelInput(model_id="m-1"), ModelInput(model_id="m-0")),
        model_outputs=(ModelOutput(model_id="m-1", step=2), ModelOutput(model_id="m-0", step=3)),
    )

    store.append(run, one).result()
    store.append(run, again).result()

    assert models_of(store, run) == (["m-1", "m-0"], {"m-1": 1, "m-0": 3})
