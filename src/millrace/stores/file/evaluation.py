"""Evaluation data sets of a folder: the layout has no place for them, so the log keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.core.entities.dataset import EvaluationRecord
from millrace.stores.memory.evaluation import MemoryEvaluation

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from millrace.stores.file.journal import Journal
    from millrace.stores.file.ledger import FileLedger


class FileEvaluation(MemoryEvaluation):
    """The memory store's, on tables of the log."""

    def __init__(
        self, ledger: FileLedger, journal: Journal, has_experiment: Callable[[str], bool]
    ) -> None:
        self._journal = journal
        super().__init__(ledger, has_experiment)

    def _shelves(self) -> MutableMapping[str, MutableMapping[str, EvaluationRecord]]:
        return self._journal.shelves("records", EvaluationRecord)  # type: ignore[return-value]  # invariance
