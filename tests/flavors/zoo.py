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
    """What the error of an untrusted load names, as a pattern."""


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


def catboost() -> Case:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(iterations=3, depth=2, verbose=False, allow_writing_files=False)
    return Case(model.fit(X, Y), X, lambda model, data: model.predict(data), "catboost")


def prophet() -> Case:
    from prophet import Prophet

    days = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=40), "y": np.arange(40.0)})
    model = Prophet(n_changepoints=2, uncertainty_samples=0).fit(days)
    ahead = pd.DataFrame({"ds": pd.date_range("2020-02-10", periods=5)})
    return Case(model, ahead, lambda model, data: model.predict(data)[["yhat"]], "prophet")


def pmdarima() -> Case:
    from pmdarima import ARIMA

    model = ARIMA(order=(1, 0, 0)).fit(np.sin(np.arange(30.0)))
    return Case(
        model,
        pd.DataFrame({"n_periods": [5]}),
        lambda model, data: model.predict(n_periods=5).reshape(-1, 1),
        "pmdarima",
        is_safe=False,
        trusts_nothing="model.pmd",
    )


def spacy() -> Case:
    import spacy as library

    pipeline = library.blank("en")
    kinds = pipeline.add_pipe("textcat")
    for label in ("good", "bad"):
        kinds.add_label(label)
    pipeline.initialize()
    texts = pd.DataFrame({"text": ["well done", "too bad", "so so"]})
    return Case(
        pipeline,
        texts,
        lambda model, data: [list(model(text).cats.values()) for text in data["text"]],
        "spacy",
    )


def keras() -> Case:
    import keras as library

    model = library.Sequential([library.Input((3,)), library.layers.Dense(2)])
    data = X.to_numpy().astype("float32")
    return Case(model, data, lambda model, data: model.predict(data, verbose=0), "keras")


def keras_lambda() -> Case:
    import keras as library

    model = library.Sequential([library.Input((3,)), library.layers.Lambda(lambda x: x * 2)])
    data = X.to_numpy().astype("float32")
    return Case(
        model,
        data,
        lambda model, data: model.predict(data, verbose=0),
        "keras",
        is_safe=False,
        flavor="keras",
        trusts_nothing="data/model.keras",
    )


def tensorflow() -> Case:
    case = keras()
    case.requires = "tensorflow-cpu"
    return case


def tensorflow_module() -> Case:
    import tensorflow as tf

    class Doubled(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return x * 2

    data = X.to_numpy().astype("float32")
    return Case(
        Doubled(),
        data,
        lambda model, data: model(tf.constant(data)).numpy(),
        "tensorflow-cpu",
        is_safe=False,
        flavor="tensorflow",
        trusts_nothing="tf2model/saved_model.pb",
    )


def _spark_session() -> Any:
    from pyspark.sql import SparkSession

    building = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = building.config("spark.driver.host", "127.0.0.1").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _spark_scores(model: Any, data: Any) -> list[float]:
    scored = model.transform(_spark_session().createDataFrame(data))
    return [row.prediction for row in scored.select("prediction").collect()]


def spark() -> Case:
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression

    known = _spark_session().createDataFrame(X.assign(label=X["a"] + 2 * X["b"]))
    features = VectorAssembler(inputCols=["a", "b", "c"], outputCol="features")
    model = Pipeline(stages=[features, LinearRegression()]).fit(known)
    return Case(model, X, _spark_scores, "pyspark")


def spark_sql() -> Case:
    """A stage of SQL, which could call any static method of Java."""
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import SQLTransformer

    _spark_session()
    stage = SQLTransformer(statement="SELECT a + b AS prediction FROM __THIS__")
    return Case(
        PipelineModel(stages=[stage]),
        X,
        _spark_scores,
        "pyspark",
        is_safe=False,
        flavor="spark",
        trusts_nothing="sparkml/stages/*/metadata/part-*",
    )


def _tiny_bert(folder: Any) -> tuple[Any, Any]:
    """A model of one layer, and its tokenizer: nothing is fetched from anywhere."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    torch.manual_seed(0)
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] well done too bad so".split()
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    return BertForSequenceClassification(config).eval(), tokenizer


TEXTS = pd.DataFrame({"text": ["well done", "too bad", "so so"]})


def transformers() -> Case:
    import tempfile
    from pathlib import Path

    import transformers as library

    with tempfile.TemporaryDirectory() as folder:
        model, tokenizer = _tiny_bert(Path(folder))
    pipeline = library.pipeline("text-classification", model=model, tokenizer=tokenizer)
    return Case(
        pipeline,
        TEXTS,
        lambda model, data: [
            [one["label"], round(one["score"], 5)] for one in model(list(data["text"]))
        ],
        "transformers",
    )


def sentence_transformers() -> Case:
    import tempfile
    from pathlib import Path

    from sentence_transformers import SentenceTransformer, models

    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        model, tokenizer = _tiny_bert(where)
        model.bert.save_pretrained(where / "bert")
        tokenizer.save_pretrained(where / "bert")
        words = models.Transformer(str(where / "bert"))
        encoder = SentenceTransformer(
            modules=[words, models.Pooling(words.get_word_embedding_dimension())], device="cpu"
        )
    return Case(
        encoder,
        TEXTS,
        lambda model, data: model.encode(list(data["text"])),
        "sentence-transformers",
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
