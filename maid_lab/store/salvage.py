"""What only the catalogue holds, carried from an old catalogue file into a new one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import MaidError
from maid_lab.store.catalogue import rows_of

if TYPE_CHECKING:
    import duckdb

    from maid_lab.store.catalogue import Catalogue

__all__ = ["carry_over"]

log = logging.getLogger(__name__)

#: Run folders know better, or the store keeps its own books.
_LEFT: Final = frozenset({"main.maid_runs", "main.schema_migrations", "main.store_counts", "main.store_state"})


def carry_over(catalogue: Catalogue, old: Path) -> list[str]:
    """Copy the tables that nothing else can tell (users, keys, approvals, audit, series …) from an old file that is read only.

    Returns
    -------
    list of str
        Tables that could not be read, each also a notice of the catalogue; all of them when the file cannot be opened.
    """
    try:
        tables = catalogue.write(lambda connection: _attached(connection, old, _common_columns))
    except MaidError as error:
        _lost(catalogue, "everything but runs and recipes", error)
        return ["*"]
    lost = []
    for name, columns in tables.items():
        try:
            catalogue.write(lambda connection, name=name, columns=columns: _attached(connection, old, _copy, name, columns))  # type: ignore[misc]
        except MaidError as error:
            _lost(catalogue, name, error)
            lost.append(name)
    return lost


def _lost(catalogue: Catalogue, what: str, error: MaidError) -> None:
    text = f"{what} could not be carried over from the old catalogue: {error.message}"
    catalogue.notices.append(text)
    log.error("%s", text)


def _attached(connection: duckdb.DuckDBPyConnection, old: Path, work: Any, *arguments: Any) -> Any:
    # ATTACH takes no parameter before DuckDB 2.0; a doubled quote is the whole of its escaping.
    quoted = str(old).replace("'", "''")
    connection.execute(f"attach if not exists '{quoted}' as old_catalogue (read_only)")
    return work(connection, *arguments)


def _common_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the columns that old and new tables share, by table; names come from DuckDB's own lists."""
    rows = rows_of(
        connection.execute(
            "select new.schema_name || '.' || new.table_name as name, list(new.column_name order by new.column_index) as columns "
            "from duckdb_columns() new join duckdb_columns() old using (schema_name, table_name, column_name) "
            "where new.database_name = current_database() and old.database_name = 'old_catalogue' and not new.internal group by name"
        )
    )
    return {row["name"]: row["columns"] for row in rows if row["name"] not in _LEFT}


def _copy(connection: duckdb.DuckDBPyConnection, name: str, columns: list[str]) -> None:
    listed = ", ".join(f'"{column}"' for column in columns)
    connection.execute(f"insert into {name} ({listed}) select {listed} from old_catalogue.{name}")
