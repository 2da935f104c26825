"""`millrace models` does what its words say, on folders and on a registry."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import millrace as api

FRAME = pd.DataFrame({"a": [1.0, 2.0]})


class Payload:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MILLRACE_DATA_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("MILLRACE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MILLRACE_REQUIREMENTS_INFERENCE_TIMEOUT", "0")
    folder = tmp_path / "model"
    api.sklearn.save_model(LinearRegression().fit(FRAME, [1, 2]), folder, input_example=FRAME)
    return folder


def test_show_says_what_a_model_says_of_itself(millrace, said, model: Path):
    shown = millrace("models", "show", "-m", str(model)).stdout

    assert "python_function, sklearn" in shown
    assert "['a': double (required)]" in shown
    assert "No file of it runs code" in shown
    found = said("models", "show", "-m", str(model))
    assert found["flavors"]["sklearn"]["pickled_model"] == "model.skops"


def test_scan_names_what_runs_code_and_ends_with_1(millrace, said, model: Path):
    assert said("models", "scan", "-m", str(model)) == {}
    (model / "weights.bin").write_bytes(pickle.dumps(Payload()))

    done = millrace("models", "scan", "-m", str(model), code=1)

    assert "weights.bin" in done.stdout
    assert ".system" in done.stdout


def test_diff_says_in_which_two_models_differ(said, model: Path, tmp_path: Path):
    other = tmp_path / "other"
    api.sklearn.save_model(
        LinearRegression().fit(FRAME, [1, 3]),
        other,
        input_example=FRAME,
        metadata={"team": "risk"},
        extra_pip_requirements=["humanize==4"],
    )

    found = {one["what"] for one in said("models", "diff", str(model), str(other))}

    assert {"metadata.team", "requirement humanize", "file model.skops"} <= found
    assert "signature.inputs" not in found
    assert said("models", "diff", str(model), str(model)) == []


def test_verify_compares_with_what_was_stored(millrace, model: Path):
    assert (
        "gives what it gave"
        in millrace("models", "verify", "-m", str(model), "--env-manager", "local").stdout
    )
    (model / "output_example.json").write_text("[1.0, 9.0]")

    done = millrace("models", "verify", "-m", str(model), "--env-manager", "local", code=1)

    assert "output[1]: 9.0 stored, 2.0" in done.stdout


def test_verify_runs_no_code_that_nobody_vouches_for(millrace, model: Path, tmp_path: Path):
    folder = tmp_path / "pickled"
    api.sklearn.save_model(
        LinearRegression().fit(FRAME, [1, 2]),
        folder,
        input_example=FRAME,
        serialization_format="pickle",
    )
    words = ("models", "verify", "-m", str(folder), "--env-manager", "local")
    assert "gives what it gave" in millrace(*words).stdout
    (folder / "model.pkl").write_bytes((folder / "model.pkl").read_bytes() + b" ")

    assert "UntrustedModel" in millrace(*words, code=1).stderr
    assert "gives what it gave" in millrace(*words, "--trusted").stdout


def test_a_dockerfile_with_all_it_needs(millrace, model: Path, tmp_path: Path):
    target = tmp_path / "image"

    millrace("models", "generate-dockerfile", "-m", str(model), "-d", str(target))

    text = (target / "Dockerfile").read_text()
    assert text.count("\nFROM python:3.") == 1
    assert '"millrace", "models", "serve"' in text
    assert (target / "model" / "MLmodel").is_file()
    assert "scikit-learn==" in (target / "requirements.txt").read_text()
    again = millrace("models", "generate-dockerfile", "-m", str(model), "-d", str(target), code=1)
    assert "not empty" in again.stderr


@pytest.mark.parametrize("image", ["x\nRUN evil", "a b", "$(id)", "-x", "UPPER"])
def test_an_image_is_a_name(image: str, millrace, model: Path, tmp_path: Path):
    done = millrace(
        "models",
        "generate-dockerfile",
        "-m",
        str(model),
        "-d",
        str(tmp_path / "image"),
        "--base-image",
        image,
        code=1,
    )

    assert "is no name of an image" in done.stderr


@pytest.mark.parametrize(
    "line", ["--index-url https://evil.example", "git+https://evil.example/x", "x; $(touch y)"]
)
def test_odd_requirements_are_refused(line: str, millrace, model: Path):
    (model / "requirements.txt").write_text(f"{line}\n")

    done = millrace("models", "prepare-env", "-m", str(model), code=1)

    assert line in done.stderr
    assert "--allow-odd-requirements" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_environment_is_made_once_and_verifies_the_model(millrace, model: Path, tmp_path: Path):
    """From the package index, with uv; without what is installed here beside."""
    import subprocess  # noqa: PLC0415

    first = millrace("models", "prepare-env", "-m", str(model)).stdout.strip()
    stamp = Path(first).parent.stat().st_mtime_ns
    again = millrace("models", "prepare-env", "-m", str(model)).stdout.strip()

    assert (again, Path(again).parent.stat().st_mtime_ns) == (first, stamp)
    probe = "import sklearn, millrace, importlib.util as u; print(u.find_spec('xgboost'))"
    done = subprocess.run([first, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
    assert "gives what it gave" in millrace("models", "verify", "-m", str(model)).stdout
