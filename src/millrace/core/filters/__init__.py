"""The search language of the platform: text to tree, tree to answer.

    tree = parse("metrics.loss < 0.3 and tags.team = 'vision'", RUNS)
    tree = resolve(tree, has_metric)            # is metrics.loss.min a key or an aggregate?
    keep = evaluate.compile(tree, lookup)       # memory and file stores; SQL stores have their own
    keys = order.parse(["metrics.loss", *RUNS.default_order], RUNS)
    runs.sort(key=order.sort_key(keys, lookup))

`ast` says what a tree means, `fields` what can be searched, `parser` how it is written. The page
for users is docs/reference/search.md.
"""

from __future__ import annotations

from millrace.core.filters import evaluate, order
from millrace.core.filters.ast import TRUE, Expr, fields_of, resolve
from millrace.core.filters.fields import (
    EVALUATION_DATASETS,
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    FieldTable,
)
from millrace.core.filters.parser import parse

__all__ = [
    "EVALUATION_DATASETS",
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODEL_VERSIONS",
    "REGISTERED_MODELS",
    "RUNS",
    "TRUE",
    "Expr",
    "FieldTable",
    "evaluate",
    "fields_of",
    "order",
    "parse",
    "resolve",
]
