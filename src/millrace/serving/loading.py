"""A packaged model as a model process holds it: loaded, and with the shortest way to its scores."""

# Models and data are of any library.
# ruff: noqa: ANN401

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, Final

from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.lazy import require
from millrace.files.documents import read_json
from millrace.models.packaging import inside
from millrace.models.pyfunc import load_model
from millrace.models.types import DataType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.models.pyfunc import PyFuncModel
    from millrace.models.signature import ModelSignature

_PYFUNC: Final = "python_function"
_LARGEST_EXAMPLE: Final = 1024 * 1024
# Rooms of scikit-learn whose estimators make an array of a frame before they look at it. Not among
# them: what chooses columns by name or by type (compose, histogram boosting, functions of the
# user's).
_BY_POSITION: Final = frozenset(
    """
    calibration cluster decomposition discriminant_analysis dummy ensemble feature_selection
    gaussian_process impute isotonic kernel_approximation kernel_ridge linear_model mixture
    multiclass naive_bayes neighbors neural_network pipeline preprocessing random_projection
    svm tree
    """.split()
)
_BY_NAME: Final = frozenset(
    """
    FeatureUnion FunctionTransformer HistGradientBoostingClassifier HistGradientBoostingRegressor
    """.split()
)

logger = logging.getLogger(__name__)


class Loaded:
    """A model that scores data which conforms to its signature already."""

    def __init__(self, model: PyFuncModel) -> None:
        self.signature: ModelSignature | None = model.metadata.signature
        self.platform = next((one for one in model.metadata.flavors if one != _PYFUNC), "pyfunc")
        self.example = _example(model)
        self.takes_arrays = _needs_no_frame(model)
        """Whether rows of doubles go in as an array instead of a frame."""
        self._score = model.score

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Score *data*."""
        return self._score(data, params or {})


def load(folder: str, *, trusted: bool | None) -> Loaded:
    """The model in *folder*; see `millrace.models.trust` for *trusted*."""
    return Loaded(load_model(folder, trusted=trusted))


def _example(model: PyFuncModel) -> dict[str, Any] | None:
    """The body of a request that was stored with the model, if there is one and it is not large."""
    info = model.metadata.saved_input_example_info or {}
    named = info.get("serving_input_path")
    if not isinstance(named, str):
        return None
    try:
        path = inside(model.folder, named, "the example of a request")
        found = read_json(path.read_bytes(), limit=_LARGEST_EXAMPLE)
    except (InvalidArgument, NotFound, OSError) as error:
        logger.warning("the stored example is left out: %s", error)
        return None
    return found if isinstance(found, dict) else None


# --- scikit-learn without frames ------------------------------------------------------------------


def _needs_no_frame(model: PyFuncModel) -> bool:
    """Whether the model is an estimator that makes an array of every frame before it looks at it.

    An estimator that was fitted on a frame looks at the frame's names and types at every call,
    which takes four times as long as the rest. Here names and types are those of the signature,
    checked before. Taken only when both ways give the same for a sample.
    """
    signature = model.metadata.signature
    schema = signature.inputs if signature else None
    estimator = model.get_raw_model()
    if schema is None or "sklearn" not in model.metadata.flavors:
        return False
    names = schema.input_names()
    fitted = getattr(estimator, "feature_names_in_", None)
    is_of_doubles = all(one.type == DataType.double for one in schema.columns)
    if not schema.columns or not is_of_doubles or fitted is None or list(fitted) != names:
        return False
    if not _goes_by_position(estimator):
        return False
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    numpy = require("numpy", extra="models")
    pandas = require("pandas", extra="models")
    sample = numpy.random.default_rng(0).normal(size=(4, len(names)))

    try:
        by_name = model.score(pandas.DataFrame(sample, columns=names), {})
        by_position = model.score(sample, {})
    except Exception:  # noqa: BLE001 - whatever it is, it is not taken
        return False
    return type(by_name) is type(by_position) and bool(numpy.array_equal(by_name, by_position))


def _goes_by_position(estimator: Any) -> bool:
    """Whether *estimator*, and all within it, take columns by their position alone."""
    kind = type(estimator)
    root, _, room = kind.__module__.partition(".")
    if root != "sklearn" or room.partition(".")[0] not in _BY_POSITION or kind.__name__ in _BY_NAME:
        return False
    if getattr(estimator, "_sklearn_output_config", None):
        return False  # frames between the steps, with names
    inner = [one for one in estimator.get_params(deep=True).values() if hasattr(one, "fit")]
    return all(_goes_by_position(one) for one in inner)
