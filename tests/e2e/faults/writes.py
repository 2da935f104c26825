"""Every write API: what a writer may send next, and what all records are like afterwards."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.e2e.faults.link import Unknown
from tests.e2e.faults.records import DATASETS, Point, Reader, Ref, View
from tests.wire.client import number

_JSON_DOUBLES: Final = (0.5, -0.0, 1e-310, 5e-324, 1.7976931348623157e308, "NaN", "Infinity")
_MOST: Final = {"experiment": 4, "run": 6, "model": 4, "dataset": 3}
"""How many records of a kind are in use; older ones are left alone, and looked at in the end."""


@dataclass(frozen=True)
class Write:
    """A request, and the views of all records that it changes, as they are afterwards."""

    method: str
    path: str
    message: dict[str, Any]
    changes: dict[Ref, View | None]
    # Of a create: where the answer says the new id.
    says_id: tuple[str, ...] = ()
    home: Ref | None = None
    key: str | None = None


@dataclass(frozen=True)
class Way:
    """A kind of write and how often it is chosen. *repeatable*: sent twice it changes nothing."""

    weight: int
    make: Callable[[], Write | None]
    repeatable: bool = False


class Choices:
    """The records of one writer, and a random choice of what to do to them next.

    Half of the writes carry an Idempotency-Key; all that are not repeatable do when *may_lack_key*
    is false.
    """

    def __init__(
        self,
        name: str,
        *,
        home: str,
        shared: str,
        reader_of: Callable[[dict[Ref, str]], Reader],
        may_lack_key: bool,
    ) -> None:
        slice_of_all: Ref = ("slice", f"{name}.")
        self.dice = random.Random(name)
        self.ids: dict[Ref, str] = {slice_of_all: shared}
        self.views: dict[Ref, View | None] = {
            slice_of_all: {"params": {}, "tags": {}, "points": {}}
        }
        self.reader = reader_of(self.ids)
        self._own_name = name
        self._home = home
        self._slice = slice_of_all
        self._home_of: dict[Ref, Ref | None] = {}
        self._in_use: dict[str, deque[Ref]] = {
            kind: deque(maxlen=most) for kind, most in _MOST.items()
        }
        self._clock = 1_700_000_000_000
        self._counter = 0
        self._may_lack_key = may_lack_key
        self._ways = [
            Way(3, self._create_experiment),
            Way(3, self._tag_experiment, repeatable=True),
            Way(1, self._untag_experiment),
            Way(1, self._rename_experiment, repeatable=True),
            Way(2, self._move_experiment),
            Way(4, self._create_run),
            Way(10, self._log_metric, repeatable=True),
            Way(20, self._log_batch, repeatable=True),
            Way(1, self._log_long_batch, repeatable=True),
            Way(3, self._log_param, repeatable=True),
            Way(4, self._set_tag, repeatable=True),
            Way(2, self._delete_tag),
            Way(3, self._update_run, repeatable=True),
            Way(3, self._move_run),
            Way(3, self._log_inputs),
            Way(2, self._log_outputs),
            Way(2, self._note_model),
            Way(1, self._heartbeat, repeatable=True),
            Way(2, self._log_again, repeatable=True),
            Way(12, self._log_to_shared, repeatable=True),
            Way(3, self._create_model),
            Way(2, self._finalize_model, repeatable=True),
            Way(2, self._tag_model, repeatable=True),
            Way(1, self._untag_model),
            Way(2, self._add_model_params, repeatable=True),
            Way(1, self._delete_model),
            Way(2, self._create_dataset),
            Way(1, self._tag_dataset, repeatable=True),
            Way(1, self._untag_dataset),
            Way(3, self._upsert_records, repeatable=True),
            Way(1, self._delete_record),
            Way(1, self._join_experiments, repeatable=True),
            Way(1, self._leave_experiments, repeatable=True),
            Way(1, self._delete_dataset),
        ]
        self._weights = [way.weight for way in self._ways]

    def next(self) -> Write:
        """What to send now."""
        while True:
            (way,) = self.dice.choices(self._ways, self._weights)
            write = way.make()
            if write is None:
                continue
            if self.dice.random() < 0.5 or not (way.repeatable or self._may_lack_key):
                write = replace(write, key=f"{self._own_name}-{self._count()}")
            return write

    def note(self, write: Write) -> None:
        """That write has been made."""
        self.views.update(write.changes)
        if write.says_id:
            (ref,) = write.changes
            self._home_of[ref] = write.home
            self._in_use[ref[0]].append(ref)

    def experiment_of(self, ref: Ref) -> str:
        """The id of the experiment that a record was made in."""
        return self.experiment(self._home_of[ref])

    def experiment(self, home: Ref | None) -> str:
        """The id of one of our experiments, or of the one that all share."""
        return self._home if home is None else self.ids[home]

    def _count(self) -> int:
        self._counter += 1
        return self._counter

    def _ms(self) -> int:
        """A time that no other point of this writer has."""
        self._clock += self.dice.randrange(1, 50)
        return self._clock

    def _text(self) -> str:
        return f"v{self._count()}" + "x" * self.dice.choice((0, 0, 0, 20, 3000))

    def _name(self) -> str:
        return f"{self._own_name}-{self._count()}"

    def _pick(self, kind: str, **wanted: object) -> tuple[Ref, View] | None:
        """A record in use of that kind, with the wanted fields."""
        fitting = []
        for ref in self._in_use[kind]:
            view = self.views[ref]
            if view is not None and all(view[name] == value for name, value in wanted.items()):
                fitting.append((ref, view))
        return self.dice.choice(fitting) if fitting else None

    def _points(self, count: int, key: str) -> list[dict[str, Any]]:
        points = []
        for _ in range(count):
            value = (
                self.dice.choice(_JSON_DOUBLES)
                if self.dice.random() < 0.05
                else self.dice.uniform(-10, 10)
            )
            # Mostly onwards, now and then before what is there, below zero, or twice the same.
            step = self._counter if self.dice.random() < 0.8 else self.dice.randrange(-50, 5000)
            self._counter += 1
            points.append({"key": key, "value": value, "timestamp": self._ms(), "step": step})
        return points

    # --- experiments ----------------------------------------------------------------------------

    def _create_experiment(self) -> Write:
        name, tags = self._name(), {"made": self._text()}
        message = {"name": name, "tags": _items(tags)}
        view = {"name": name, "stage": "active", "tags": tags}
        return Write(
            "POST", "experiments/create", message, {("experiment", name): view}, ("experiment_id",)
        )

    def _tag_experiment(self) -> Write | None:
        picked = self._pick("experiment", stage="active")
        if picked is None:
            return None
        ref, view = picked
        key, value = f"t{self.dice.randrange(5)}", self._text()
        message = {"experiment_id": self.ids[ref], "key": key, "value": value}
        after = view | {"tags": view["tags"] | {key: value}}
        return Write("POST", "experiments/set-experiment-tag", message, {ref: after})

    def _untag_experiment(self) -> Write | None:
        picked = self._pick("experiment", stage="active")
        if picked is None or not picked[1]["tags"]:
            return None
        ref, view = picked
        key = self.dice.choice(sorted(view["tags"]))
        message = {"experiment_id": self.ids[ref], "key": key}
        after = view | {"tags": _without(view["tags"], key)}
        return Write("POST", "experiments/delete-experiment-tag", message, {ref: after})

    def _rename_experiment(self) -> Write | None:
        picked = self._pick("experiment", stage="active")
        if picked is None:
            return None
        ref, view = picked
        name = self._name()
        message = {"experiment_id": self.ids[ref], "new_name": name}
        return Write("POST", "experiments/update", message, {ref: view | {"name": name}})

    def _move_experiment(self) -> Write | None:
        """To the trash or out of it; its runs go along."""
        picked = self._pick("experiment")
        if picked is None:
            return None
        ref, view = picked
        stage = "deleted" if view["stage"] == "active" else "active"
        changes: dict[Ref, View | None] = {ref: view | {"stage": stage}}
        for run, home in self._home_of.items():
            held = self.views[run]
            if home == ref and run[0] == "run" and held is not None:
                changes[run] = held | {"stage": stage}
        path = "experiments/delete" if stage == "deleted" else "experiments/restore"
        return Write("POST", path, {"experiment_id": self.ids[ref]}, changes)

    # --- runs -----------------------------------------------------------------------------------

    def _create_run(self) -> Write:
        picked = self._pick("experiment", stage="active") if self.dice.random() < 0.3 else None
        home = None if picked is None else picked[0]
        name, tags = self._name(), {"made": self._text()}
        message = {
            "experiment_id": self.experiment(home),
            "run_name": name,
            "start_time": self._ms(),
            "tags": _items(tags),
        }
        view: View = {
            "name": name, "status": "RUNNING", "end": None, "stage": "active", "params": {},
            "tags": tags, "noted": [], "points": {}, "data": [], "inputs": [], "outputs": [],
        }  # fmt: skip
        where = ("run", "info", "run_id")
        return Write("POST", "runs/create", message, {("run", name): view}, where, home)

    def _on_run(
        self, path: str, change: Callable[[View], tuple[dict[str, Any], View] | None]
    ) -> Write | None:
        """A write to some active run: *change* gives the message and the view afterwards."""
        picked = self._pick("run", stage="active")
        changed = change(picked[1]) if picked else None
        if picked is None or changed is None:
            return None
        message, after = changed
        return Write("POST", path, {"run_id": self.ids[picked[0]], **message}, {picked[0]: after})

    def _log_metric(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View]:
            (point,) = self._points(1, f"m{self.dice.randrange(4)}")
            return point, _with_points(view, [point])

        return self._on_run("runs/log-metric", change)

    def _log_again(self) -> Write | None:
        """A point that is there already: nothing changes."""

        def change(view: View) -> tuple[dict[str, Any], View] | None:
            if not view["points"]:
                return None
            key = self.dice.choice(sorted(view["points"]))
            ms, step, value = self.dice.choice(view["points"][key])
            words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
            sent = words.get(value) or float(value)
            return {"key": key, "value": sent, "timestamp": ms, "step": step}, view

        return self._on_run("runs/log-metric", change)

    def _batch(self, prefix: str, view: View) -> tuple[dict[str, Any], View]:
        points = [
            point
            for _ in range(self.dice.randrange(1, 4))
            for point in self._points(
                self.dice.choice((1, 5, 30)), f"{prefix}m{self.dice.randrange(4)}"
            )
        ]
        params = {f"{prefix}p{self._count()}": self._text() for _ in range(3)}
        tags = {f"{prefix}t{self.dice.randrange(6)}": self._text() for _ in range(3)}
        message = {"metrics": points, "params": _items(params), "tags": _items(tags)}
        after = _with_points(view, points)
        return message, after | {
            "params": view["params"] | params,
            "tags": view["tags"] | tags,
        }

    def _log_batch(self) -> Write | None:
        write = self._on_run("runs/log-batch", lambda view: self._batch("", view))
        model = self._pick("model")
        if write is None or model is None or self.dice.random() < 0.7:
            return write
        # Its first point is logged for a model, too.
        point = write.message["metrics"][0]
        point["model_id"] = self.ids[model[0]]
        told = (
            write.message["run_id"],
            *(point[name] for name in ("key", "timestamp", "step")),
            repr(number(point["value"])),
        )
        after = model[1] | {"points": model[1]["points"] | {told}}
        return Write("POST", write.path, write.message, write.changes | {model[0]: after})

    def _log_long_batch(self) -> Write | None:
        """So many points that a few batches of them are folded into aggregates."""

        def change(view: View) -> tuple[dict[str, Any], View]:
            points = self._points(1000, "long")
            return {"metrics": points}, _with_points(view, points)

        return self._on_run("runs/log-batch", change)

    def _log_to_shared(self) -> Write:
        view = self.views[self._slice] or {}
        message, after = self._batch(self._slice[1], view)
        run = self.ids[self._slice]
        return Write("POST", "runs/log-batch", {"run_id": run, **message}, {self._slice: after})

    def _log_param(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View]:
            key, value = f"p{self._count()}", self._text()
            return {"key": key, "value": value}, view | {"params": view["params"] | {key: value}}

        return self._on_run("runs/log-parameter", change)

    def _set_tag(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View]:
            key, value = f"t{self.dice.randrange(6)}", self._text()
            return {"key": key, "value": value}, view | {"tags": view["tags"] | {key: value}}

        return self._on_run("runs/set-tag", change)

    def _delete_tag(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View] | None:
            if not view["tags"]:
                return None
            key = self.dice.choice(sorted(view["tags"]))
            return {"key": key}, view | {"tags": _without(view["tags"], key)}

        return self._on_run("runs/delete-tag", change)

    def _update_run(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View]:
            status = self.dice.choice(("RUNNING", "FINISHED", "FAILED", "KILLED"))
            name, end = self._name(), self._ms()
            message = {"status": status, "end_time": end, "run_name": name}
            return message, view | {"status": status, "end": end, "name": name}

        return self._on_run("runs/update", change)

    def _move_run(self) -> Write | None:
        stage, path = self.dice.choice((("active", "delete"), ("deleted", "restore")))
        picked = self._pick("run", stage=stage)
        if picked is None:
            return None
        ref, view = picked
        home = self._home_of[ref]
        held = None if home is None else self.views[home]
        if held is not None and held["stage"] == "deleted":
            return None
        after = view | {"stage": "deleted" if path == "delete" else "active"}
        return Write("POST", f"runs/{path}", {"run_id": self.ids[ref]}, {ref: after})

    def _log_inputs(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View]:
            told = [(self._name(), "d1", (("mlflow.data.context", "train"),)) for _ in range(2)]
            datasets = [
                {
                    "dataset": {"name": name, "digest": digest, "source_type": "s", "source": "x"},
                    "tags": _items(dict(tags)),
                }
                for name, digest, tags in told
            ]
            models = [f"m-{self._count():032x}"]
            message = {"datasets": datasets, "models": [{"model_id": one} for one in models]}
            return message, view | {
                "data": view["data"] + told,
                "inputs": view["inputs"] + models,
            }

        return self._on_run("runs/log-inputs", change)

    def _log_outputs(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View]:
            told = [(f"m-{self._count():032x}", self._count()) for _ in range(2)]
            models = [{"model_id": model, "step": step} for model, step in told]
            return {"models": models}, view | {"outputs": view["outputs"] + told}

        return self._on_run("runs/outputs", change)

    def _note_model(self) -> Write | None:
        def change(view: View) -> tuple[dict[str, Any], View]:
            path = self._name()
            model = {"artifact_path": path, "flavors": {}, "utc_time_created": "now", "run_id": "r"}
            return {"model_json": json.dumps(model)}, view | {"noted": [*view["noted"], path]}

        return self._on_run("runs/log-model", change)

    def _heartbeat(self) -> Write | None:
        path = "/api/3.0/millrace/runs/heartbeat"
        return self._on_run(path, lambda view: ({"ttl_ms": 86_400_000}, view))

    # --- logged models --------------------------------------------------------------------------

    def _create_model(self) -> Write:
        name, tags, params = self._name(), {"made": self._text()}, {"depth": "3"}
        message = {
            "experiment_id": self._home, "name": name, "tags": _items(tags),
            "params": _items(params),
        }  # fmt: skip
        view: View = {
            "status": "LOGGED_MODEL_PENDING", "tags": tags, "params": params, "points": set(),
        }  # fmt: skip
        where = ("model", "info", "model_id")
        return Write("POST", "logged-models", message, {("model", name): view}, where)

    def _on_model(
        self, method: str, path: str, change: Callable[[View], tuple[dict[str, Any], View | None]]
    ) -> Write | None:
        picked = self._pick("model")
        if picked is None:
            return None
        message, after = change(picked[1])
        full = f"logged-models/{self.ids[picked[0]]}{path}"
        return Write(method, full, message, {picked[0]: after})

    def _finalize_model(self) -> Write | None:
        ready = "LOGGED_MODEL_READY"
        return self._on_model(
            "PATCH", "", lambda view: ({"status": ready}, view | {"status": ready})
        )

    def _tag_model(self) -> Write | None:
        tags = {f"t{self.dice.randrange(5)}": self._text() for _ in range(2)}
        return self._on_model(
            "PATCH",
            "/tags",
            lambda view: ({"tags": _items(tags)}, view | {"tags": view["tags"] | tags}),
        )

    def _untag_model(self) -> Write | None:
        picked = self._pick("model")
        if picked is None or not picked[1]["tags"]:
            return None
        ref, view = picked
        key = self.dice.choice(sorted(view["tags"]))
        path = f"logged-models/{self.ids[ref]}/tags/{key}"
        return Write("DELETE", path, {}, {ref: view | {"tags": _without(view["tags"], key)}})

    def _add_model_params(self) -> Write | None:
        params = {f"p{self._count()}": self._text() for _ in range(2)}
        return self._on_model(
            "POST",
            "/params",
            lambda view: ({"params": _items(params)}, view | {"params": view["params"] | params}),
        )

    def _delete_model(self) -> Write | None:
        return self._on_model("DELETE", "", lambda _: ({}, None))

    # --- evaluation data sets -------------------------------------------------------------------

    def _create_dataset(self) -> Write:
        name, tags = self._name(), {"made": self._text()}
        message = {"name": name, "experiment_ids": [self._home], "tags": json.dumps(tags)}
        view: View = {"tags": tags, "experiments": {self._home}, "records": {}}
        where = ("dataset", "dataset_id")
        return Write("POST", f"{DATASETS}/create", message, {("dataset", name): view}, where)

    def _on_dataset(
        self,
        method: str,
        path: str,
        change: Callable[[View, str], tuple[dict[str, Any], View | None] | None],
    ) -> Write | None:
        picked = self._pick("dataset")
        changed = change(picked[1], self.ids[picked[0]]) if picked else None
        if picked is None or changed is None:
            return None
        message, after = changed
        full = f"{DATASETS}/{self.ids[picked[0]]}{path}"
        return Write(method, full, message, {picked[0]: after})

    def _tag_dataset(self) -> Write | None:
        tags = {f"t{self.dice.randrange(5)}": self._text()}
        return self._on_dataset(
            "PATCH",
            "/tags",
            lambda view, _: ({"tags": json.dumps(tags)}, view | {"tags": view["tags"] | tags}),
        )

    def _untag_dataset(self) -> Write | None:
        return self._on_dataset(
            "DELETE",
            "/tags/made",
            lambda view, _: ({}, view | {"tags": _without(view["tags"], "made")}),
        )

    def _upsert_records(self) -> Write | None:
        def change(view: View, _: str) -> tuple[dict[str, Any], View]:
            said = {f"q{self.dice.randrange(30)}": {"a": self._text()} for _ in range(4)}
            records = [{"inputs": {"q": q}, "expectations": e} for q, e in said.items()]
            after = view | {"records": view["records"] | said}
            return {"records": json.dumps(records)}, after

        return self._on_dataset("POST", "/records", change)

    def _delete_record(self) -> Write | None:
        def change(view: View, dataset: str) -> tuple[dict[str, Any], View] | None:
            if not view["records"]:
                return None
            question = self.dice.choice(sorted(view["records"]))
            try:
                record = self.reader.record_id(dataset, question)
            except Unknown:  # the fault came while reading: nothing is pending
                return None
            after = view | {"records": _without(view["records"], question)}
            return {"dataset_record_ids": [record]}, after

        return self._on_dataset("DELETE", "/records", change)

    def _join_experiments(self) -> Write | None:
        return self._on_dataset(
            "POST",
            "/add-experiments",
            lambda view, _: (
                {"experiment_ids": ["0"]},
                view | {"experiments": view["experiments"] | {"0"}},
            ),
        )

    def _leave_experiments(self) -> Write | None:
        return self._on_dataset(
            "POST",
            "/remove-experiments",
            lambda view, _: (
                {"experiment_ids": ["0"]},
                view | {"experiments": view["experiments"] - {"0"}},
            ),
        )

    def _delete_dataset(self) -> Write | None:
        return self._on_dataset("DELETE", "", lambda _, __: ({}, None))


def _items(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _without(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


def _with_points(view: View, points: list[dict[str, Any]]) -> View:
    told: dict[str, set[Point]] = {}
    for point in points:
        value = repr(number(point["value"]))
        told.setdefault(point["key"], set()).add((point["timestamp"], point["step"], value))
    held = view["points"]
    grown = {key: tuple(sorted(new.union(held.get(key, ())))) for key, new in told.items()}
    return view | {"points": held | grown}
