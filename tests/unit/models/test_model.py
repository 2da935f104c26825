"""The files of a model's folder: MLmodel, examples, environments."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from millrace.core.errors import InvalidArgument, NotFound
from millrace.models import environment, example
from millrace.models.environment import Wish, read_line
from millrace.models.model import Model
from millrace.models.signature import infer_signature


def test_a_model_comes_back_as_it_was(tmp_path: Path):
    model = Model(
        signature=infer_signature(pd.DataFrame({"a": [1]})),
        metadata={"team": "risk"},
        license="Apache-2.0",
    ).add_flavor("sklearn", pickled_model="model.skops")
    model.save(tmp_path)

    assert Model.load(tmp_path) == model
    assert Model.load(tmp_path / "MLmodel") == model
    assert model.get_model_info("x").signature == model.signature


def test_what_others_say_is_kept(tmp_path: Path):
    """Also what nobody here knows."""
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  sklearn: {pickled_model: model.pkl}\nprompts: [a]\nrun_id: abc\n"
        "saved_input_example_info: null\n"
    )

    model = Model.load(tmp_path)
    model.save(tmp_path)

    assert (model.run_id, model.more) == ("abc", {"prompts": ["a"]})
    assert Model.load(tmp_path).more == {"prompts": ["a"]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "no mapping `flavors`"),
        ("flavors: 1", "no mapping `flavors`"),
        ("flavors: {sklearn: 1}", "'sklearn' has no settings"),
        ("flavors: !!python/object/apply:os.system [id]", "no YAML"),
        ("flavors: {}\nsignature: {inputs: '[]'}", "at least one column"),
        ("a: &a [x]\nflavors: {}\nb: [" + "*a, " * 100 + "]", "aliases"),
        ("flavors: " + "{a: " * 100 + "1" + "}" * 100, "nested deeper"),
    ],
)
def test_a_file_that_describes_no_model_is_refused(tmp_path: Path, text: str, why: str):
    (tmp_path / "MLmodel").write_text(text)

    with pytest.raises(InvalidArgument, match=why) as caught:
        Model.load(tmp_path)
    assert str(tmp_path) in caught.value.message


def test_no_model_is_no_model(tmp_path: Path):
    with pytest.raises(NotFound, match="no file MLmodel"):
        Model.load(tmp_path)


# --- examples ------------------------------------------------------------------------------------

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
EXAMPLES = {
    "a frame": (
        FRAME,
        {"columns": ["a", "b"], "data": [[1, "x"], [2, None]]},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, None]]}},
    ),
    "a frame and params": (
        (pd.DataFrame({"a": [1]}), {"t": np.float32(0.5)}),
        {"inputs": {"columns": ["a"], "data": [[1]]}, "params": {"t": 0.5}},
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"t": 0.5}},
    ),
    "an array": (np.array([[1.0]]), [[1.0]], {"inputs": [[1.0]]}),
    "arrays by name": ({"a": np.array([1])}, {"a": [1]}, {"inputs": {"a": [1]}}),
    "a mapping": ({"a": 1}, {"a": 1}, {"inputs": {"a": 1}}),
    "text": ("x", "x", {"inputs": "x"}),
    "bytes and times": (
        [b"a", pd.Timestamp("2020-01-01"), float("nan")],
        ["YQ==", "2020-01-01T00:00:00", None],
        {"inputs": ["YQ==", "2020-01-01T00:00:00", None]},
    ),
}


@pytest.mark.parametrize("case", EXAMPLES)
def test_an_example_is_kept_as_servers_take_it(case: str, tmp_path: Path):
    given, kept, serving = EXAMPLES[case]

    info = example.save_example(example.example_of(given), tmp_path)

    assert json.loads((tmp_path / info["artifact_path"]).read_text()) == kept
    assert json.loads((tmp_path / info["serving_input_path"]).read_text()) == serving


def test_an_example_comes_back(tmp_path: Path):
    def round_trip(given: object, schema: object = None) -> example.Example:
        info = example.save_example(example.example_of(given), tmp_path)
        return example.load_example(info, tmp_path, schema)

    assert round_trip((FRAME, {"t": 1})).params == {"t": 1}
    assert round_trip(FRAME).data["a"].tolist() == [1, 2]
    array = np.array([[1, 2]], "float32")
    schema = infer_signature(array).inputs
    assert round_trip(array, schema).data.dtype == np.float32
    assert round_trip({"a": array}).data["a"].tolist() == [[1, 2]]
    for kind in (sparse.csr_matrix, sparse.csc_matrix):
        assert (round_trip(kind(np.eye(2))).data != kind(np.eye(2))).nnz == 0


def test_an_example_outside_the_model_is_not_read(tmp_path: Path):
    with pytest.raises(InvalidArgument, match="outside the model"):
        example.load_example({"artifact_path": "../../etc/passwd"}, tmp_path)
    with pytest.raises(InvalidArgument, match="cannot be written as JSON"):
        example.plain(object())
    with pytest.raises(InvalidArgument, match="a pair of data and a mapping"):
        example.example_of((1, 2, 3))


# --- environments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("scikit-learn == 1.5.0", "scikit-learn==1.5.0"),
        ("torch>=2, <3", "torch>=2,<3"),
        ("uvicorn[standard]==1", "uvicorn[standard]==1"),
        ("pywin32==1; sys_platform == 'win32'", "pywin32==1 ; sys_platform == 'win32'"),
        ("numpy  # why", "numpy"),
    ],
)
def test_a_requirement_is_taken_apart_and_put_together(line: str, read: str):
    found = read_line(line)

    assert found is not None
    assert (found.line, found.is_plain) == (read, True)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example/simple",
        "-e .",
        "git+https://evil.example/x",
        "x @ https://evil.example/x.whl",
        "./local.whl",
        "numpy; $(touch /tmp/x)",
        "numpy==1; `id`",
        "numpy==1 && id",
        "-r other.txt",
    ],
)
def test_a_requirement_that_is_more_than_a_name_is_marked_and_refused(line: str):
    found = read_line(line)

    assert found is not None
    assert not found.is_plain
    with pytest.raises(InvalidArgument, match=re.escape(line)):
        environment.refuse_odd([found], "requirements.txt")


def test_the_files_of_an_environment(tmp_path: Path):
    env = environment.save_environment(tmp_path, ["numpy==2.0", "numpy==2.0"], ["scipy<2"], Wish())
    found = environment.load_environment(tmp_path)

    assert env == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert lines[0].startswith("millrace==")
    assert lines[1:] == ["numpy==2.0", "-c constraints.txt"]
    assert [one.line for one in found.requirements] == lines[:2]
    assert [one.line for one in found.constraints] == ["scipy<2"]
    assert "- -r requirements.txt" in (tmp_path / "python_env.yaml").read_text()
    assert f"python={found.python}" in (tmp_path / "conda.yaml").read_text()


def test_what_is_asked_for_wins_over_what_is_told_from_the_model(tmp_path: Path):
    (tmp_path / "c.txt").write_text("scipy<2\n")
    (tmp_path / "r.txt").write_text(f"pandas==3\n-c {tmp_path / 'c.txt'}\n")
    inferred = ["numpy==2.0", "scikit-learn==1.5"]

    def lines(**said: object) -> tuple[list[str], list[str]]:
        return environment.asked_for(Wish(**said), inferred)

    assert lines() == (inferred, [])
    assert lines(pip_requirements=["x"]) == (["x"], [])
    assert lines(pip_requirements=str(tmp_path / "r.txt")) == (["pandas==3"], ["scipy<2"])
    assert lines(extra_pip_requirements=["scikit_learn==1.4"]) == (
        ["numpy==2.0", "scikit_learn==1.4"],
        [],
    )
    conda = {"dependencies": ["python=3.11", {"pip": ["y==1", "-r z"]}]}
    assert lines(conda_env=conda) == (["y==1"], [])
    with pytest.raises(InvalidArgument, match="not both"):
        Wish(pip_requirements=["x"], conda_env=conda)
    with pytest.raises(InvalidArgument, match="not both"):
        Wish(pip_requirements=["x"], extra_pip_requirements=["y"])


def test_an_environment_of_somebody_elses_may_be_odd(tmp_path: Path):
    (tmp_path / "python_env.yaml").write_text("python: $(id)\n")
    with pytest.raises(InvalidArgument, match="no version of Python"):
        environment.load_environment(tmp_path)
    (tmp_path / "python_env.yaml").unlink()
    (tmp_path / "conda.yaml").write_text("dependencies: [{pip: [numpy==1]}]\n")
    assert [one.line for one in environment.load_environment(tmp_path).requirements] == ["numpy==1"]
