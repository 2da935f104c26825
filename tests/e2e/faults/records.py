"""Records as a client sees them, in a form that is compared whole: one *view* for each record.

A view is a dictionary of plain values, None for a record that is not there. Doubles are written as
text, so that NaN equals itself and -0.0 differs from 0.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.e2e.faults.link import Link
from tests.wire.client import number
from tests.wire.expect import pairs

View = dict[str, Any]
Ref = tuple[str, str]
"""Kind of record and the name that it was made under."""
Point = tuple[int, int, str]
"""Timestamp in milliseconds, step, value as text."""

NOTED = "mlflow.log-model.history"
DATASETS = "/api/3.0/mlflow/datasets"
SERIES = "/api/3.0/millrace/series/query"


class Reader:
    """Reads views over one connection; *ids* holds the id of each record that has one."""

    def __init__(self, link: Link, ids: dict[Ref, str]) -> None:
        self._link = link
        self._ids = ids

    def view(self, ref: Ref, experiments: Iterable[str] = ()) -> View | None:
        """The record; one whose id is not known is looked for by name in *experiments*.

        AssertionError when there are two of that name, or when what is read contradicts itself.
        """
        kind, name = ref
        if kind == "slice":
            return self._slice(self._ids[ref], name)
        if ref not in self._ids:
            found = self._named(kind, name, list(experiments))
            if found is None:
                return None
            self._ids[ref] = found
        read = {
            "experiment": self._experiment,
            "run": self._run,
            "model": self._model,
            "dataset": self._dataset,
        }
        return read[kind](self._ids[ref])

    def _named(self, kind: str, name: str, experiments: list[str]) -> str | None:
        link = self._link
        if kind == "experiment":
            found = link.read("experiments/get-by-name", {"experiment_name": name})
            return None if found is None else str(found["experiment"]["experiment_id"])
        if kind == "run":
            asked = {"experiment_ids": experiments, "filter": f"run_name = '{name}'"}
            runs = link.find("runs/search", asked | {"run_view_type": "ALL"}).get("runs", [])
            return _only([run["info"]["run_id"] for run in runs])
        if kind == "model":
            asked = {"experiment_ids": experiments, "filter": f"name = '{name}'"}
            models = link.find("logged-models/search", asked).get("models", [])
            return _only([model["info"]["model_id"] for model in models])
        datasets = link.find(f"{DATASETS}/search", {"filter_string": f"name = '{name}'"})
        return _only([one["dataset_id"] for one in datasets.get("datasets", [])])

    def _experiment(self, experiment_id: str) -> View:
        found = self._link.read("experiments/get", {"experiment_id": experiment_id})["experiment"]
        return {
            "name": found["name"],
            "stage": found["lifecycle_stage"],
            "tags": pairs(found.get("tags")),
        }

    def _run(self, run_id: str) -> View:
        run = self._link.read("runs/get", {"run_id": run_id})["run"]
        info, data = run["info"], run["data"]
        tags = pairs(data.get("tags"))
        assert tags.pop("mlflow.runName") == info["run_name"], "name and its tag differ"
        noted = [one["artifact_path"] for one in json.loads(tags.pop(NOTED, "[]"))]
        latest = {one["key"]: one for one in data.get("metrics", [])}
        points = {key: self.history(run_id, key) for key in latest}
        for key, one in latest.items():
            told = (one["step"], one["timestamp"], repr(number(one["value"])))
            assert told == max((step, ms, value) for ms, step, value in points[key]), (
                f"the run says its latest {key} is {told}"
            )
        inputs, outputs = run.get("inputs", {}), run.get("outputs", {})
        return {
            "name": info["run_name"],
            "status": info["status"],
            "end": info.get("end_time"),
            "stage": info["lifecycle_stage"],
            "params": pairs(data.get("params")),
            "tags": tags,
            "noted": noted,
            "points": points,
            "data": [
                (
                    one["dataset"]["name"],
                    one["dataset"]["digest"],
                    tuple(pairs(one.get("tags")).items()),
                )
                for one in inputs.get("dataset_inputs", [])
            ],
            "inputs": [one["model_id"] for one in inputs.get("model_inputs", [])],
            "outputs": [(m["model_id"], m["step"]) for m in outputs.get("model_outputs", [])],
        }

    def _slice(self, run_id: str, prefix: str) -> View:
        """What one writer has logged to a run of many: keys that begin with *prefix*."""
        data = self._link.read("runs/get", {"run_id": run_id})["run"]["data"]

        def own(items: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
            return [one for one in items or () if one["key"].startswith(prefix)]

        return {
            "params": pairs(own(data.get("params"))),
            "tags": pairs(own(data.get("tags"))),
            "points": {
                one["key"]: self.history(run_id, one["key"]) for one in own(data.get("metrics"))
            },
        }

    def _model(self, model_id: str) -> View | None:
        found = self._link.read(f"logged-models/{model_id}")
        if found is None:
            return None
        info, data = found["model"]["info"], found["model"]["data"]
        return {
            "status": info["status"],
            "tags": pairs(info.get("tags")),
            "params": pairs(data.get("params")),
            "points": {
                (m["run_id"], m["key"], m["timestamp"], m["step"], repr(number(m["value"])))
                for m in data.get("metrics", [])
            },
        }

    def _dataset(self, dataset_id: str) -> View | None:
        found = self._link.read(f"{DATASETS}/{dataset_id}")
        if found is None:
            return None
        records = json.loads(self._link.read(f"{DATASETS}/{dataset_id}/records")["records"])
        held = json.loads(found["dataset"].get("profile") or "{}").get("num_records", 0)
        assert held == len(records), f"the profile counts {held} records, there are {len(records)}"
        return {
            "tags": json.loads(found["dataset"]["tags"]),
            "experiments": set(found["dataset"].get("experiment_ids", [])),
            "records": {one["inputs"]["q"]: one["expectations"] for one in records},
        }

    def record_id(self, dataset_id: str, question: str) -> str:
        """The id of the record with that input."""
        records = json.loads(self._link.read(f"{DATASETS}/{dataset_id}/records")["records"])
        return (
            _only([r["dataset_record_id"] for r in records if r["inputs"]["q"] == question]) or ""
        )

    def history(self, run_id: str, key: str) -> tuple[Point, ...]:
        """All points of a metric, sorted; AssertionError when one comes twice."""
        points: list[Point] = []
        asked = {"run_id": run_id, "metric_key": key}
        while True:
            page = self._link.read("metrics/get-history", asked)
            points += [
                (one["timestamp"], one["step"], repr(number(one["value"])))
                for one in page.get("metrics", [])
            ]
            if not page.get("next_page_token"):
                break
            asked |= {"page_token": page["next_page_token"]}
        assert len(points) == len(set(points)), f"a point of {key} comes twice"
        return tuple(sorted(points))


def difference(found: View | None, told: View | None) -> str:
    """Where two views of a record differ, short enough to be read."""
    if found is None or told is None:
        return "it is not there" if found is None else "it is there and should not be"
    parts = []
    for name, value in told.items():
        if found[name] == value:
            continue
        if isinstance(value, dict):
            keys = {k for k in value | found[name] if value.get(k) != found[name].get(k)}
            parts += [f"{name}[{k}]: {found[name].get(k)!r:.300}, told {value.get(k)!r:.300}"
                      for k in sorted(keys)]  # fmt: skip
        else:
            parts.append(f"{name}: {found[name]!r:.300}, told {value!r:.300}")
    return "; ".join(parts)


def _only(found: list[str]) -> str | None:
    assert len(found) <= 1, f"made more than once: {found}"
    return found[0] if found else None


def check_summaries(link: Link, experiment: str, run_id: str, view: View) -> None:
    """Aggregates that searches use, and totals that charts draw, against the points themselves."""
    name = view["name"]
    for key, points in view["points"].items():
        values = [float(value) for _, _, value in points]
        numbers = [value for value in values if value == value]  # noqa: PLR0124 - not NaN
        # Sorted as a run's latest point is: by step, then time.
        last = float(max((step, ms, value) for ms, step, value in points)[2])
        told = [f"metrics.{key}.count = {len(points)}"]
        told += [f"metrics.{key}.last = {last!r}"] if _is_finite(last) else []
        for word, extreme in (("min", min), ("max", max)):
            held = extreme(numbers, default=float("nan"))
            told += [f"metrics.{key}.{word} = {held!r}"] if _is_finite(held) else []
        asked = {
            "experiment_ids": [experiment],
            "filter": " AND ".join([f"run_name = '{name}'", *told]),
            "run_view_type": "ALL",
        }
        found = [run["info"]["run_id"] for run in link.find("runs/search", asked).get("runs", [])]
        assert found == [run_id], f"{told} finds {found}, not {run_id}"
        _check_chart(link, run_id, key, points)


def _check_chart(link: Link, run_id: str, key: str, points: tuple[Point, ...]) -> None:
    finite = [float(value) for _, _, value in points if _is_finite(float(value))]
    for x, buckets in (("step", 1), ("step", 50), ("time", 7)):
        asked = {"run_ids": [run_id], "keys": [key], "x": x, "buckets": buckets}
        (drawn,) = link.find(SERIES, asked)["series"]
        total = len(drawn["x"]) if drawn.get("is_raw") else sum(drawn["count"])
        assert total == len(points), f"{key} by {x} in {buckets}: {total} of {len(points)}"
        if finite and not drawn.get("is_raw"):
            least = min(number(one) for one in drawn["minimum"] if one != "NaN")
            most = max(number(one) for one in drawn["maximum"] if one != "NaN")
            assert (least, most) == (min(finite), max(finite)), f"extremes of {key} by {x}"


def _is_finite(value: float) -> bool:
    return value - value == 0
