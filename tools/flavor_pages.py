"""A page of the documentation for each flavor, from one template.

What is kept and how it is trusted stands in the table of docs/howto/models.md, options in the
docstrings of the flavors, what to install in pyproject.toml. Here is only what nothing else tells:
an example, and what the interchange with MLflow was proven by.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from millrace import _doors
from millrace.models.flavor import flavor_named

ROOT = Path(__file__).resolve().parent.parent
HOW_TO = ROOT / "docs" / "howto" / "models.md"

_ROW = re.compile(r"^\| \[?`millrace\.(\w+)`.*?\| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
_IN_SUITE = "lightgbm onnx pytorch sklearn xgboost".split()
_BY_HAND = "spark tensorflow".split()
_TABLE = 'data = pd.DataFrame({"a": [0.1, 0.4, 0.6, 0.9], "b": [1.0, 0.0, 1.0, 0.0]})'
_TEXT = 'data = pd.DataFrame({"text": ["well done", "too bad"]})'

# Makes `model` and `data`, without anything from the network.
EXAMPLES = {
    "catboost": f"""
        import pandas as pd
        from catboost import CatBoostRegressor

        {_TABLE}
        model = CatBoostRegressor(iterations=10, verbose=False, allow_writing_files=False)
        model.fit(data, data["a"] * 2)
        """,
    "keras": """
        import keras
        import numpy as np

        data = np.ones((2, 3), "float32")
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        """,
    "lightgbm": f"""
        import lightgbm as lgb
        import pandas as pd

        {_TABLE}
        model = lgb.LGBMRegressor(n_estimators=10, min_child_samples=1, verbose=-1)
        model.fit(data, data["a"] * 2)
        """,
    "onnx": """
        import numpy as np
        from onnx import TensorProto, helper

        ends = [helper.make_tensor_value_info(one, TensorProto.FLOAT, [None, 3]) for one in "xy"]
        twice = helper.make_node("Add", ["x", "x"], ["y"])
        graph = helper.make_graph([twice], "twice", ends[:1], ends[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        data = np.ones((2, 3), "float32")
        """,
    "pmdarima": """
        import numpy as np
        import pandas as pd
        from pmdarima import ARIMA

        model = ARIMA(order=(1, 0, 0)).fit(np.sin(np.arange(30.0)))
        data = pd.DataFrame({"n_periods": [5]})
        """,
    "prophet": """
        import numpy as np
        import pandas as pd
        from prophet import Prophet

        known = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=40), "y": np.arange(40.0)})
        model = Prophet(uncertainty_samples=0).fit(known)
        data = pd.DataFrame({"ds": pd.date_range("2020-02-10", periods=5)})
        """,
    "pytorch": """
        import numpy as np
        import torch

        data = np.ones((2, 3), "float32")
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
        """,
    "sentence_transformers": f"""
        import pandas as pd
        from sentence_transformers import SentenceTransformer

        {_TEXT}
        model = SentenceTransformer("path/of/an/encoder")
        """,
    "sklearn": f"""
        import pandas as pd
        from sklearn.linear_model import LinearRegression

        {_TABLE}
        model = LinearRegression().fit(data, data["a"] * 2)
        """,
    "spacy": f"""
        import pandas as pd
        import spacy

        {_TEXT}
        model = spacy.blank("en")
        kinds = model.add_pipe("textcat")
        for label in ("good", "bad"):
            kinds.add_label(label)
        model.initialize()
        """,
    "spark": f"""
        import pandas as pd
        from pyspark.ml import Pipeline
        from pyspark.ml.feature import VectorAssembler
        from pyspark.ml.regression import LinearRegression
        from pyspark.sql import SparkSession

        {_TABLE}
        session = SparkSession.builder.getOrCreate()
        known = session.createDataFrame(data.assign(label=data["a"] * 2))
        features = VectorAssembler(inputCols=["a", "b"], outputCol="features")
        model = Pipeline(stages=[features, LinearRegression()]).fit(known)
        """,
    "statsmodels": f"""
        import pandas as pd
        import statsmodels.api as sm

        {_TABLE}
        model = sm.OLS(data["a"] * 2, data).fit()
        """,
    "tensorflow": """
        import numpy as np
        import tensorflow as tf

        data = np.ones((2, 3), "float32")
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])
        """,
    "transformers": f"""
        import pandas as pd
        from transformers import pipeline

        {_TEXT}
        model = pipeline("text-classification", model="path/of/a/classifier")
        """,
    "xgboost": f"""
        import pandas as pd
        import xgboost as xgb

        {_TABLE}
        model = xgb.XGBRegressor(n_estimators=10).fit(data, data["a"] * 2)
        """,
}


def pages() -> dict[str, str]:
    """The pages by their names below the project's root."""
    rows = {name: cells for name, *cells in _ROW.findall(HOW_TO.read_text(encoding="utf-8"))}
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    return {f"docs/flavors/{name}.md": _page(name, rows[name], extras) for name in _doors.FLAVORS}


def _page(name: str, row: list[str], extras: dict[str, Any]) -> str:
    flavor = flavor_named(name)
    what, kept, trust = row
    extra = name.replace("_", "-")
    facts = {
        "models": what,
        "kept as": kept,
        "loads without trust": f"{trust} ([what that means](../howto/models.md#trust))",
        "install": f"`pip install 'millrace[{extra}]'`: {', '.join(extras[extra][1:])}",
        "the model's argument": f"`{flavor.argument}`",
        "in `MLmodel`": f"`{name}`, and `python_function`, which any server scores with",
        "MLflow": _interchange(name),
    }
    module = inspect.getdoc(inspect.getmodule(type(flavor))) or ""
    title, _, rest = module.partition("\n\n")
    return "\n".join(
        [
            f"# {title.partition(':')[0]}",
            "",
            title,
            *(["", rest] if rest else []),
            "",
            "| | |",
            "|:---|:---|",
            *(f"| {label} | {fact} |" for label, fact in facts.items()),
            "",
            "<!-- not run: it needs the library; the contract of flavors scores such a model -->",
            "```python",
            *_with_import(inspect.cleandoc(EXAMPLES[name]).splitlines()),
            "",
            f'info = millrace.{name}.log_model(model, name="model", input_example=data[:2])',
            f"same = millrace.{name}.load_model(info.model_uri)  # the library's own object",
            "scores = millrace.pyfunc.load_model(info.model_uri).predict(data)",
            "```",
            *_options("log_model` and `save_model", flavor.save),
            *_options("load_model", flavor.load),
            "",
        ]
    )


def _with_import(lines: list[str]) -> list[str]:
    """The example, importing Millrace where a formatter would have it."""
    imports = [at for at, line in enumerate(lines) if line.startswith("import ")]
    after = [at for at in imports if lines[at] < "import millrace"]
    at = after[-1] + 1 if after else imports[0]
    return [*lines[:at], "import millrace", *lines[at:]]


def _interchange(name: str) -> str:
    if name in _IN_SUITE:
        return "3.17 loads what is saved here, and what 2.9, 2.22 and 3.17 saved loads here: tested"
    if name in _BY_HAND:
        return "3.17 loads what is saved here, and the other way round: tried by hand"
    return "written with the keys and files that MLflow's flavor of that name reads; not tested"


def _options(of: str, function: Callable[..., object]) -> list[str]:
    names = [
        one.name
        for one in inspect.signature(function).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    if not names:
        return []
    said = (inspect.getdoc(function) or "").removeprefix("See `Flavor`.").strip()
    listed = ", ".join(f"`{name}`" for name in names)
    told = re.sub(r"\*(\w+)\*", r"`\1`", " ".join(said.split()))
    return [
        "",
        f"Options of `{of}`, beside those of all flavors: {listed}.{f' {told}' if told else ''}",
    ]
