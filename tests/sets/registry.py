"""D6: a registry of many models, one of very many versions, and requests of each state."""

from __future__ import annotations

from typing import Any, Final

from tests.browser.seed import Api

MANY: Final = "many"
"""The model with very many versions."""
POLICY: Final[dict[str, Any]] = {
    "models": "guarded*",
    "guards": [{"stage": "Production"}],
    "approvals": 2,
    "gates": {"metrics": [{"metric": "acc", "compare": ">=", "value": 0.9}]},
}
DECIDED: Final = {
    "guarded-and-waiting": ("approve",),
    "guarded-and-agreed": ("approve", "approve"),
    "guarded-and-rejected": ("reject",),
}
"""What was said to the request of each model."""
MLMODEL: Final = """flavors:
  python_function:
    loader_module: x
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}%s]'
  outputs: '[{"type": "long", "required": true}]'
"""
MORE: Final = ', {"type": "string", "name": "city", "required": true}'


def registry(api: Api, *, models: int = 200, versions: int = 500) -> None:
    """Fill a server: so many models with one version, `many` with *versions*; of `pair` and of all
    `guarded...` one version of a good and one of a poor run; a policy, and requests for it: one
    that waits, one that was agreed to, one that was rejected."""
    experiment = api.experiment("models")
    good = api.run(experiment, "good", metrics={"acc": [0.95]})
    poor = api.run(experiment, "poor", metrics={"acc": [0.5]})
    for run, columns, numpy in ((good, "", "1.26"), (poor, MORE, "2.1")):
        api.put(run, "model/MLmodel", (MLMODEL % columns).encode())
        api.put(run, "model/requirements.txt", f"numpy=={numpy}\nscipy\n".encode())
    for name, count in ((MANY, versions), *((f"model-{at:03d}", 1) for at in range(models))):
        api.post("registered-models/create", name=name)
        for number in range(count):
            api.post("model-versions/create", name=name, source=f"s3://models/{name}/{number}")
    for name in ("guarded", "guarded-by-two", "pair", *DECIDED):
        api.post("registered-models/create", name=name)
        for run in (good, poor):
            run_id = run["info"]["run_id"]
            source = f"runs:/{run_id}/model"
            api.post("model-versions/create", name=name, source=source, run_id=run_id)
    api.post("approval-policies/set", policy=POLICY)
    for name, verdicts in DECIDED.items():
        asked = {"name": name, "version": "1", "stage": "Production", "comment": "better"}
        request = api.post("transition-requests/create", **asked)["request"]["id"]
        for user, verdict in zip(("ben", "cleo"), verdicts, strict=False):
            of = {"name": name, "id": request, "comment": f"seen by {user}"}
            Api(api.url, user=user).post(f"transition-requests/{verdict}", **of)
