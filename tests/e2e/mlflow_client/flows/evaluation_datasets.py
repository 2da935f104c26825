"""Evaluation data sets kept by the server: made, filled, tagged, linked, searched, deleted."""

from __future__ import annotations

from mlflow.genai.datasets import (
    add_dataset_to_experiments,
    create_dataset,
    delete_dataset,
    delete_dataset_tag,
    get_dataset,
    remove_dataset_from_experiments,
    search_datasets,
    set_dataset_tags,
)
from scenario import new_experiment, new_name, refusal, scenario


@scenario
def make_and_fill():
    experiment = new_experiment()
    name = new_name("questions ✓")
    made = create_dataset(name=name, experiment_id=experiment, tags={"purpose": "test", "ü": "ü"})
    records = [
        {"inputs": {"question": f"What is {i} + {i}?"}, "expectations": {"answer": 2 * i}}
        for i in range(5)
    ]
    made.merge_records(records)
    made.merge_records(
        [{**records[0], "tags": {"level": "easy"}}, {"inputs": {"question": "New?"}}]
    )
    found = get_dataset(dataset_id=made.dataset_id)
    frame = found.to_df()
    return {
        "name": name,
        "experiment": experiment,
        "found": {"name": found.name, "tags": found.tags, "experiments": found.experiment_ids},
        "rows": sorted(
            [
                row.inputs["question"],
                (row.expectations or {}).get("answer"),
                (row.tags or {}).get("level"),
            ]
            for row in frame.itertuples()
        ),
        "columns": sorted(frame.columns),
        "profile": found.profile,
        "digest_is_text": isinstance(found.digest, str),
    }


@scenario
def tags_links_and_search():
    first, second = new_experiment(), new_experiment()
    mark = new_name("m")
    one = create_dataset(name=f"one {mark}", experiment_id=first, tags={"mark": mark, "kind": "a"})
    two = create_dataset(name=f"two {mark}", experiment_id=[first, second], tags={"mark": mark})
    set_dataset_tags(dataset_id=one.dataset_id, tags={"kind": "b", "more": "c"})
    delete_dataset_tag(dataset_id=one.dataset_id, key="more")
    add_dataset_to_experiments(dataset_id=one.dataset_id, experiment_ids=[second])
    remove_dataset_from_experiments(dataset_id=two.dataset_id, experiment_ids=[first])
    short = {one.dataset_id: "one", two.dataset_id: "two"}

    def find(**query):
        return [short.get(d.dataset_id, "?") for d in search_datasets(**query)]

    linked = sorted(get_dataset(dataset_id=one.dataset_id).experiment_ids)
    kind = get_dataset(dataset_id=one.dataset_id).tags
    result = {
        "in_first": find(experiment_ids=first),
        "in_second": find(experiment_ids=[second], order_by=["name ASC"]),
        "by_name": find(filter_string=f"name LIKE '%{mark}'", order_by=["name DESC"]),
        "by_tag": find(filter_string=f"tags.mark = '{mark}' AND tags.kind = 'b'"),
        "linked": linked == sorted([first, second]),
        "tags": {key: kind.get(key) for key in ("kind", "more")},
    }
    delete_dataset(dataset_id=one.dataset_id)
    return result | {
        "after_delete": find(filter_string=f"tags.mark = '{mark}'"),
        "get_deleted": refusal(get_dataset, dataset_id=one.dataset_id),
        "get_unknown": refusal(get_dataset, dataset_id="d-" + "0" * 32),
    }
