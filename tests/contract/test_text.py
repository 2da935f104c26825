"""All of Unicode, empty and long: every text comes back as it was given (R21)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.core.entities.entity import KeyValue
from millrace.stores.protocols import Stores
from tests.contract.build import (
    add_experiment,
    batch,
    bits,
    dataset_input,
    history,
    new_dataset,
    new_model,
    new_record,
    new_run,
    point,
    read,
    search,
)

TEXTS = {
    "empty": "",
    "blanks": " \t\n\r ",
    "accents": "àéîõü ÀÉÎÕÜ ß \u017f \u212a \u0131 İ",
    "composed and not": "\u00e9 e\u0301 \uac00 \u1100\u1161",
    "scripts": "日本語 العربية हिन्दी ไทย ελληνικά кириллица",
    "beyond 16 bits": "🙂👩\u200d🔬🏳\ufe0f\u200d🌈 \U00010348 \U0010fffd",
    "directions": "\u202eabc\u202c \u200f\u2066x\u2069",
    "separators": "\u2028\u2029\u00a0\ufeff\u200b\u0085",
    "controls": "\x01\x02\x1b\x7f\x80",
    "quotes": "' '' \" ` \\ \\' %_ $1 :x ?1 {} -- /* */ ; \\x00 \\u0000",
    "surrogate-like": "\ud7ff\ue000\ufffd\uffff",
    "long": "ö🙂" * 4_000,
}

# Everything but lone surrogates, which are no Unicode text, and NUL, which the rules refuse.
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_comes_back_as_it_was_given(stores: Stores, text: str) -> None:
    check(stores, text)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(text=any_text)
def test_any_text_comes_back_as_it_was_given(stores: Stores, text: str) -> None:
    check(stores, text)


def check(stores: Stores, text: str) -> None:
    """Put *text* wherever a record holds text, and look for it."""
    store, short = stores.tracking, text[:36]
    tag = KeyValue(key="t", value=text)
    experiment = add_experiment(store, tags=(tag,))
    run = new_run(experiment, tags={"t": text}, user_id=short, run_name=text, artifact_uri="s3://b")
    run_id = store.add_run(run).result().info.run_id
    data = dataset_input(
        name=text[:500], digest=short, source=text, profile=text, schema=text, tags={"t": text}
    )
    store.append(run_id, batch(params={"p": text}, datasets=(data,))).result()
    model = store.add_logged_model(
        new_model(
            experiment, name=text, params={"p": text}, tags={"t": text}, artifact_uri="s3://b"
        )
    ).result()
    dataset = new_dataset(text, tags=text, schema=text)
    stores.evaluation.add_dataset(dataset).result()
    assert stores.evaluation.dataset(dataset.dataset_id) == dataset
    record = new_record(dataset.dataset_id, text, expectations=text)
    stores.evaluation.upsert_records(dataset.dataset_id, [record]).result()

    found = read(store, run_id)
    assert found.info == run.info
    assert (found.data.tags["t"], found.data.params["p"]) == (text, text)
    assert found.inputs.dataset_inputs == (data,)
    stored = store.experiment(experiment)
    assert stored is not None
    assert stored.tags == {"t": text}
    assert store.logged_model(model.model_id) == model
    assert model.data.params["p"] == text
    assert stores.evaluation.records(dataset.dataset_id, limit=9, after=None).items == (record,)


@pytest.mark.parametrize("name", [text for text in TEXTS.values() if len(text) <= 250 and text])
def test_names_and_keys_come_back_as_they_were_given(stores: Stores, name: str) -> None:
    store = stores.tracking
    experiment = add_experiment(store, name)
    run_id = store.add_run(new_run(experiment)).result().info.run_id

    whole = batch(point(1.5, key=name), params={name: "1"}, tags={name: "2"})
    store.append(run_id, whole).result()

    named = store.experiment_named(name)
    assert named is not None
    assert named.experiment_id == experiment
    found = read(store, run_id).data
    assert (found.metrics, found.params, found.tags) == ({name: 1.5}, {name: "1"}, {name: "2"})
    assert history(store, run_id, name) == [(0, 0, bits(1.5))]


@pytest.mark.parametrize(
    ("one", "other"),
    [("é", "e\u0301"), ("a", "A"), ("a", "a "), ("ß", "ss"), ("k", "\u212a"), ("a", "à")],
)
def test_text_is_compared_by_code_point(stores: Stores, one: str, other: str) -> None:
    store = stores.tracking
    runs = [
        store.add_run(new_run("0", run_name=name, tags={"t": name}, start_time=0))
        .result()
        .info.run_id
        for name in (one, other)
    ]

    for field in ("run_name", "tags.t"):
        assert search(store, "0", f"{field} = '{one}'") == [runs[0]]
        assert search(store, "0", f"{field} != '{one}'") == [runs[1]]
        ordered = runs if one < other else runs[::-1]
        assert search(store, "0", "", f"{field}") == ordered
        assert search(store, "0", "", f"{field} DESC") == ordered[::-1]
