"""The store: catalogue, run folders and rows behind one door."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from maid_lab.model.errors import InvalidInput
from maid_lab.model.run_record import RunRecord
from maid_lab.model.states import FINAL_STATES
from maid_lab.store.catalogue import FILE, Catalogue
from maid_lab.store.folders import RunFolder, run_folders
from maid_lab.store.parquet import RowCounts, finalise, read_rows
from maid_lab.store.recipes import RecipeRepository
from maid_lab.store.runs import RunRepository
from maid_lab.store.slot import RunSlot

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Store", "rebuild"]


class Store:
    """An open store; use `open`, and `close` it soon: no other process can open it meanwhile.

    Attributes
    ----------
    runs, recipes
        Records in the catalogue.
    """

    def __init__(self, home: Path, catalogue: Catalogue) -> None:
        self.home = home
        self._catalogue = catalogue
        self.runs = RunRepository(catalogue)
        self.recipes = RecipeRepository(catalogue)

    @classmethod
    def open(cls, home: Path, *, wait_s: float = 5.0) -> Store:
        """Open the store of a home folder, making it when it is new, and mend its run list when that was damaged.

        Raises
        ------
        Conflict
            If another process holds it for longer than `wait_s` seconds.
        EngineFailure
            If it cannot be opened.
        """
        store = cls(home, Catalogue.open(home, wait_s=wait_s))
        if store._catalogue.needs_rebuild:
            store.adopt_folders()
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

    def orphans(self) -> list[RunRecord]:
        """Return runs that have not ended by their record although nothing alive runs them."""
        holder = RunSlot.holder(self.home) or {}
        known = {record.id: record for record in self.runs.unfinished()}
        for folder in run_folders(self.home):
            record = folder.read_record()
            if record is not None and record.status not in FINAL_STATES and record.id not in known:
                known[record.id] = record
        return [record for run_id, record in sorted(known.items()) if run_id != holder.get("run_id")]

    def adopt_folders(self) -> int:
        """Bring the records of all run folders into the catalogue; returns how many were new."""
        new = 0
        have = {record.id for record in self.runs.list(limit=1_000_000)}
        for folder in run_folders(self.home):
            record = folder.read_record()
            if record is not None and record.id not in have:
                self.runs.save(record)
                new += 1
        self._catalogue.checkpoint()
        return new

    def checkpoint(self) -> None:
        """Write everything into the catalogue's file."""
        self._catalogue.checkpoint()

    def backup(self, directory: Path) -> Path:
        """Copy the catalogue and all run folders, consistent even while a test runs, and return the copy's folder.

        Raises
        ------
        InvalidInput
            If the directory lies inside the store, or is a file.
        """
        target = directory.resolve()
        if target.is_relative_to(self.home.resolve()) or target.is_file():
            raise InvalidInput(f"{directory} cannot take the backup.", hint="Name a folder outside of MAID_HOME.")
        copy = target / f"maid-backup-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        copy.mkdir(mode=0o700, parents=True)
        self._catalogue.copy_to(copy / FILE)
        for name in ("runs", "recipes", "prompts"):
            if (self.home / name).is_dir():
                shutil.copytree(self.home / name, copy / name)
        return copy

    def close(self) -> None:
        """Write everything into the file and let others open it."""
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def rebuild(home: Path) -> int:
    """Make the catalogue anew from the run folders, keeping the old file beside it, and return the number of runs.

    Raises
    ------
    Conflict
        If another process holds the catalogue.
    """
    path = home / FILE
    if path.exists():
        Catalogue.probe(path)
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        for file in (path, path.with_name(f"{FILE}.wal")):
            if file.exists():
                file.rename(file.with_name(f"{file.name}.before-rebuild-{stamp}"))
    with Store.open(home) as store:
        store.adopt_folders()
        return store.runs.count()
