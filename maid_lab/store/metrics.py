"""The live series of runs, second by second and name by name, in the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from maid_lab.store.catalogue import Catalogue

__all__ = ["MetricRow", "MetricsRepository"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One request name in one second of a run; the fields are the columns of `maid_metrics` but `run_id`.

    Attributes
    ----------
    second : int
        Whole seconds since the start of the run.
    users : int
        Live users at the end of the second.
    bytes_in, bytes_out : int
        On the wire, bytes.
    histogram : bytes
        Latency of the second as the engine packs it; empty when there is none.
    """

    second: int
    scenario: str
    transaction: str
    request: str
    users: int = 0
    requests: int = 0
    failures: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    histogram: bytes = b""


_COLUMNS = ", ".join(spec.name for spec in fields(MetricRow))
_ROWS_AT_ONCE = 500


class MetricsRepository:
    """Series of runs.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def replace(self, run_id: str, rows: Sequence[MetricRow]) -> None:
        """Keep the whole series of a run in place of what was there, in one transaction."""
        self._catalogue.write(lambda connection: _replace(connection, run_id, rows))

    def append(self, run_id: str, rows: Sequence[MetricRow]) -> None:
        """Add rows to the series of a run, in one transaction."""
        self._catalogue.write(lambda connection: _insert(connection, run_id, rows))

    def of(self, run_id: str) -> list[MetricRow]:
        """Return the series of a run by second and name; empty when none was kept."""
        rows = self._catalogue.read(
            f"select {_COLUMNS} from maid_metrics where run_id = ? order by second, scenario, transaction, request", [run_id]
        )
        return [MetricRow(**row) for row in rows]


def _replace(connection: duckdb.DuckDBPyConnection, run_id: str, rows: Sequence[MetricRow]) -> None:
    connection.execute("delete from maid_metrics where run_id = ?", [run_id])
    _insert(connection, run_id, rows)


def _insert(connection: duckdb.DuckDBPyConnection, run_id: str, rows: Sequence[MetricRow]) -> None:
    # One statement for many rows: executemany takes 180–360 ms for a thousand.
    row_places = f"({', '.join('?' * (len(fields(MetricRow)) + 1))})"
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        values = [value for row in part for value in (run_id, *astuple(row))]
        connection.execute(f"insert into maid_metrics (run_id, {_COLUMNS}) values {', '.join([row_places] * len(part))}", values)
