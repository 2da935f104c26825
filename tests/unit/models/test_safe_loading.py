"""Loading never runs code that nobody vouches for. Each payload here would make a file."""

from __future__ import annotations

import contextlib
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import joblib
import pytest
import yaml
from sklearn.linear_model import LinearRegression

import millrace
from millrace.client.client import MillraceClient
from millrace.models import own
from millrace.models.trust import Origin, Trust, UntrustedModel

MARK = "the payload ran"


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def model_of(folder: Path, flavors: dict) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))


def generic(**said: object) -> dict:
    return {"python_function": {"python_version": "3.11", **said}}


def sklearn_pickle(folder: Path, mark: Path) -> None:
    model_of(
        folder,
        generic(loader_module="mlflow.sklearn", model_path="model.pkl")
        | {"sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}},
    )
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(mark)))


def sklearn_joblib(folder: Path, mark: Path) -> None:
    sklearn_pickle(folder, mark)
    joblib.dump(Payload(mark), folder / "model.pkl", compress=3)


def pickle_called_skops(folder: Path, mark: Path) -> None:
    sklearn_pickle(folder, mark)
    (folder / "model.pkl").rename(folder / "model.skops")
    said = {"pickled_model": "model.skops", "serialization_format": "pickle"}
    model_of(
        folder,
        generic(loader_module="mlflow.sklearn", model_path="model.skops") | {"sklearn": said},
    )


def skops_that_trusts_itself(folder: Path, mark: Path) -> None:
    """The list of types to trust is the author's own word."""
    import skops.io  # noqa: PLC0415

    model_of(
        folder,
        generic(loader_module="mlflow.sklearn", model_path="model.skops")
        | {
            "sklearn": {
                "pickled_model": "model.skops",
                "serialization_format": "skops",
                "skops_trusted_types": ["pathlib.Path.touch", "tests.unknown"],
            }
        },
    )
    estimator = LinearRegression()
    estimator.mark = Path(mark)
    skops.io.dump(estimator, folder / "model.skops")


def python_model(folder: Path, mark: Path) -> None:
    model_of(folder, generic(loader_module="mlflow.pyfunc.model", python_model="m.pkl"))
    (folder / "m.pkl").write_bytes(cloudpickle.dumps(Payload(mark)))


def model_from_code(folder: Path, mark: Path) -> None:
    model_of(
        folder,
        generic(loader_module="mlflow.pyfunc.loaders.code_model", model_code_path="/x/m.py"),
    )
    (folder / "m.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")


def custom_loader(folder: Path, mark: Path) -> None:
    model_of(folder, generic(loader_module="evil_loader", code="code"))
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "evil_loader.py").write_text(f"open({str(mark)!r}, 'w')\n")


def code_beside_a_safe_model(folder: Path, mark: Path) -> None:
    millrace.sklearn.save_model(LinearRegression().fit([[1], [2]], [1, 2]), folder)
    said = yaml.safe_load((folder / "MLmodel").read_text())
    said["flavors"]["sklearn"]["code"] = "code"
    (folder / "MLmodel").write_text(yaml.safe_dump(said))
    (folder / "code").mkdir()
    (folder / "code" / "sitecustomize.py").write_text(f"open({str(mark)!r}, 'w')\n")


def statsmodels_pickle(folder: Path, mark: Path) -> None:
    model_of(
        folder,
        generic(loader_module="mlflow.statsmodels", data="m") | {"statsmodels": {"data": "m"}},
    )
    (folder / "m").write_bytes(pickle.dumps(Payload(mark)))


def lightgbm_pickle(folder: Path, mark: Path) -> None:
    model_of(
        folder,
        generic(loader_module="mlflow.lightgbm", data="model.pkl")
        | {"lightgbm": {"data": "model.pkl", "model_class": "lightgbm.sklearn.LGBMClassifier"}},
    )
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(mark)))


CORPUS: list[Callable[[Path, Path], None]] = [
    sklearn_pickle,
    sklearn_joblib,
    pickle_called_skops,
    skops_that_trusts_itself,
    python_model,
    model_from_code,
    custom_loader,
    code_beside_a_safe_model,
    statsmodels_pickle,
    lightgbm_pickle,
]


@pytest.mark.parametrize("make", CORPUS, ids=lambda make: make.__name__)
def test_code_of_an_unknown_model_does_not_run(make: Callable, tmp_path: Path):
    folder, mark = tmp_path / "model", tmp_path / MARK
    make(folder, mark)

    with pytest.raises(UntrustedModel) as caught:
        millrace.pyfunc.load_model(folder)

    assert not mark.exists()
    for part in (str(folder), "trusted=True", "MILLRACE_TRUSTED_MODELS"):
        assert part in caught.value.message


def test_a_pickle_that_calls_itself_xgboost_is_none(tmp_path: Path):
    """A format that holds no code is read by its own library, and by nothing else."""
    folder, mark = tmp_path / "model", tmp_path / MARK
    model_of(
        folder,
        generic(loader_module="mlflow.xgboost", data="m.ubj")
        | {"xgboost": {"data": "m.ubj", "model_class": "xgboost.core.Booster"}},
    )
    (folder / "m.ubj").write_bytes(pickle.dumps(Payload(mark)))

    with pytest.raises(millrace.MillraceError, match="is a pickle"):
        millrace.pyfunc.load_model(folder, trusted=True)
    assert not mark.exists()


def test_the_error_names_file_format_and_what_a_look_found(tmp_path: Path):
    sklearn_pickle(tmp_path / "m", tmp_path / MARK)

    with pytest.raises(UntrustedModel) as caught:
        millrace.sklearn.load_model(tmp_path / "m")

    message = caught.value.message
    assert message.startswith(f"model.pkl of '{tmp_path}/m' is a pickle")
    assert "pathlib.Path" in message
    assert "save it as skops" in message


# --- words, settings, policy ---------------------------------------------------------------------


def runs(tmp_path: Path, **said: object) -> bool:
    """Whether a stranger's pickle is unpickled."""
    mark = tmp_path / MARK
    mark.unlink(missing_ok=True)
    sklearn_pickle(tmp_path / "m", mark)
    with contextlib.suppress(UntrustedModel):
        millrace.sklearn.load_model(tmp_path / "m", **said)
    return mark.exists()


def test_the_callers_word_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert runs(tmp_path, trusted=True)
    monkeypatch.setenv("MILLRACE_TRUSTED_MODELS", "all")
    assert not runs(tmp_path, trusted=False)


@pytest.mark.parametrize(
    ("name", "value", "does"),
    [
        ("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true", True),
        ("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false", False),
        ("MILLRACE_TRUSTED_MODELS", "all", True),
        ("MILLRACE_TRUSTED_MODELS", "{folder}", True),
        ("MILLRACE_TRUSTED_MODELS", "models:/risk, {folder}/m", True),
        ("MILLRACE_TRUSTED_MODELS", "{folder}/other", False),
        ("MILLRACE_TRUSTED_MODELS", "approved", False),
    ],
)
def test_a_setting_decides(
    name: str, value: str, does: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, value.format(folder=tmp_path))

    assert runs(tmp_path) is does


@pytest.mark.parametrize(
    ("place", "uri", "holds"),
    [
        ("models:/risk", "models:/risk/3", True),
        ("models:/risk", "models:/risk@champion", True),
        ("models:/risk", "models:/risky/3", False),
        ("s3://bucket/models/", "s3://bucket/models/a", True),
        ("/srv/models", "/srv/models-of-others/a", False),
    ],
)
def test_an_origin_is_trusted_with_what_is_below_it(
    place: str, uri: str, holds: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MILLRACE_TRUSTED_MODELS", place)

    assert Trust(tmp_path, Origin(uri=uri)).allows() is holds


def test_approved_means_approved_with_this_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sklearn_pickle(tmp_path / "m", tmp_path / MARK)
    digest = own.digest_of(tmp_path / "m")
    origin = Origin(uri="models:/risk/1", is_approved=lambda found: found == digest)

    assert not Trust(tmp_path / "m", origin).allows()
    monkeypatch.setenv("MILLRACE_TRUSTED_MODELS", "approved")
    assert Trust(tmp_path / "m", origin).allows()
    (tmp_path / "m" / "more").touch()
    assert not Trust(tmp_path / "m", origin).allows()


def test_approved_is_what_the_registry_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A pickle that nobody vouches for loads once its version is approved, and no other version of
    the same files does."""
    monkeypatch.setenv("MILLRACE_TRUSTED_MODELS", "approved")
    mark = tmp_path / MARK
    sklearn_pickle(tmp_path / "m", mark)
    client = MillraceClient(f"sqlite:///{tmp_path / 'records.db'}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)
    run_id = client.create_run("0").info.run_id
    client.log_artifacts(run_id, str(tmp_path / "m"), "model")
    for _ in range(2):
        client.register_model(f"runs:/{run_id}/model", "risk")
    policy = {"models": "risk", "guards": [{"alias": "champion"}], "self_approval": True}
    client.set_approval_policy(policy | {"gates": {"manifest": True}})
    asked = client.create_transition_request("risk", 1, alias="champion")

    def loads(uri: str) -> bool:
        mark.unlink(missing_ok=True)
        with contextlib.suppress(UntrustedModel):
            millrace.sklearn.load_model(uri)
        return mark.exists()

    assert not loads("models:/risk/1")
    client.approve_transition_request("risk", asked.id)
    assert loads("models:/risk@champion")
    assert loads("models:/risk/1")
    assert not loads("models:/risk/2")
    monkeypatch.delenv("MILLRACE_TRUSTED_MODELS")
    assert not loads("models:/risk@champion")


# --- one's own ---------------------------------------------------------------------------------


def saved(folder: Path) -> Path:
    millrace.sklearn.save_model(
        LinearRegression().fit([[1], [2]], [1, 2]), folder, serialization_format="pickle"
    )
    return folder


def test_ones_own_model_needs_no_word_wherever_it_went(tmp_path: Path):
    folder = saved(tmp_path / "m")
    own._here.clear()  # another process

    assert millrace.sklearn.load_model(folder).coef_ == pytest.approx([1])
    shutil.copytree(folder, tmp_path / "copy")
    assert millrace.sklearn.load_model(tmp_path / "copy").coef_ == pytest.approx([1])


def test_ones_own_model_that_somebody_changed_is_not_ones_own(tmp_path: Path):
    folder = saved(tmp_path / "m")
    mark = tmp_path / MARK
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(mark)))

    with pytest.raises(UntrustedModel):
        millrace.sklearn.load_model(folder)
    assert not mark.exists()


@pytest.mark.parametrize("what", ["m", "m/model.pkl", "."])
def test_what_others_can_write_to_is_not_believed(what: str, tmp_path: Path):
    """Between the look and the loading they could put something else there."""
    folder = saved(tmp_path / "m")
    where = tmp_path / what
    where.chmod(where.stat().st_mode | 0o002)
    try:
        with pytest.raises(UntrustedModel):
            millrace.sklearn.load_model(folder)
    finally:
        where.chmod(where.stat().st_mode & ~0o002)


def test_a_list_of_own_models_that_others_can_write_to_is_not_believed(tmp_path: Path):
    folder = saved(tmp_path / "m")
    own._here.clear()
    (tmp_path / "home" / "own-models").chmod(0o666)

    with pytest.raises(UntrustedModel):
        millrace.sklearn.load_model(folder)


def test_without_a_home_ones_own_process_still_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MILLRACE_DATA_DIR", str(tmp_path / "file" / "below"))

    assert millrace.sklearn.load_model(saved(tmp_path / "m")).coef_ == pytest.approx([1])


def test_a_link_in_a_model_is_refused(tmp_path: Path):
    folder = saved(tmp_path / "m")
    (folder / "link").symlink_to("/etc/passwd")

    with pytest.raises(millrace.MillraceError, match="is a link"):
        millrace.sklearn.load_model(folder)
