"""The store: catalogue, run folders and rows behind one door."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from maid_lab.model.errors import EngineFailure
from maid_lab.model.run_record import RunRecord
from maid_lab.store.access import AccessRepository
from maid_lab.store.approvals import ApprovalRepository
from maid_lab.store.audit import AuditRepository
from maid_lab.store.catalogue import Catalogue
from maid_lab.store.config_changes import ConfigChangeRepository
from maid_lab.store.folders import RunFolder
from maid_lab.store.history_pages import HistoryPages
from maid_lab.store.metrics import MetricsRepository
from maid_lab.store.parquet import RowCounts, finalise, read_rows
from maid_lab.store.rebuild import backup, rebuild
from maid_lab.store.recipe_files import adopt_recipes
from maid_lab.store.recipes import RecipeRepository
from maid_lab.store.recovery import adopt, orphans
from maid_lab.store.runs import RunRepository
from maid_lab.store.trimming import trim

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Store", "rebuild"]

log = logging.getLogger(__name__)


class Store:
    """An open store; use `open`, and `close` it soon: no other process can open it meanwhile.

    Attributes
    ----------
    runs, pages, metrics, recipes, approvals, access, audit
        Repositories of the catalogue.
    """

    def __init__(self, home: Path, catalogue: Catalogue) -> None:
        self.home = home
        self._catalogue = catalogue
        self.runs = RunRepository(catalogue)
        self.pages = HistoryPages(catalogue)
        self.metrics = MetricsRepository(catalogue)
        self.recipes = RecipeRepository(catalogue)
        self.config_changes = ConfigChangeRepository(catalogue)
        self.approvals = ApprovalRepository(catalogue)
        self.access = AccessRepository(catalogue)
        self.audit = AuditRepository(catalogue, home)

    @classmethod
    def open(cls, home: Path, *, wait_s: float = 5.0) -> Store:
        """Open the store of a home folder, making it when it is new, and mend its run list when it was damaged.

        Raises
        ------
        Conflict
            If another process holds it for longer than `wait_s` seconds.
        EngineFailure
            If it cannot be opened.
        """
        store = cls(home, Catalogue.open(home, wait_s=wait_s))
        try:
            store._mend()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def notices(self) -> list[str]:
        """What a person must be told."""
        return self._catalogue.notices

    def folder(self, run_id: str) -> RunFolder:
        """Return the folder of a run."""
        return RunFolder(self.home, run_id)

    def finalise(self, run_id: str) -> RowCounts:
        """Turn a run's spool into Parquet files; see `store.parquet.finalise`."""
        return finalise(self.folder(run_id))

    def rows(self, run_id: str, kind: str = "requests") -> pl.LazyFrame:
        """Return the rows of a run; see `store.parquet.read_rows`."""
        return read_rows(self.folder(run_id), kind)

    def annotate(self, run_id: str, **columns: Any) -> RunRecord:
        """Change what people say of a run (notes, tags, pinned, name) in the catalogue and in `run.json`, so that a rebuild keeps it."""
        record = self.runs.update(run_id, **columns)
        folder = self.folder(record.id)
        if folder.exists:
            folder.write_record(record)
        return record

    def orphans(self) -> list[RunRecord]:
        """Return runs that have not ended by their record although nothing alive runs them."""
        return orphans(self._catalogue, self.home)

    def adopt_folders(self) -> int:
        """Bring the records of all run folders into the catalogue; returns how many were written."""
        written = adopt(self._catalogue, self.home)
        self._catalogue.checkpoint()
        return written

    def trim(self, *, max_history: int | None = None, max_history_bytes: int | None = None) -> Sequence[str]:
        """Remove the oldest runs beyond these bounds and return their ids; see `store.trimming.trim`."""
        return trim(self.runs, self.home, max_history=max_history, max_history_bytes=max_history_bytes)

    def checkpoint(self) -> None:
        """Write everything into the catalogue's file."""
        self._catalogue.checkpoint()

    def backup(self, directory: Path) -> Path:
        """Copy the catalogue and all run folders into a new folder below `directory` and return it; see `store.rebuild.backup`."""
        return backup(self._catalogue, directory)

    def close(self) -> None:
        """Write everything into the file and let others open it."""
        self._catalogue.close()

    def _mend(self) -> None:
        """After damage, list again what the folders have; a sound catalogue is left as it is, `maid store check` compares the two."""
        if self._catalogue.needs_rebuild:
            adopt_recipes(self._catalogue, self.home)
            self.adopt_folders()
        try:
            self.audit.catch_up(whole=self._catalogue.needs_rebuild)
        except (EngineFailure, OSError) as error:
            # A full disk must not keep anybody from reading; the file is the record, and the next opening tries again.
            log.warning("the catalogue's copy of the audit log is behind: %s", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
