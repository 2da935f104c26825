"""One small model of each flavor, with data that it scores; made on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

RANDOM = np.random.RandomState(0)
X = pd.DataFrame(RANDOM.rand(30, 3).round(3), columns=["a", "b", "c"])
Y = (X["a"] + X["b"] > 1).astype("int64")


@dataclass
class Case:
    """A model, and what the contract suite asks of its flavor.

    `predict`: what the library itself makes of the data. `is_safe`: it loads without being trusted.
    """

    model: Any
    data: Any
    predict: Callable[[Any, Any], Any]
    requires: str
    is_safe: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    flavor: str = ""
    trusts_nothing: str = ""
    """What the error of an untrusted load names."""


def sklearn() -> Case:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    return Case(model, X, lambda model, data: model.predict(data), "scikit-learn")


def sklearn_pickled() -> Case:
    case = sklearn()
    case.options = {"serialization_format": "cloudpickle", "pyfunc_predict_fn": "predict_proba"}
    case.predict = lambda model, data: model.predict_proba(data)
    case.flavor, case.is_safe, case.trusts_nothing = "sklearn", False, "model.pkl"
    return case


def xgboost() -> Case:
    import xgboost as xgb

    model = xgb.XGBClassifier(n_estimators=3, max_depth=2).fit(X, Y)
    return Case(model, X, lambda model, data: model.predict(data), "xgboost-cpu")


def xgboost_booster() -> Case:
    import xgboost as xgb

    model = xgb.train({"max_depth": 2}, xgb.DMatrix(X, Y), 3)
    return Case(
        model,
        X,
        lambda model, data: model.predict(xgb.DMatrix(data)),
        "xgboost-cpu",
        options={"model_format": "json"},
        flavor="xgboost",
    )


def lightgbm() -> Case:
    import lightgbm as lgb

    model = lgb.LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1).fit(X, Y)
    return Case(model, X, lambda model, data: model.predict(data), "lightgbm")


def lightgbm_booster() -> Case:
    import lightgbm as lgb

    model = lgb.train({"min_data": 1, "verbose": -1}, lgb.Dataset(X, Y), 3)
    return Case(model, X, lambda model, data: model.predict(data), "lightgbm", flavor="lightgbm")


def onnx() -> Case:
    from onnx import TensorProto, helper

    def of(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3])

    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], "g", [of("x")], [of("y")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data = X.to_numpy().astype("float32")
    return Case(model, data, lambda _, data: {"y": data + data}, "onnxruntime")


def statsmodels() -> Case:
    import statsmodels.api as sm

    model = sm.OLS(Y.astype("float64"), X).fit()
    return Case(
        model,
        X,
        lambda model, data: model.predict(data),
        "statsmodels",
        is_safe=False,
        trusts_nothing="model.statsmodels",
    )


def pytorch() -> Case:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    return Case(model, X.to_numpy().astype("float32"), _torch_predict, "torch")


def pytorch_exported() -> Case:
    case = pytorch()
    case.flavor, case.options = "pytorch", {"export_example": case.data[:2]}
    return case


def pytorch_own_class() -> Case:
    import torch

    class Doubled(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

    Doubled.__module__ = "__main__"
    data = X.to_numpy().astype("float32")
    return Case(
        Doubled(),
        data,
        _torch_predict,
        "torch",
        is_safe=False,
        flavor="pytorch",
        trusts_nothing="data/model.pth",
    )


def _torch_predict(model: Any, data: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(torch.from_numpy(data)).numpy()


MAKE: dict[str, Callable[[], Case]] = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__annotations__", {}).get("return") == "Case"
}
SMALL = [
    name for name in MAKE if name.startswith(("sklearn", "xgboost", "lightgbm", "onnx", "stats"))
]


def flavor_of(name: str, case: Case) -> str:
    """The module of `millrace.flavors` that a case belongs to."""
    return case.flavor or name
