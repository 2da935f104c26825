"""Ids have one spelling. Any other spelling is not found, and never read as another id."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import done, ok, turned_away
from tests.wire.marks import differs

ODD_NUMBERS = ["00", "01", "+0", "-0", " 0", "0 ", "0_0", "\u0660", "\uff10", "0.0", "0x0", "0e0",
               "1e0", "\n0", "-1", "x", "0\x00", "0,1", "9" * 19, "9" * 30, "9" * 5000, str(2**63),
               "null", "None"]  # fmt: skip


def by_get(api: Api, spelling: str) -> Reply:
    return api.get("experiments/get", {"experiment_id": spelling})


def by_tag(api: Api, spelling: str) -> Reply:
    message = {"experiment_id": spelling, "key": "odd", "value": spelling}
    return api.post("experiments/set-experiment-tag", message)


def by_delete(api: Api, spelling: str) -> Reply:
    return api.post("experiments/delete", {"experiment_id": spelling})


def by_create_run(api: Api, spelling: str) -> Reply:
    return api.post("runs/create", {"experiment_id": spelling})


def by_create_model(api: Api, spelling: str) -> Reply:
    return api.post("logged-models", {"experiment_id": spelling})


@differs("an experiment id is a number without any decoration")
@pytest.mark.parametrize("ask", [by_get, by_tag, by_delete, by_create_run, by_create_model])
def test_odd_spellings_of_an_experiment_id(api: Api, ask: object) -> None:
    assert callable(ask)

    for spelling in ODD_NUMBERS:
        turned_away(ask(api, spelling), 400, 404)

    default = build.experiment(api, "0")
    assert "odd" not in {tag["key"] for tag in default.get("tags", [])}
    assert default["lifecycle_stage"] == "active"


@differs("odd spellings find nothing in searches either")
def test_odd_spellings_in_a_search(api: Api, experiment: str) -> None:
    build.add_run(api, experiment)
    for spelling in (f"0{experiment}", f"+{experiment}", f" {experiment}", f"{experiment}.0"):
        reply = api.post("runs/search", {"experiment_ids": [spelling]})
        if reply.status == 200:
            assert ok(reply) == {}
        else:
            turned_away(reply, 400, 404)


@pytest.mark.parametrize("spelling", ["x", "1.5", "", "one"])
def test_ids_that_are_no_numbers(api: Api, spelling: str) -> None:
    turned_away(by_get(api, spelling), 400)


def odd_run_ids(run: str) -> list[str]:
    return [
        run.upper(),
        f" {run}",
        f"{run} ",
        f"{run}\n",
        f"{run}\x00",
        run[:-1],
        f"{run}0",
        f"{run[:8]}-{run[8:12]}-{run[12:16]}-{run[16:20]}-{run[20:]}",
        f"0x{run}",
        f"./{run}",
        f"{run}/",
        f"%{run}",
        "\uff10" + run[1:],
        "*",
        "' OR '1'='1",
        "r" * 5000,
    ]


def test_odd_spellings_of_a_run_id(api: Api, run: str) -> None:
    """An id of digits only has no upper-case twin, so one with a letter is looked for."""
    while run.upper() == run:
        run = build.add_run(api)

    for spelling in odd_run_ids(run):
        turned_away(api.get("runs/get", {"run_id": spelling}), 400, 404)
        turned_away(api.post("runs/delete", {"run_id": spelling}), 400, 404)
        turned_away(api.post("runs/set-tag", {"run_id": spelling, "key": "k"}), 400, 404)

    assert build.info(api, run)["lifecycle_stage"] == "active"
    assert build.tags(api, run) == {}


def test_odd_spellings_of_a_model_id(api: Api, experiment: str) -> None:
    model = build.add_model(api, experiment)
    for spelling in (
        model.upper(),
        model[2:],
        f"{model}%20",
        f"%20{model}",
        f"{model}%00",
        "m-",
        "%2e%2e",
    ):
        turned_away(api.get(f"logged-models/{spelling}"), 400, 404)
        turned_away(api.delete(f"logged-models/{spelling}"), 400, 404)

    assert build.model(api, model)["info"]["model_id"] == model


def test_an_id_of_another_kind_is_not_found(api: Api, experiment: str, run: str) -> None:
    model = build.add_model(api, experiment)

    turned_away(api.get("runs/get", {"run_id": model}), 400, 404)
    turned_away(api.get(f"logged-models/{run}"), 400, 404)
    turned_away(api.get("runs/get", {"run_id": experiment}), 400, 404)


@differs("an argument given twice is refused, not picked from")
@pytest.mark.parametrize("order", [1, -1])
def test_an_id_given_twice(api: Api, experiment: str, order: int) -> None:
    runs = [build.add_run(api, experiment) for _ in range(2)][::order]

    turned_away(api.get("runs/get", [("run_id", run) for run in runs]), 400)


@differs("a percent sign in a path is decoded once")
def test_paths_are_decoded_once(api: Api, experiment: str) -> None:
    model = build.add_model(api, experiment)
    ok(api.patch(f"logged-models/{model}/tags", {"tags": build.items({"a": "1", "%61": "2"})}))

    done(api.delete(f"logged-models/{model}/tags/%2561"))

    assert build.model(api, model)["info"]["tags"] == [{"key": "a", "value": "1"}]
