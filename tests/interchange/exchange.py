"""One script for both sides: saves models, or loads them, with MLflow or with Millrace.

    python exchange.py write|read mlflow|millrace FOLDER NAME...

Writing leaves one folder a model and what its own library predicts; reading prints what the two
doors (generic, native) predict after loading. The API is one, so only the import differs.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

RANDOM = np.random.RandomState(0)
X = pd.DataFrame(RANDOM.rand(20, 3).round(3), columns=["a", "b", "c"])
Y = (X["a"] + X["b"] > 1).astype("int64")
FLOATS = X.to_numpy().astype("float32")
MLFLOW: Any = None


def plain(found: Any) -> Any:
    if isinstance(found, dict):
        found = found["y"]
    found = np.asarray(found)
    return found.astype("float64").round(5).reshape(-1).tolist()


def pyfunc(folder: Path) -> Any:
    class Doubled(MLFLOW.pyfunc.PythonModel):
        def load_context(self, context):
            self.factor = float(Path(context.artifacts["factor"]).read_text())

        def predict(self, context, model_input, params=None):
            return model_input["a"] * self.factor

    Doubled.__module__ = "__main__"
    factor = folder.parent / "factor.txt"
    factor.write_text("2")
    MLFLOW.pyfunc.save_model(
        folder, python_model=Doubled(), artifacts={"factor": str(factor)}, **plainly()
    )
    return X["a"] * 2


def function(folder: Path) -> Any:
    def doubled(model_input):
        return model_input["b"] * 2

    doubled.__module__ = "__main__"
    MLFLOW.pyfunc.save_model(folder, python_model=doubled, input_example=X[:2], **plainly())
    return X["b"] * 2


def script(folder: Path) -> Any:
    code = folder.parent / "model_script.py"
    code.write_text(
        "import mlflow\n"
        "class Tripled(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input):\n"
        "        return model_input['a'] * 3\n"
        "mlflow.models.set_model(Tripled())\n"
    )
    MLFLOW.pyfunc.save_model(folder, python_model=str(code), **plainly())
    return X["a"] * 3


def sklearn(folder: Path) -> Any:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)
    MLFLOW.sklearn.save_model(model, folder, signature=signature(X), **plainly())
    return model.predict(X)


def xgboost(folder: Path) -> Any:
    import xgboost as xgb

    model = xgb.XGBRegressor(n_estimators=3, max_depth=2).fit(X, Y)
    MLFLOW.xgboost.save_model(model, folder, signature=signature(X), **plainly())
    return model.predict(X)


def xgboost_booster(folder: Path) -> Any:
    import xgboost as xgb

    model = xgb.train({"max_depth": 2}, xgb.DMatrix(X, Y), 3)
    MLFLOW.xgboost.save_model(model, folder, **plainly())
    return model.predict(xgb.DMatrix(X))


def lightgbm(folder: Path) -> Any:
    import lightgbm as lgb

    model = lgb.LGBMRegressor(n_estimators=3, min_child_samples=2, verbose=-1).fit(X, Y)
    MLFLOW.lightgbm.save_model(model, folder, signature=signature(X), **plainly())
    return model.predict(X)


def lightgbm_booster(folder: Path) -> Any:
    import lightgbm as lgb

    model = lgb.train({"min_data": 1, "verbose": -1}, lgb.Dataset(X, Y), 3)
    MLFLOW.lightgbm.save_model(model, folder, **plainly())
    return model.predict(X)


def onnx(folder: Path) -> Any:
    from onnx import TensorProto, helper

    def of(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3])

    nodes = [helper.make_node("Add", ["x", "x"], ["y"])]
    graph = helper.make_graph(nodes, "g", [of("x")], [of("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    MLFLOW.onnx.save_model(model, folder, signature=signature(FLOATS), **plainly())
    return FLOATS * 2


def pytorch(folder: Path) -> Any:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    newer = MLFLOW.__name__ == "mlflow" and MLFLOW.__version__ >= "3"
    way = {"serialization_format": "pickle"} if newer else {}
    MLFLOW.pytorch.save_model(model, folder, **way, **plainly())
    with torch.no_grad():
        return model(torch.from_numpy(FLOATS)).numpy()


def pytorch_graph(folder: Path) -> Any:
    import torch

    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(3, 1))
    if MLFLOW.__name__ == "millrace":
        way = {"export_example": FLOATS}
    elif MLFLOW.__version__ >= "3":
        way = {"serialization_format": "pt2", "input_example": FLOATS}
    else:
        raise LookupError("that MLflow knows no graphs")
    MLFLOW.pytorch.save_model(model, folder, **way, **plainly())
    with torch.no_grad():
        return model(torch.from_numpy(FLOATS)).numpy()


OF_TENSORS = {"onnx", "pytorch", "pytorch_graph"}
OF_PYTHON = {"pyfunc", "function", "script"}


def signature(data: Any) -> Any:
    return importlib.import_module(f"{MLFLOW.__name__}.models").infer_signature(data)


def plainly() -> dict[str, Any]:
    """Requirements are said: finding them out takes MLflow seconds a model."""
    return {"pip_requirements": ["numpy"]}


def write(folder: Path, names: list[str]) -> None:
    told = {}
    for name in names:
        try:
            told[name] = plain(globals()[name](folder / name))
        except LookupError:
            continue
    print(json.dumps(told))


def read(folder: Path, names: list[str]) -> None:
    told = {}
    for name in names:
        data = FLOATS if name in OF_TENSORS else X
        path = str(folder / name)
        told[name] = {"generic": plain(MLFLOW.pyfunc.load_model(path).predict(data))}
        if name not in OF_PYTHON:
            flavor = importlib.import_module(f"{MLFLOW.__name__}.{name.partition('_')[0]}")
            told[name]["native"] = native(name, flavor.load_model(path), data)
    print(json.dumps(told))


def native(name: str, model: Any, data: Any) -> Any:
    if name == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString())
        return plain(session.run(["y"], {"x": data})[0])
    if name == "xgboost_booster":
        import xgboost as xgb

        data = xgb.DMatrix(data)
    if name in OF_TENSORS:
        import torch

        with torch.no_grad():
            return plain(model(torch.from_numpy(data)).numpy())
    return plain(model.predict(data))


if __name__ == "__main__":
    verb, api, where, *asked = sys.argv[1:]
    MLFLOW = importlib.import_module(api)
    importlib.import_module(f"{api}.pyfunc")
    {"write": write, "read": read}[verb](Path(where), asked)
