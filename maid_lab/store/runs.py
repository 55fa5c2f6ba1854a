"""Run records in the catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import Conflict, Missing
from maid_lab.model.nearest import nearest
from maid_lab.model.run_record import RunRecord
from maid_lab.store.catalogue import rows_of

if TYPE_CHECKING:
    import duckdb

    from maid_lab.store.catalogue import Catalogue

__all__ = ["RunRepository", "record_of"]

_COLUMNS: Final = tuple(spec.name for spec in fields(RunRecord))
_JSON: Final = ("config_json", "metrics_json")
#: Times come as microseconds: DuckDB's own conversion of zoned times wants another package.
_TIMES: Final = ("start_time", "end_time", "created_at", "updated_at")
_SELECT: Final = f"select {', '.join(f'epoch_us({name}) as {name}' if name in _TIMES else name for name in _COLUMNS)} from maid_runs"
_SHORTEST_PREFIX: Final = 4


class RunRepository:
    """Run records.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def save(self, record: RunRecord) -> None:
        """Insert a record, or replace the one with its id."""
        self._catalogue.write(lambda connection: _save(connection, record))

    def create(self, record: RunRecord) -> None:
        """Insert a new record.

        Raises
        ------
        Conflict
            If there is one with its id.
        """

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            if connection.execute("select 1 from maid_runs where id = ?", [record.id]).fetchone():
                raise Conflict(f"the catalogue has run {record.id} already.", hint="Use save to replace it.")
            _save(connection, record)

        self._catalogue.write(work)

    def update(self, run_id: str, **columns: Any) -> RunRecord:
        """Change columns of a record and return it; reading and writing are one transaction, so that no other change is lost.

        Raises
        ------
        Missing
            If there is no such run.
        """
        full_id = self.get(run_id).id

        def work(connection: duckdb.DuckDBPyConnection) -> RunRecord:
            found = rows_of(connection.execute(f"{_SELECT} where id = ?", [full_id]))
            if not found:
                raise Missing(f"run {full_id} was removed meanwhile.", hint="maid history lists runs.")
            record = record_of(found[0]).changed(**columns)
            _save(connection, record)
            return record

        return self._catalogue.write(work)

    def get(self, reference: str) -> RunRecord:
        """Return the record for an id, the beginning or end of one, or `last`.

        Raises
        ------
        Missing
            If there is none, or several; names them.
        """
        if reference == "last":
            found = self._records("order by created_at desc, id desc limit 1", [])
            if not found:
                raise Missing("there is no run yet.", hint="Run: maid demo")
            return found[0]
        text = reference.lower()
        if len(text) >= _SHORTEST_PREFIX:
            sql = "where starts_with(id::varchar, ?) or ends_with(id::varchar, ?) order by created_at desc limit 5"
            found = self._records(sql, [text, text])
            if len(found) == 1 or (found and found[0].id == text):
                return found[0]
            if found:
                raise Missing(f"{reference} is the id of several runs: {', '.join(run.id for run in found)}.", hint="Write more of it.")
        ids = [row["id"] for row in self._catalogue.read("select id::varchar as id from maid_runs order by created_at desc limit 200")]
        near = nearest(text, ids)
        raise Missing(f"there is no run {reference}.", hint=f"Did you mean {near}?" if near else "maid history lists runs.")

    def list(
        self,
        *,
        limit: int = 20,
        recipe: str | None = None,
        status: str | None = None,
        verdict: str | None = None,
        tag: str | None = None,
        before: datetime | None = None,
    ) -> Sequence[RunRecord]:
        """Return records, newest first."""
        conditions: list[str] = ["true"]
        values: list[Any] = []
        for column, value in (("recipe_id", recipe), ("status", status), ("verdict", verdict)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        if tag is not None:
            conditions.append("list_contains(tags, ?)")
            values.append(tag)
        if before is not None:
            conditions.append("created_at < ?")
            values.append(before)
        return self._records(f"where {' and '.join(conditions)} order by created_at desc, id desc limit ?", [*values, limit])

    def unfinished(self) -> Sequence[RunRecord]:
        """Return runs that have not ended by their record."""
        return self._records("where status in ('pending', 'running', 'stopping') order by created_at", [])

    def count(self) -> int:
        """Return the number of runs."""
        return int(self._catalogue.read("select count(*) as n from maid_runs")[0]["n"])

    def ids(self) -> set[str]:
        """Return the ids of all runs."""
        return {row["id"] for row in self._catalogue.read("select id::varchar as id from maid_runs")}

    def stamps(self) -> dict[str, datetime]:
        """Return when the record of each run was changed last, by id."""
        rows = self._catalogue.read("select id::varchar as id, epoch_us(updated_at) as stamp from maid_runs")
        return {row["id"]: _moment(row["stamp"]) for row in rows}

    def delete(self, run_id: str) -> None:
        """Remove a record and its series; its folder is the caller's."""

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute("delete from maid_metrics where run_id = ?", [run_id])
            connection.execute("delete from maid_runs where id = ?", [run_id])

        self._catalogue.write(work)

    def oldest_beyond(self, keep: int) -> Sequence[str]:
        """Return the ids of ended, unpinned runs beyond the newest `keep`, oldest first."""
        return [row["id"] for row in self._places() if row["place"] > keep and row["is_free"]]

    def removable(self) -> Sequence[str]:
        """Return the ids of ended, unpinned runs, oldest first."""
        return [row["id"] for row in self._places() if row["is_free"]]

    def _places(self) -> Sequence[dict[str, Any]]:
        return self._catalogue.read(
            "select id::varchar as id, row_number() over (order by created_at desc, id desc) as place, "
            "not pinned and status not in ('pending', 'running', 'stopping') as is_free from maid_runs order by place desc"
        )

    def _records(self, clause: str, values: Sequence[Any]) -> Sequence[RunRecord]:
        return [record_of(row) for row in self._catalogue.read(f"{_SELECT} {clause}", values)]


def _save(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    data = record.to_json()
    values = [json.dumps(data[name]) if name in _JSON else data[name] for name in _COLUMNS]
    places = ", ".join("?" for _ in _COLUMNS)
    connection.execute(f"insert or replace into maid_runs ({', '.join(_COLUMNS)}) values ({places})", values)


def record_of(row: Mapping[str, Any]) -> RunRecord:
    """Return the record of a row of `maid_runs`; its times are microseconds."""
    data = dict(row)
    for name in _JSON:
        data[name] = json.loads(data[name]) if data[name] else {}
    for name in _TIMES:
        data[name] = _moment(data[name]) if data[name] is not None else None
    for name in ("id", "api_key_id", "parent_run_id"):
        data[name] = str(data[name]) if data[name] is not None else None
    return RunRecord.from_json({key: value for key, value in data.items() if value is not None or key not in ("reason", "notes")})


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
