"""Millrace: track, compare and keep machine-learning experiments.

`import millrace as mlflow` runs an ordinary training script. Names are resolved when they are used,
so importing costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace import _doors

__version__ = "3.18.0"

if TYPE_CHECKING:
    from millrace import artifacts as artifacts
    from millrace import models as models
    from millrace.autolog import autolog as autolog
    from millrace.client import config as config
    from millrace.client import data as data
    from millrace.client import entities as entities
    from millrace.client import exceptions as exceptions
    from millrace.client.active import ActiveRun as ActiveRun
    from millrace.client.client import MillraceClient as MillraceClient
    from millrace.client.client import MlflowClient as MlflowClient
    from millrace.client.ending import RunStopped as RunStopped
    from millrace.client.exceptions import MlflowException as MlflowException
    from millrace.client.fluent import active_run as active_run
    from millrace.client.fluent import create_experiment as create_experiment
    from millrace.client.fluent import delete_experiment as delete_experiment
    from millrace.client.fluent import delete_run as delete_run
    from millrace.client.fluent import delete_tag as delete_tag
    from millrace.client.fluent import (
        disable_system_metrics_logging as disable_system_metrics_logging,
    )
    from millrace.client.fluent import (
        enable_system_metrics_logging as enable_system_metrics_logging,
    )
    from millrace.client.fluent import end_run as end_run
    from millrace.client.fluent import flush_async_logging as flush_async_logging
    from millrace.client.fluent import get_artifact_uri as get_artifact_uri
    from millrace.client.fluent import get_experiment as get_experiment
    from millrace.client.fluent import get_experiment_by_name as get_experiment_by_name
    from millrace.client.fluent import get_metric_history as get_metric_history
    from millrace.client.fluent import get_parent_run as get_parent_run
    from millrace.client.fluent import get_run as get_run
    from millrace.client.fluent import get_tracking_uri as get_tracking_uri
    from millrace.client.fluent import is_tracking_uri_set as is_tracking_uri_set
    from millrace.client.fluent import last_active_run as last_active_run
    from millrace.client.fluent import log_batch as log_batch
    from millrace.client.fluent import log_input as log_input
    from millrace.client.fluent import log_inputs as log_inputs
    from millrace.client.fluent import log_metric as log_metric
    from millrace.client.fluent import log_metrics as log_metrics
    from millrace.client.fluent import log_outputs as log_outputs
    from millrace.client.fluent import log_param as log_param
    from millrace.client.fluent import log_params as log_params
    from millrace.client.fluent import rename_experiment as rename_experiment
    from millrace.client.fluent import restore_experiment as restore_experiment
    from millrace.client.fluent import restore_run as restore_run
    from millrace.client.fluent import search_experiments as search_experiments
    from millrace.client.fluent import search_runs as search_runs
    from millrace.client.fluent import set_experiment as set_experiment
    from millrace.client.fluent import set_experiment_tag as set_experiment_tag
    from millrace.client.fluent import set_experiment_tags as set_experiment_tags
    from millrace.client.fluent import set_system_metrics_node_id as set_system_metrics_node_id
    from millrace.client.fluent import (
        set_system_metrics_samples_before_logging as set_system_metrics_samples_before_logging,
    )
    from millrace.client.fluent import (
        set_system_metrics_sampling_interval as set_system_metrics_sampling_interval,
    )
    from millrace.client.fluent import set_tag as set_tag
    from millrace.client.fluent import set_tags as set_tags
    from millrace.client.fluent import set_tracking_uri as set_tracking_uri
    from millrace.client.fluent import start_run as start_run
    from millrace.client.fluent import stop_requested as stop_requested
    from millrace.client.fluent_files import Image as Image
    from millrace.client.fluent_files import (
        flush_artifact_async_logging as flush_artifact_async_logging,
    )
    from millrace.client.fluent_files import load_table as load_table
    from millrace.client.fluent_files import log_artifact as log_artifact
    from millrace.client.fluent_files import log_artifacts as log_artifacts
    from millrace.client.fluent_files import log_dict as log_dict
    from millrace.client.fluent_files import log_figure as log_figure
    from millrace.client.fluent_files import log_image as log_image
    from millrace.client.fluent_files import log_stream as log_stream
    from millrace.client.fluent_files import log_table as log_table
    from millrace.client.fluent_files import log_text as log_text
    from millrace.client.fluent_registry import (
        delete_registered_model_alias as delete_registered_model_alias,
    )
    from millrace.client.fluent_registry import (
        get_model_version_by_alias as get_model_version_by_alias,
    )
    from millrace.client.fluent_registry import get_registry_uri as get_registry_uri
    from millrace.client.fluent_registry import register_model as register_model
    from millrace.client.fluent_registry import search_model_versions as search_model_versions
    from millrace.client.fluent_registry import search_registered_models as search_registered_models
    from millrace.client.fluent_registry import set_model_version_tag as set_model_version_tag
    from millrace.client.fluent_registry import (
        set_registered_model_alias as set_registered_model_alias,
    )
    from millrace.client.fluent_registry import set_registry_uri as set_registry_uri
    from millrace.core.errors import MillraceError as MillraceError
    from millrace.flavors import catboost as catboost
    from millrace.flavors import keras as keras
    from millrace.flavors import lightgbm as lightgbm
    from millrace.flavors import onnx as onnx
    from millrace.flavors import pmdarima as pmdarima
    from millrace.flavors import prophet as prophet
    from millrace.flavors import pytorch as pytorch
    from millrace.flavors import sentence_transformers as sentence_transformers
    from millrace.flavors import sklearn as sklearn
    from millrace.flavors import spacy as spacy
    from millrace.flavors import spark as spark
    from millrace.flavors import statsmodels as statsmodels
    from millrace.flavors import tensorflow as tensorflow
    from millrace.flavors import transformers as transformers
    from millrace.flavors import xgboost as xgboost
    from millrace.models import pyfunc as pyfunc
    from millrace.models import types as types
    from millrace.models.evaluate import evaluate as evaluate
    from millrace.models.evaluate import (
        validate_evaluation_results as validate_evaluation_results,
    )

_doors.hang()


def __getattr__(name: str) -> object:
    found = _doors.opened(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return _doors.public()
