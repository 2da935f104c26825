"""Train a classifier of scikit-learn, log it, register it, load it by alias, serve it, score.

    pip install 'millrace[sklearn]'
    python examples/sklearn_model.py

Records go to MLFLOW_TRACKING_URI, or to millrace.db here.
"""

from __future__ import annotations

import pandas as pd
from serving import served
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import millrace


def main() -> None:
    """From data to a prediction of the registered model."""
    values, labels = make_classification(n_samples=400, n_features=4, random_state=7)
    frame = pd.DataFrame(values, columns=["age", "income", "visits", "score"])
    train, test, labels_train, labels_test = train_test_split(frame, labels, random_state=7)

    millrace.set_experiment("churn")
    with millrace.start_run():
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, labels_train)
        millrace.log_metric("accuracy", float(model.score(test, labels_test)))
        info = millrace.sklearn.log_model(
            model, name="churn", input_example=train[:3], registered_model_name="churn"
        )
    version = info.registered_model_version
    millrace.set_registered_model_alias("churn", "champion", version)

    champion = millrace.pyfunc.load_model("models:/churn@champion")
    print(champion.metadata.signature.inputs)
    print("first of the test set:", champion.predict(test[:1]).tolist())
    print("the champion agrees:", bool((champion.predict(test) == model.predict(test)).all()))
    with served("models:/churn@champion") as score:
        scored = score({"dataframe_split": test.to_dict("split")})
    print("its server agrees:", scored == model.predict(test).tolist())


if __name__ == "__main__":
    main()
