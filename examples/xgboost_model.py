"""Train with XGBoost, log the model with its metric, register it, load it by alias, serve, score.

    pip install 'millrace[xgboost]' scikit-learn
    python examples/xgboost_model.py

Records go to MLFLOW_TRACKING_URI, or to millrace.db here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xgboost as xgb
from serving import served

import millrace


def main() -> None:
    """From data to a prediction of the registered model."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(random.normal(size=(300, 3)), columns=["a", "b", "c"])
    target = 2 * frame["a"] - frame["b"]

    millrace.set_experiment("line")
    params = {"max_depth": 3, "n_estimators": 40}
    with millrace.start_run() as run:
        millrace.log_params(params)
        model = xgb.XGBRegressor(**params).fit(frame, target)
        info = millrace.xgboost.log_model(
            model, name="line", input_example=frame[:2], registered_model_name="line"
        )
        error = float(np.abs(model.predict(frame) - target).mean())
        millrace.log_metric("mae", error, model_id=info.model_id)
    client = millrace.MillraceClient()
    client.set_registered_model_alias("line", "champion", info.registered_model_version)

    logged = client.get_logged_model(info.model_id)
    print("made by the run:", logged.info.source_run_id == run.info.run_id)
    print("its params and metrics:", logged.data.params, sorted(logged.data.metrics))
    champion = millrace.pyfunc.load_model("models:/line@champion")
    print("equal predictions:", np.allclose(champion.predict(frame), model.predict(frame)))
    with served("models:/line@champion") as score:
        scored = score({"dataframe_split": frame.to_dict("split")})
    print("its server agrees:", np.allclose(scored, model.predict(frame)))


if __name__ == "__main__":
    main()
