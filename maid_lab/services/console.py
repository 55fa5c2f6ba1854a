"""The SQL console: one SELECT over the rows of named runs, also of one under way, and over the list of runs."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.services.catalogue import opened
from maid_lab.services.results.sources import RunSource
from maid_lab.store.row_schema import KINDS

if TYPE_CHECKING:
    import polars as pl

    from maid_lab.store.console import ConsoleAnswer, ConsoleLimits

__all__ = ["MAX_RUNS", "Console"]

#: Most runs of one query.
MAX_RUNS: Final = 20
#: Most rows of the table `runs`, the newest.
_LISTED: Final = 10_000
#: Columns of a record that hold plan and summary; a plan may tell more than a list of runs should.
_LEFT_OUT: Final = ("config_json", "metrics_json")
_TIMES: Final = ("start_time", "end_time", "created_at", "updated_at")
_AT_ONCE: Final = 2


class Console:
    """Answers SQL.

    Parameters
    ----------
    home : Path
        The home folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._busy = threading.BoundedSemaphore(_AT_ONCE)

    async def ask(self, sql: str, *, runs: Sequence[str] = (), limits: ConsoleLimits | None = None) -> ConsoleAnswer:
        """Run one SELECT over `requests`, `transactions`, `iterations` and `metrics` of the named runs, and `runs`, all that are in the history.

        Parameters
        ----------
        runs : sequence of str
            Whole ids; without any there is only the table `runs`.

        Raises
        ------
        InvalidInput
            If the text is no SQL, fails, or goes beyond a limit; or too many runs are named.
        Missing
            If there is no such run, or it has no rows.
        Refused
            If it is more than one SELECT over these tables.
        """
        return await asyncio.to_thread(self._ask, sql, runs, limits)

    def _ask(self, sql: str, runs: Sequence[str], limits: ConsoleLimits | None) -> ConsoleAnswer:
        from maid_lab.store.console import ConsoleLimits, ask_console

        named = list(dict.fromkeys(runs))
        if len(named) > MAX_RUNS:
            raise InvalidInput(f"{len(named)} runs are named, {MAX_RUNS} are allowed.", hint="Name fewer.")
        with self._busy, tempfile.TemporaryDirectory(prefix="maid-console-") as folder:
            tables = self._tables(Path(folder), [RunSource.of(self._home, run_id) for run_id in named])
            return ask_console(sql, tables, limits=limits or ConsoleLimits())

    def _tables(self, folder: Path, sources: Sequence[RunSource]) -> dict[str, list[tuple[str, Path]]]:
        listed = folder / "runs.parquet"
        self._listed().write_parquet(listed)
        tables: dict[str, list[tuple[str, Path]]] = {"runs": [("", listed)]}
        for source in sources:
            for kind in KINDS:
                tables.setdefault(kind, []).append((source.record.id, _rows_file(source, kind, folder)))
            tables.setdefault("metrics", []).append((source.record.id, _metrics_file(source, folder)))
        return tables

    def _listed(self) -> pl.DataFrame:
        import polars as pl

        with opened(self._home) as store:
            records = [record.to_json() for record in store.runs.list(limit=_LISTED)]
        schema: dict[str, Any] = {
            **dict.fromkeys(("id", "user_id", "api_key_id", "recipe_id", "recipe_version", "name"), pl.String),
            "tags": pl.List(pl.String),
            **dict.fromkeys(("plan_hash", "verdict", "status", "reason"), pl.String),
            "generator_bound": pl.Boolean,
            **dict.fromkeys(("start_time", "end_time"), pl.String),
            "duration_seconds": pl.Float64,
            **dict.fromkeys(("total_requests", "failed_requests"), pl.Int64),
            **{f"{stat}_response_time_ms": pl.Float64 for stat in ("avg", "p50", "p95", "p99")},
            "throughput_rps": pl.Float64,
            "rows_count": pl.Int64,
            **dict.fromkeys(("notes", "parent_run_id"), pl.String),
            "pinned": pl.Boolean,
            **dict.fromkeys(("created_at", "updated_at"), pl.String),
        }
        rows = [{name: value for name, value in record.items() if name not in _LEFT_OUT} for record in records]
        frame = pl.DataFrame(rows, schema=schema)
        return frame.with_columns(pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC") for name in _TIMES)


def _rows_file(source: RunSource, kind: str, folder: Path) -> Path:
    """Return the run's own file, or one with the rows so far."""
    from maid_lab.store.parquet import read_counts

    if read_counts(source.folder) is not None:
        return source.folder.rows_path(kind)
    target = folder / f"{source.record.id}-{kind}.parquet"
    source.rows(kind).sink_parquet(target)
    return target


def _metrics_file(source: RunSource, folder: Path) -> Path:
    from maid_lab.store.parquet import metrics_frame

    own = source.folder.path / "metrics.parquet"
    if own.is_file():
        return own
    import polars as pl

    frame = metrics_frame(source.folder)
    target = folder / f"{source.record.id}-metrics.parquet"
    (pl.DataFrame(schema={"second": pl.Int64}) if frame is None else frame).write_parquet(target)
    return target
