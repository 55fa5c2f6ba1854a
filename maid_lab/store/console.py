"""SQL that people write over the rows of runs: an instance of its own in memory, locked before it sees their text.

Three walls, each enough for what the others might let through: the text is parsed and must be one SELECT over the tables that are offered; the instance
can open the files of those tables and nothing else, and no setting of it can be changed; it never sees the catalogue.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.store.catalogue_file import first_line

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ConsoleAnswer", "ConsoleLimits", "ask_console"]

_LONGEST_SQL: Final = 20_000
_INTERRUPT_EVERY_S: Final = 0.05
#: Functions that give rows, but read no file and tell nothing of the instance.
_TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})
_FORBIDDEN: Final = frozenset({"getenv", "getvariable", "current_setting", "glob", "write_log", "query", "query_table"})
_FORBIDDEN_BEGINNINGS: Final = ("read_", "duckdb_", "pragma_", "pg_", "sqlite_", "parquet_", "sniff_")
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",
    "threads": "2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLimits:
    """Bounds of a query: rows and bytes of its result, seconds, and memory while it runs, MiB."""

    max_rows: int = 100_000
    max_bytes: int = 256 * 2**20
    timeout_s: float = 30.0
    memory_mib: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleAnswer:
    """A result; `truncated` when there were more rows than are allowed."""

    frame: pl.DataFrame
    truncated: bool
    seconds: float


def ask_console(sql: str, tables: Mapping[str, Sequence[tuple[str, Path]]], *, limits: ConsoleLimits) -> ConsoleAnswer:
    """Run one SELECT.

    Parameters
    ----------
    sql : str
        What somebody wrote.
    tables : mapping
        Name of each table → its Parquet files, each with the id of its run, which is put before its columns; an empty id puts nothing.

    Raises
    ------
    InvalidInput
        If the text is no SQL, fails, takes too long or too much memory.
    Refused
        If it is more than one SELECT over these tables.
    """
    if len(sql) > _LONGEST_SQL:
        raise InvalidInput(f"the query has {len(sql)} characters, {_LONGEST_SQL} are allowed.", hint="Shorten it.")
    began = time.monotonic()
    with duckdb.connect(":memory:", config={**_CONFIG, "memory_limit": f"{limits.memory_mib}MiB"}) as connection:
        _lock(connection, tables)
        _require_select(connection, sql, frozenset(tables))
        frame = _run(connection, sql, limits)
    if frame.estimated_size() > limits.max_bytes:
        raise InvalidInput(f"the result takes {frame.estimated_size() / 2**20:.0f} MiB.", hint="Select fewer columns or rows.")
    return ConsoleAnswer(frame=frame.head(limits.max_rows), truncated=len(frame) > limits.max_rows, seconds=time.monotonic() - began)


def _lock(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[tuple[str, Path]]]) -> None:
    paths = [str(path) for files in tables.values() for _, path in files]
    for name, files in tables.items():
        # Neither a view nor a setting takes a parameter; a doubled quote is the whole of DuckDB's escaping. Names are our own.
        parts = [
            f"select {f'{_quoted(run_id)} as run_id, ' if run_id else ''}* from read_parquet({_quoted(str(path))})"
            for run_id, path in files
        ]
        connection.execute(f"create view {name} as {' union all by name '.join(parts)}")
    connection.execute(f"set allowed_paths = [{', '.join(map(_quoted, paths))}]")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _require_select(connection: duckdb.DuckDBPyConnection, sql: str, tables: frozenset[str]) -> None:
    """Raise unless the text is one SELECT over the tables and those that it defines itself."""
    with _errors():
        statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise Refused(f"the console runs one SELECT; this is {kinds}.", hint="Send one statement that begins with SELECT, FROM or WITH.")
    with _errors():
        # The text itself and not what was extracted: exactly this is run later.
        found = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchall()
    try:
        tree = json.loads(found[0][0]) if found else {}
        nodes = list(_nodes(tree))
    except RecursionError:
        raise InvalidInput("the query is nested too deeply.", hint="Write it in WITH steps.") from None
    if tree.get("error") is not False:
        raise Refused("the console runs a plain SELECT; this cannot be one.", hint="PIVOT: use FILTER or CASE in a SELECT instead.")
    defined = {str(entry["key"]).lower() for node in nodes for entry in _defined(node)}
    for node in nodes:
        _check(node, tables | defined)


def _defined(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = node.get("cte_map")
    return found.get("map", []) if isinstance(found, dict) else []


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _check(node: Mapping[str, Any], known: frozenset[str]) -> None:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        name = str(node.get("table_name", "")).lower()
        foreign = node.get("catalog_name") not in ("", "memory", None) or node.get("schema_name") not in ("", "main", None)
        if foreign or name not in known or name.startswith(_FORBIDDEN_BEGINNINGS):
            raise Refused(f"there is no table {name[:80]} here.", hint="Tables: requests, transactions, iterations, metrics, runs.")
    elif kind == "SHOW_REF" and node.get("table_name"):
        raise Refused("the console shows no lists of its own.", hint="Use DESCRIBE requests.")
    elif kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise Refused(
                f"the function {name[:80]} may not be used as a table here.", hint=f"Allowed: {', '.join(sorted(_TABLE_FUNCTIONS))}."
            )
    name = str(node.get("function_name", "")).lower()
    if name in _FORBIDDEN or name.startswith(_FORBIDDEN_BEGINNINGS):
        raise Refused(f"the function {name[:80]} may not be used here.", hint="It tells of files or of the program.")


def _run(connection: duckdb.DuckDBPyConnection, sql: str, limits: ConsoleLimits) -> pl.DataFrame:
    import polars as pl

    done, late = threading.Event(), threading.Event()

    def interrupt() -> None:
        if done.wait(limits.timeout_s):
            return
        late.set()
        # Again and again: an interrupt between two steps of the query is forgotten.
        while not done.wait(_INTERRUPT_EVERY_S):
            connection.interrupt()

    watch = threading.Thread(target=interrupt, name="console timeout", daemon=True)
    watch.start()
    try:
        with _errors():
            return _result(connection, sql, limits.max_rows + 1)
    except Exception as error:
        if late.is_set():
            raise InvalidInput(
                f"the query took longer than {limits.timeout_s:g} s.", hint="Narrow it with WHERE, or ask for a sample."
            ) from None
        if isinstance(error, pl.exceptions.PolarsError):
            raise InvalidInput(f"the result cannot be told: {first_line(error)}", hint="Cast its columns to plain types.") from None
        raise
    finally:
        done.set()
        watch.join()


def _result(connection: duckdb.DuckDBPyConnection, sql: str, rows: int) -> pl.DataFrame:
    import polars as pl

    relation = connection.sql(sql)
    if len(set(relation.columns)) < len(relation.columns):
        raise InvalidInput("two columns of the result have the same name.", hint="Rename one with AS.")
    return _portable(pl.DataFrame(relation.limit(rows)))


def _portable(frame: pl.DataFrame) -> pl.DataFrame:
    """Return whole numbers of 128 bits, which a sum has, as 64 bits where they fit, else as floats: few readers know them."""
    import polars as pl

    for name, kind in frame.schema.items():
        if kind == pl.Int128:
            column = frame[name]
            narrow = column.cast(pl.Int64, strict=False)
            frame = frame.with_columns(narrow if narrow.null_count() == column.null_count() else column.cast(pl.Float64))
    return frame


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise InvalidInput(f"the query failed: {first_line(error)}", hint="docs/querying.md tells tables and columns.") from None
