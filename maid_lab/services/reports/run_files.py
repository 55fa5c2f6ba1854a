"""The files of a run that a report is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import Missing

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

__all__ = ["RunFiles", "failure_samples", "read_json_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """Rows, series and log of one run; what was not written is None or empty."""

    requests: pl.LazyFrame
    transactions: pl.LazyFrame | None = None
    iterations: pl.LazyFrame | None = None
    events: pl.LazyFrame | None = None
    series: tuple[dict[str, Any], ...] = ()
    log: tuple[dict[str, Any], ...] = ()
    samples: tuple[dict[str, Any], ...] = ()

    @classmethod
    def in_folder(cls, folder: Path) -> RunFiles:
        """Open the files of a run's folder; rows are read lazily.

        Raises
        ------
        Missing
            If the folder holds no request rows yet.
        """
        import polars as pl

        if not (folder / "requests.parquet").is_file():
            raise Missing(
                f"The run in {folder.name} has no requests.parquet yet, so there is nothing to report.",
                hint="Wait for the run to end, or let `maid store rebuild` convert its spool files.",
            )
        optional = {
            name: pl.scan_parquet(path)
            for name in ("transactions", "iterations", "events")
            if (path := folder / f"{name}.parquet").is_file()
        }
        return cls(
            requests=pl.scan_parquet(folder / "requests.parquet"),
            **optional,
            series=read_json_lines(folder / "series.jsonl"),
            log=read_json_lines(folder / "log.jsonl"),
            samples=failure_samples(folder),
        )


def failure_samples(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return the samples in the folder of a run, those of one name and outcome together, in order of time."""
    found = [entry for entry in read_json_lines(folder / "samples.jsonl") if entry.get("request")]
    return tuple(sorted(found, key=lambda entry: (entry["scenario"], entry["name"], entry["outcome"], entry["start"])))


def read_json_lines(path: Path) -> tuple[dict[str, Any], ...]:
    """Return the objects of a JSON lines file; none without a file. A line that a crash cut short is left out."""
    if not path.is_file():
        return ()
    return tuple(item for line in path.read_text(encoding="utf-8").splitlines() if (item := _object(line)) is not None)


def _object(line: str) -> dict[str, Any] | None:
    try:
        item = json.loads(line)
    except ValueError:
        return None
    return item if isinstance(item, dict) else None
