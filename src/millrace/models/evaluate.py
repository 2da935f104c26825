"""How good a model is on data whose answers are known: `millrace.evaluate`.

Metrics go to the active run, where approval gates of the registry find them; curves, confusion
matrix, residuals and importances become artifacts. scikit-learn computes the metrics.
"""

# Models, data and metrics are of any library.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from millrace.client import fluent, fluent_files
from millrace.core.errors import InvalidArgument, MillraceError, MissingExtra
from millrace.core.lazy import require
from millrace.models.example import plain
from millrace.models.pyfunc import PyFuncModel, load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ModelType = Literal["classifier", "regressor"]

TAG: Final = "millrace.evaluation"
"""A tag of the run that tells of an evaluation: what kind of model, on how many rows."""
_BINARY: Final = 2
_MOST_CLASSES: Final = 100
_SHUFFLES: Final = 5
_MOST_ROWS: Final = 2000
"""For importances: every column is shuffled several times, and each time all rows are scored."""


class Threshold(Struct, frozen=True, kw_only=True):
    """What a metric must reach. The last two compare with a baseline, which must then be given.

    `min_absolute_change`: by how much it must be better. `min_relative_change`: the same as a share
    of the baseline's value.
    """

    threshold: float | None = None
    greater_is_better: bool = True
    min_absolute_change: float | None = None
    min_relative_change: float | None = None


MetricThreshold = Threshold


class Metric(Struct, frozen=True, kw_only=True):
    """A metric of one's own: `compute(targets, predictions)` gives a number."""

    name: str
    compute: Any


class EvaluationFailed(MillraceError):
    """Metrics are not what they must be; the message names each with its numbers."""

    code, status = "INVALID_PARAMETER_VALUE", 400


class EvaluationResult(Struct, kw_only=True):
    """What an evaluation found. `artifacts`: by path among the artifacts of the run."""

    metrics: dict[str, float]
    artifacts: dict[str, Any]
    run_id: str | None = None
    baseline_metrics: dict[str, float] = {}

    @property
    def tables(self) -> dict[str, Any]:
        """The artifacts that are tables."""
        return {name: one for name, one in self.artifacts.items() if hasattr(one, "iloc")}


class _Subject(Struct, kw_only=True):
    """What is evaluated: targets, what the model says, and how to ask it again."""

    frame: Any
    targets: Any
    predictions: Any
    probabilities: Any = None
    labels: list[Any] = []
    predict: Any = None
    weights: Any = None


def evaluate(  # noqa: PLR0913 - the field's options
    model: Any = None,
    data: Any = None,
    *,
    targets: Any = None,
    model_type: ModelType,
    predictions: str | None = None,
    feature_names: Sequence[str] | None = None,
    extra_metrics: Sequence[Metric] = (),
    custom_artifacts: Sequence[Callable[..., Mapping[str, Any]]] = (),
    validation_thresholds: Mapping[str, Threshold] | None = None,
    baseline_model: Any = None,
    evaluator_config: Mapping[str, Any] | None = None,
    trusted: bool | None = None,
) -> EvaluationResult:
    """Score *data* and compare with *targets* (a column's name, or values).

    *model*: a URI, a loaded model or a function; None, or *predictions* (a column's name), when the
    data holds what was predicted. *custom_artifacts*: functions of (frame, metrics) that give
    objects by name. With *validation_thresholds* it raises `EvaluationFailed` once all is logged.
    *evaluator_config*: `pos_label`, `sample_weights`, `log_explainer`, `metric_prefix`,
    `log_model_explainability`.
    """
    config = dict(evaluator_config or {})
    if model_type not in _KINDS:
        raise InvalidArgument(f"model_type {model_type!r}: one of {', '.join(_KINDS)}.")
    given = _Data(
        data=data,
        targets=targets,
        feature_names=feature_names,
        weights=config.get("sample_weights"),
        trusted=trusted,
    )
    subject = _subject(given, model, predictions)
    metrics, artifacts = _KINDS[model_type](subject, config)
    if config.get("log_model_explainability", True) and subject.predict is not None:
        artifacts |= _importances(subject, model_type)
    for one in extra_metrics:
        metrics[one.name] = float(one.compute(subject.targets, subject.predictions))
    shown = subject.frame.assign(target=subject.targets, prediction=list(subject.predictions))
    for make in custom_artifacts:
        artifacts |= dict(make(shown, dict(metrics)))
    prefix = config.get("metric_prefix") or ""
    metrics = {f"{prefix}{name}": value for name, value in metrics.items()}
    result = EvaluationResult(metrics=metrics, artifacts=artifacts)
    if baseline_model is not None:
        baseline, _ = _KINDS[model_type](_subject(given, baseline_model), config)
        result.baseline_metrics = {f"{prefix}{name}": value for name, value in baseline.items()}
    _log(result, model_type, rows=len(subject.targets))
    if validation_thresholds:
        validate_evaluation_results(validation_thresholds, result)
    return result


def validate_evaluation_results(
    validation_thresholds: Mapping[str, Threshold],
    candidate_result: EvaluationResult,
    baseline_result: EvaluationResult | None = None,
) -> None:
    """Return when every metric is what it must be; otherwise `EvaluationFailed` names those that
    are not, with their numbers."""
    baseline = (
        baseline_result.metrics
        if baseline_result is not None
        else candidate_result.baseline_metrics
    )
    failures = [
        failure
        for name, threshold in validation_thresholds.items()
        for failure in _failures(name, threshold, candidate_result.metrics, baseline)
    ]
    if failures:
        raise EvaluationFailed(f"The evaluation does not pass: {'; '.join(failures)}.")


def _failures(
    name: str, threshold: Threshold, metrics: Mapping[str, float], baseline: Mapping[str, float]
) -> list[str]:
    value = metrics.get(name)
    if value is None:
        return [f"{name} was not computed"]
    sign = 1 if threshold.greater_is_better else -1
    word = "at least" if threshold.greater_is_better else "at most"
    found = []
    if math.isnan(value):
        return [f"{name} is NaN"]
    if threshold.threshold is not None and sign * value < sign * threshold.threshold:
        found.append(f"{name} is {value:.6g} and must be {word} {threshold.threshold:.6g}")
    for change, is_share in (
        (threshold.min_absolute_change, False),
        (threshold.min_relative_change, True),
    ):
        if change is None:
            continue
        before = baseline.get(name)
        if before is None:
            found.append(f"{name} of the baseline is not known, and must be passed")
            continue
        wanted = before + sign * (abs(before) * change if is_share else change)
        if sign * value < sign * wanted:
            found.append(
                f"{name} is {value:.6g}, that of the baseline {before:.6g}: it must be {word} "
                f"{wanted:.6g}"
            )
    return found


# --- what is evaluated ---------------------------------------------------------------------------


class _Data(Struct, kw_only=True):
    """What an evaluation was given to evaluate on."""

    data: Any
    targets: Any
    feature_names: Sequence[str] | None
    weights: Any
    trusted: bool | None


def _subject(given: _Data, model: Any, predictions: str | None = None) -> _Subject:
    """The rows, the answers, and what *model*, or the column *predictions*, says."""
    numpy = require("numpy", extra="models")
    frame = _frame(given.data, given.feature_names)
    named = [name for name in (given.targets, predictions) if isinstance(name, str)]
    absent = [name for name in named if name not in frame.columns]
    if absent:
        raise InvalidArgument(f"The data has no column {absent[0]!r}.")
    if given.targets is None:
        raise InvalidArgument("There are no targets to compare with; name a column or give values.")
    is_named = isinstance(given.targets, str)
    targets = numpy.asarray(frame[given.targets] if is_named else given.targets)
    if len(targets) != len(frame) or not len(frame):
        raise InvalidArgument(f"There are {len(targets)} targets for {len(frame)} rows.")
    if model is None and predictions is None:
        raise InvalidArgument("Give a model, or name the column of predictions.")
    found = _Subject(
        frame=frame.drop(columns=named),
        targets=targets,
        predictions=None if predictions is None else numpy.asarray(frame[predictions]),
        weights=None if given.weights is None else numpy.asarray(given.weights),
    )
    if model is not None:
        _ask(found, model, given.trusted)
    return found


def _frame(data: Any, feature_names: Sequence[str] | None) -> Any:
    pandas = require("pandas", extra="models")
    numpy = require("numpy", extra="models")
    if data is None:
        raise InvalidArgument("There is no data to evaluate on; give a frame or an array.")
    if hasattr(data, "to_pandas"):
        data = data.to_pandas()
    if hasattr(data, "iloc"):
        return data
    return pandas.DataFrame(numpy.asarray(data), columns=feature_names)


def _ask(subject: _Subject, model: Any, trusted: bool | None) -> None:  # noqa: FBT001 - see evaluate
    """Have the model predict, with probabilities where it has them."""
    numpy = require("numpy", extra="models")
    if isinstance(model, str):
        model = load_model(model, trusted=trusted)
    if isinstance(model, PyFuncModel):
        raw = model.get_raw_model()
        subject.predict = model.predict
    else:
        raw = model
        subject.predict = model.predict if hasattr(model, "predict") else model
    if not callable(subject.predict):
        raise InvalidArgument(f"{type(model).__name__} is no model: it has no predict().")
    answer = subject.predict(subject.frame)
    if hasattr(answer, "iloc"):
        answer = answer.iloc[:, 0] if getattr(answer, "ndim", 1) > 1 else answer
    subject.predictions = numpy.asarray(answer).ravel()
    if len(subject.predictions) != len(subject.targets):
        raise InvalidArgument(
            f"The model gave {len(subject.predictions)} predictions for {len(subject.targets)} "
            "rows."
        )
    score = getattr(raw, "predict_proba", None)
    if callable(score):
        probabilities = numpy.asarray(score(subject.frame))
        labels = getattr(raw, "classes_", None)
        subject.probabilities = probabilities
        subject.labels = list(range(probabilities.shape[1])) if labels is None else list(labels)


# --- classifiers ---------------------------------------------------------------------------------


def _classifier(
    subject: _Subject, config: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, Any]]:
    of = require("sklearn.metrics", extra="sklearn")
    pandas = require("pandas", extra="models")
    numpy = require("numpy", extra="models")
    truth, said, weights = subject.targets, subject.predictions, subject.weights
    labels = subject.labels or sorted({*numpy.unique(truth).tolist(), *numpy.unique(said).tolist()})
    is_binary = len(labels) <= _BINARY
    positive = config.get("pos_label", labels[-1])
    how: dict[str, Any] = {"zero_division": 0, "sample_weight": weights}
    how |= {"pos_label": positive, "average": "binary"} if is_binary else {"average": "weighted"}
    metrics = {
        "example_count": float(len(truth)),
        "accuracy_score": of.accuracy_score(truth, said, sample_weight=weights),
        "balanced_accuracy_score": of.balanced_accuracy_score(truth, said, sample_weight=weights),
        "precision_score": of.precision_score(truth, said, **how),
        "recall_score": of.recall_score(truth, said, **how),
        "f1_score": of.f1_score(truth, said, **how),
        "matthews_corrcoef": of.matthews_corrcoef(truth, said, sample_weight=weights),
    }
    matrix = of.confusion_matrix(truth, said, labels=labels, sample_weight=weights)
    names = [str(plain(label)) for label in labels]
    artifacts: dict[str, Any] = {
        "confusion_matrix": pandas.DataFrame(
            matrix, index=pandas.Index(names, name="target"), columns=names
        )
    }
    if is_binary:
        counts = of.confusion_matrix(
            truth == positive, said == positive, labels=[False, True], sample_weight=weights
        )
        (negatives, false_positives), (false_negatives, positives) = counts.tolist()
        metrics |= {
            "true_negatives": negatives,
            "false_positives": false_positives,
            "false_negatives": false_negatives,
            "true_positives": positives,
        }
    report = of.classification_report(
        truth, said, labels=labels, target_names=names, output_dict=True, zero_division=0
    )
    per_class = {name: report[name] for name in names if isinstance(report.get(name), dict)}
    artifacts["per_class_metrics"] = pandas.DataFrame(per_class).T.rename_axis("label")
    if subject.probabilities is not None and len(numpy.unique(truth)) > 1:
        more, curves = _ranked(subject, labels, positive)
        metrics |= more
        artifacts |= curves
    return {name: float(value) for name, value in metrics.items()}, artifacts


def _ranked(
    subject: _Subject, labels: list[Any], positive: Any
) -> tuple[dict[str, float], dict[str, Any]]:
    """What probabilities tell: areas, curves, and whether they are as frequent as they say."""
    of = require("sklearn.metrics", extra="sklearn")
    pandas = require("pandas", extra="models")
    numpy = require("numpy", extra="models")
    truth, scores, weights = subject.targets, subject.probabilities, subject.weights
    metrics = {"log_loss": of.log_loss(truth, scores, labels=labels, sample_weight=weights)}
    curves: dict[str, list[Any]] = {"roc_curve": [], "precision_recall_curve": []}
    calibrations = []
    areas: dict[str, list[float]] = {"roc_auc": [], "precision_recall_auc": []}
    shares = []
    chosen = [positive] if len(labels) <= _BINARY else labels[:_MOST_CLASSES]
    for label in chosen:
        hit, score = truth == label, scores[:, labels.index(label)]
        if hit.all() or not hit.any():
            continue
        shares.append(float(hit.mean()))
        rates = of.roc_curve(hit, score, sample_weight=weights)[:2]
        areas["roc_auc"].append(of.auc(*rates))
        curves["roc_curve"].append(
            pandas.DataFrame(
                {
                    "label": str(label),
                    "false_positive_rate": rates[0],
                    "true_positive_rate": rates[1],
                }
            )
        )
        precision, recall, _ = of.precision_recall_curve(hit, score, sample_weight=weights)
        areas["precision_recall_auc"].append(of.auc(recall, precision))
        curves["precision_recall_curve"].append(
            pandas.DataFrame({"label": str(label), "recall": recall, "precision": precision})
        )
        calibrations.append(_calibration(label, hit, score))
    for name, values in areas.items():
        if values:
            metrics[name] = float(numpy.average(values, weights=shares))
    if len(labels) <= _BINARY and shares:
        column = scores[:, labels.index(positive)]
        metrics["brier_score"] = float(numpy.mean((column - (truth == positive)) ** 2))
    artifacts = {name: pandas.concat(parts) for name, parts in curves.items() if parts}
    if calibrations:
        artifacts["calibration_curve"] = pandas.concat(calibrations)
    return metrics, artifacts


def _calibration(label: Any, hit: Any, score: Any) -> Any:
    """Ten bins of predicted probability, and how often each was right."""
    pandas = require("pandas", extra="models")
    numpy = require("numpy", extra="models")
    bins = numpy.minimum((score * 10).astype(int), 9)
    rows = [
        {
            "label": str(label),
            "predicted": float(score[bins == one].mean()),
            "observed": float(hit[bins == one].mean()),
            "rows": int((bins == one).sum()),
        }
        for one in numpy.unique(bins)
    ]
    return pandas.DataFrame(rows)


# --- regressors ----------------------------------------------------------------------------------


def _regressor(
    subject: _Subject, config: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, Any]]:
    del config
    of = require("sklearn.metrics", extra="sklearn")
    pandas = require("pandas", extra="models")
    numpy = require("numpy", extra="models")
    try:
        truth = subject.targets.astype("float64")
        said = subject.predictions.astype("float64")
    except (ValueError, TypeError) as error:
        raise InvalidArgument(
            f"A regressor's targets and predictions are numbers: {error}."
        ) from error
    weights = subject.weights
    how = {"sample_weight": weights}
    squared = of.mean_squared_error(truth, said, **how)
    mean = float(numpy.average(truth, weights=weights))
    metrics = {
        "example_count": float(len(truth)),
        "mean_absolute_error": of.mean_absolute_error(truth, said, **how),
        "mean_squared_error": squared,
        "root_mean_squared_error": math.sqrt(squared),
        "median_absolute_error": of.median_absolute_error(truth, said, **how),
        "max_error": of.max_error(truth, said),
        "mean_absolute_percentage_error": of.mean_absolute_percentage_error(truth, said, **how),
        "sum_on_target": float(truth.sum()),
        "mean_on_target": mean,
        # Neither is defined for one row.
        "r2_score": of.r2_score(truth, said, **how) if len(truth) > 1 else math.nan,
    }
    residuals = pandas.DataFrame({"target": truth, "prediction": said, "residual": truth - said})
    counts, edges = numpy.histogram(truth - said, bins=min(50, max(1, len(truth) // 5)))
    histogram = pandas.DataFrame({"from": edges[:-1], "to": edges[1:], "rows": counts})
    artifacts = {"residuals": residuals, "residual_histogram": histogram}
    return {name: float(value) for name, value in metrics.items()}, artifacts


_KINDS: Final = {"classifier": _classifier, "regressor": _regressor}


# --- importances ---------------------------------------------------------------------------------


def _importances(subject: _Subject, model_type: ModelType) -> dict[str, Any]:
    """How much each column matters: how much worse the model gets when it is shuffled, and mean
    absolute SHAP values where the library is installed."""
    pandas = require("pandas", extra="models")
    numpy = require("numpy", extra="models")
    dice = numpy.random.default_rng(0)
    rows = dice.permutation(len(subject.frame))[:_MOST_ROWS]
    frame = subject.frame.iloc[rows].reset_index(drop=True)
    truth = subject.targets[rows]

    def quality(given: Any) -> float:
        said = numpy.asarray(subject.predict(given)).ravel()
        if model_type == "classifier":
            return float(numpy.mean(said == truth))
        return -float(numpy.mean((said.astype("float64") - truth.astype("float64")) ** 2))

    best = quality(frame)
    table = []
    for name in frame.columns:
        losses = []
        for _ in range(_SHUFFLES):
            cells = frame[name].to_numpy()[dice.permutation(len(frame))]
            losses.append(best - quality(frame.assign(**{str(name): cells})))
        table.append(
            {"feature": str(name), "importance": numpy.mean(losses), "deviation": numpy.std(losses)}
        )
    found = {
        "feature_importance": pandas.DataFrame(table).sort_values("importance", ascending=False)
    }
    return found | _shap(subject, frame)


def _shap(subject: _Subject, frame: Any) -> dict[str, Any]:
    try:
        shap = require("shap", extra="evaluate")
    except MissingExtra:
        return {}
    pandas = require("pandas", extra="models")
    numpy = require("numpy", extra="models")
    sample = frame.head(100)
    try:
        values = numpy.asarray(shap.Explainer(subject.predict, sample)(sample).values)
    except (TypeError, ValueError):
        return {}  # text columns, or labels that are no numbers
    weight = numpy.abs(values.reshape(len(values), len(frame.columns), -1)).mean(axis=(0, 2))
    table = {"feature": list(map(str, frame.columns)), "mean_absolute_shap": weight}
    return {"shap_importance": pandas.DataFrame(table)}


# --- logging -------------------------------------------------------------------------------------


def _log(result: EvaluationResult, model_type: ModelType, *, rows: int) -> None:
    """Into the active run, or one that is made for it."""
    if fluent.active_run() is None:
        with fluent.start_run():
            _log(result, model_type, rows=rows)
        return
    run = fluent.active_run()
    assert run is not None  # noqa: S101 - asked above
    result.run_id = run.info.run_id
    fluent.log_metrics(result.metrics)
    for name, one in result.artifacts.items():
        if hasattr(one, "iloc"):
            fluent_files.log_table(_flat(one), f"evaluation/{name}.json")
        elif hasattr(one, "savefig"):
            fluent_files.log_figure(one, f"evaluation/{name}.png")
        elif isinstance(one, str):
            fluent_files.log_text(one, f"evaluation/{name}.txt")
        else:
            fluent_files.log_dict(plain(one), f"evaluation/{name}.json")
    fluent.set_tag(TAG, f"{model_type}, {rows} rows")


def _flat(table: Any) -> Any:
    """A table whose index, where it says something, is a column."""
    return table.reset_index() if table.index.name else table.reset_index(drop=True)
