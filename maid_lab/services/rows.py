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
        requests, transactions or iterations.

    Raises
    ------
    Missing
        If the run has no rows here.
    """
    import polars as pl

    from maid_lab.store.frames import FrameMaker, Survey, schema_of

    folder = RunFolder(home, run_id)
    path = folder.rows_path(kind)
    if path.is_file():
        return pl.scan_parquet(path)
    try:
        survey = Survey(folder)
    except FileNotFoundError:
        # What was asked for while it was being moved.
        if path.is_file():
            return pl.scan_parquet(path)
        raise Missing(f"run {run_id} has no rows here.", hint="maid history lists runs.") from None
    frames = list(FrameMaker(survey).frames(kind))
    return (pl.concat(frames) if frames else pl.DataFrame(schema=schema_of(survey))).lazy()
