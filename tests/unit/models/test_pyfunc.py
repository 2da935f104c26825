"""Models that are Python: classes, functions, scripts, loaders of one's own; and their code."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from millrace.pyfunc import PythonModel
from sklearn.linear_model import LinearRegression

import millrace
from millrace.models import Model, get_model_info, infer_signature, set_signature
from millrace.models.enforcement import SchemaMismatch

FRAME = pd.DataFrame({"a": [1.0, 2.0]})


class Scaled(PythonModel):
    """Reads its factor from a file that came with it."""

    def load_context(self, context):
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, context, model_input, params=None):
        return model_input["a"] * self.factor * (params or {}).get("times", 1)


Scaled.__module__ = "__main__"


def test_a_class_finds_its_artifacts_and_gets_params(tmp_path: Path):
    factor = tmp_path / "factor.txt"
    factor.write_text("3")
    signature = infer_signature(FRAME, params={"times": 2})
    millrace.pyfunc.save_model(
        tmp_path / "m",
        python_model=Scaled(),
        artifacts={"factor": str(factor)},
        signature=signature,
    )
    factor.unlink()

    model = millrace.pyfunc.load_model(tmp_path / "m")

    assert model.predict(FRAME).tolist() == [6.0, 12.0]
    assert model.predict(FRAME, params={"times": 1}).tolist() == [3.0, 6.0]
    with pytest.raises(SchemaMismatch, match="Param 'times'"):
        model.predict(FRAME, params={"times": "x"})
    assert type(model.unwrap_python_model()).__name__ == "Scaled"


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (lambda model_input: model_input["a"] + 1, FRAME, [2.0, 3.0]),
        (lambda model_input, params: model_input["a"] * len(params), FRAME, [0.0, 0.0]),
    ],
)
def test_a_function_is_a_model(function, given: object, expected: list, tmp_path: Path):
    millrace.pyfunc.save_model(tmp_path / "m", python_model=function)

    assert millrace.pyfunc.load_model(tmp_path / "m").predict(given).tolist() == expected


def shout(model_input: list[str]) -> list[str]:
    return [text.upper() for text in model_input]


def test_type_hints_are_the_signature(tmp_path: Path):
    millrace.pyfunc.save_model(tmp_path / "m", python_model=shout, input_example=["a"])
    model = millrace.pyfunc.load_model(tmp_path / "m")

    assert model.metadata.is_signature_from_type_hint
    assert model.metadata.signature.to_dict() == {
        "inputs": '[{"type": "string", "required": true}]',
        "outputs": '[{"type": "string", "required": true}]',
        "params": None,
    }
    assert model.predict(["x", "y"]) == ["X", "Y"]
    assert model.predict(pd.DataFrame({"t": ["x"]})) == ["X"]
    with pytest.raises(SchemaMismatch, match="Row 1: expected string, got int 2"):
        model.predict(["x", 2])


def test_a_script_is_a_model(tmp_path: Path):
    """Also one that says mlflow, where that is not installed."""
    script = tmp_path / "tripled.py"
    script.write_text(
        "import mlflow\n"
        "class Tripled(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input):\n"
        "        return model_input['a'] * 3\n"
        "mlflow.models.set_model(Tripled())\n"
    )
    millrace.pyfunc.save_model(tmp_path / "m", python_model=str(script), input_example=FRAME)

    model = millrace.pyfunc.load_model(tmp_path / "m")

    assert model.predict(FRAME).tolist() == [3.0, 6.0]
    assert "mlflow" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        __import__("mlflow")


def test_a_script_that_sets_nothing_is_none(tmp_path: Path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    millrace.pyfunc.save_model(tmp_path / "m", python_model=str(tmp_path / "empty.py"))

    with pytest.raises(millrace.MillraceError, match=r"empty\.py sets no model"):
        millrace.pyfunc.load_model(tmp_path / "m")


def test_a_loader_of_ones_own(tmp_path: Path):
    (tmp_path / "my_loader.py").write_text(
        "from pathlib import Path\n"
        "class M:\n"
        "    def __init__(self, n): self.n = n\n"
        "    def predict(self, data): return [self.n] * len(data)\n"
        "def _load_pyfunc(path): return M(int(Path(path).read_text()))\n"
    )
    (tmp_path / "n.txt").write_text("7")
    millrace.pyfunc.save_model(
        tmp_path / "m",
        loader_module="my_loader",
        data_path=tmp_path / "n.txt",
        code_paths=[tmp_path / "my_loader.py"],
    )

    assert millrace.pyfunc.load_model(tmp_path / "m").predict(FRAME) == [7, 7]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "python_model or a loader_module"),
        ({"python_model": 1}, "a function or a script, not int"),
        ({"python_model": "nowhere.py"}, "is no Python script"),
        ({"python_model": shout, "colour": "red"}, "no option 'colour'"),
        ({"python_model": shout, "pip_requirements": ["x"], "conda_env": {"a": 1}}, "not both"),
    ],
)
def test_what_is_no_model_leaves_nothing_behind(options: dict, why: str, tmp_path: Path):
    with pytest.raises(millrace.MillraceError, match=why):
        millrace.pyfunc.save_model(tmp_path / "m", **options)
    assert not (tmp_path / "m").exists()


def test_code_that_would_hide_python_is_refused(tmp_path: Path):
    (tmp_path / "json.py").write_text("")

    with pytest.raises(millrace.MillraceError, match="hide Python's own module 'json'"):
        millrace.pyfunc.save_model(
            tmp_path / "m", python_model=shout, code_paths=[tmp_path / "json.py"]
        )


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine").touch()

    with pytest.raises(millrace.MillraceError, match="not empty"):
        millrace.pyfunc.save_model(tmp_path / "m", python_model=shout)
    assert (tmp_path / "m" / "mine").exists()


def linear() -> LinearRegression:
    return LinearRegression().fit(FRAME, [1, 2])


def test_a_model_is_kept_although_its_example_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A day of training is not thrown away for it."""
    millrace.sklearn.save_model(
        linear(), tmp_path / "m", input_example=pd.DataFrame({"other": ["x"]})
    )

    assert "does not score its input example" in caplog.text
    assert millrace.sklearn.load_model(tmp_path / "m").coef_ == pytest.approx([1])


def test_what_is_said_of_a_model_is_kept(tmp_path: Path):
    millrace.sklearn.save_model(
        linear(), tmp_path / "m", metadata={"team": "risk"}, license="MIT", resources=[{"gpu": 1}]
    )
    info = get_model_info(str(tmp_path / "m"))

    assert (info.metadata, info.model.license, info.model.resources) == (
        {"team": "risk"},
        "MIT",
        [{"gpu": 1}],
    )
    assert info.signature is None
    set_signature(str(tmp_path / "m"), infer_signature(FRAME))
    assert millrace.pyfunc.load_model(tmp_path / "m").predict({"a": [3]}) == pytest.approx([3])
    with pytest.raises(millrace.MillraceError, match="what is kept does not change"):
        set_signature("models:/risk/1", infer_signature(FRAME))


def test_a_model_of_another_flavor_says_which(tmp_path: Path):
    millrace.sklearn.save_model(linear(), tmp_path / "m")

    with pytest.raises(millrace.MillraceError, match="not of the flavor 'xgboost', but of"):
        millrace.xgboost.load_model(tmp_path / "m")
    said = Model.load(tmp_path / "m")
    said.flavors = {"python_function": {"loader_module": "mlflow.unheard_of"}}
    said.save(tmp_path / "m")
    with pytest.raises(millrace.MillraceError, match="Nobody here knows the flavor 'unheard_of'"):
        millrace.pyfunc.load_model(tmp_path / "m", trusted=True)


@pytest.mark.parametrize("named", ["../outside.pkl", "/etc/passwd", "", "gone.pkl"])
def test_a_model_names_files_of_its_own_only(named: str, tmp_path: Path):
    (tmp_path / "outside.pkl").touch()
    millrace.sklearn.save_model(linear(), tmp_path / "m")
    said = Model.load(tmp_path / "m")
    said.flavors["sklearn"]["pickled_model"] = named
    said.save(tmp_path / "m")

    with pytest.raises(millrace.MillraceError, match=re.escape("estimator")):
        millrace.sklearn.load_model(tmp_path / "m", trusted=True)


# --- what a model needs --------------------------------------------------------------------------


@pytest.mark.slow
def test_requirements_are_what_loading_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MILLRACE_REQUIREMENTS_INFERENCE_TIMEOUT", "120")
    millrace.sklearn.save_model(linear(), tmp_path / "m", input_example=FRAME)

    lines = (tmp_path / "m" / "requirements.txt").read_text().splitlines()

    assert lines[0] == f"millrace=={millrace.__version__}"
    names = {line.partition("==")[0] for line in lines}
    assert {"numpy", "pandas", "scikit-learn", "scipy", "skops"} <= names
    assert f"numpy=={np.__version__}" in lines
    assert not names & {"pytest", "xgboost-cpu", "pyyaml"}


def test_a_model_that_loads_nowhere_else_has_the_requirements_of_its_flavor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("MILLRACE_REQUIREMENTS_INFERENCE_TIMEOUT", "120")
    (tmp_path / "bad.py").write_text("raise RuntimeError('not here')\n")

    with caplog.at_level(logging.WARNING):
        millrace.pyfunc.save_model(tmp_path / "m", python_model=str(tmp_path / "bad.py"))

    assert "RuntimeError: not here" in caplog.text
    assert "cloudpickle==" in (tmp_path / "m" / "requirements.txt").read_text()


# --- the cache -----------------------------------------------------------------------------------


def test_a_registered_version_is_fetched_once_and_again_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MILLRACE_TRACKING_URI", f"sqlite:///{tmp_path}/millrace.db")
    info = millrace.sklearn.log_model(linear(), name="line", registered_model_name="line")
    assert info.registered_model_version == 1

    first = millrace.pyfunc.load_model("models:/line/1").folder
    stamp = (first / "MLmodel").stat().st_mtime_ns
    again = millrace.pyfunc.load_model("models:/line/latest").folder

    assert (again, (again / "MLmodel").stat().st_mtime_ns) == (first, stamp)
    assert first.parent == tmp_path / "cache" / "models"
    assert first.stat().st_mode & 0o077 == 0
    (first / "model.skops").write_bytes(b"rot")
    mended = millrace.pyfunc.load_model("models:/line/1")
    assert mended.folder == first
    assert mended.predict(FRAME) == pytest.approx([1, 2])


def test_a_copy_goes_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MILLRACE_TRACKING_URI", f"sqlite:///{tmp_path}/millrace.db")
    with millrace.start_run() as run:
        info = millrace.sklearn.log_model(linear(), "model")
    assert info.model_uri == f"runs:/{run.info.run_id}/model"

    model = millrace.pyfunc.load_model(info.model_uri, dst_path=tmp_path / "there")

    assert model.folder == tmp_path / "there" / "model"
    noted = millrace.get_run(run.info.run_id).data.tags["mlflow.log-model.history"]
    assert json.loads(noted)[0]["artifact_path"] == "model"


def test_a_failed_upload_leaves_a_failed_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MILLRACE_TRACKING_URI", f"sqlite:///{tmp_path}/millrace.db")

    with pytest.raises(millrace.MillraceError):
        millrace.xgboost.log_model(linear(), name="wrong")

    (found,) = millrace.MillraceClient().search_logged_models(["0"])
    assert found.info.status == "LOGGED_MODEL_UPLOAD_FAILED"
