"""Rows of a run as a lazy frame: from its files once it is over, from its spool while it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maid_lab.model.errors import Missing
from maid_lab.store.folders import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

__all__ = ["rows_of_run"]


def rows_of_run(home: Path, run_id: str, kind: str = "requests") -> pl.LazyFrame:
    """Return the rows of a run; while it lives, those that its workers have written so far.

    Parameters
    ----------
    home : Path
        The home folder.
    run_id : str
        Which run.
    kind : str
        requests, transactions, iterations, or events: the messages of streams.

    Raises
    ------
    Missing
        If the run has no rows here.
    """
    from maid_lab.store.parquet import read_rows

    try:
        return read_rows(RunFolder(home, run_id), kind)
    except FileNotFoundError:
        raise Missing(f"run {run_id} has no rows here.", hint="maid history lists runs.") from None
