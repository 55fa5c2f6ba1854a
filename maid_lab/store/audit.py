"""The audit log's copy in the catalogue: caught up from the file whenever the catalogue is opened or read, so that appending needs no opening."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.store.audit_file import AuditEntry, AuditFile

if TYPE_CHECKING:
    import duckdb

    from maid_lab.store.catalogue import Catalogue

__all__ = ["AuditRepository"]

_COLUMNS: Final = 'seq, epoch_us("at") as "at", actor, action, coalesce(subject, \'\') as subject, cast(detail_json as varchar) as detail, previous_hash, hash'


class AuditRepository:
    """Entries of the audit log.

    Parameters
    ----------
    catalogue : Catalogue
        Where the copy is kept.
    home : Path
        The home folder with the file.
    """

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        self._catalogue = catalogue
        self._file = AuditFile(home)

    def catch_up(self, *, whole: bool = False) -> int:
        """Bring in what was appended to the file since the last time, and return how many entries came.

        What the catalogue was given once and has no more stays missing, so that `verify` can name it; after a rebuild everything is brought
        back with `whole`.
        """
        seq, place = (0, 0) if whole else self._file.kept()
        size = self._file.path.stat().st_size if self._file.path.exists() else 0
        if size == place:
            return 0
        if place > size:
            place = 0
        fresh = [(end, entry) for end, entry in self._file.lines(place) if entry is not None and entry.seq > seq]
        if not fresh:
            return 0
        written: int = self._catalogue.write(lambda connection: _insert(connection, [entry for _, entry in fresh]))
        self._file.keep(max(entry.seq for _, entry in fresh), max(end for end, _ in fresh))
        return written

    def all(self) -> list[AuditEntry]:
        """Return all entries of the copy, oldest first."""
        return [_entry(row) for row in self._catalogue.read(f"select {_COLUMNS} from maid_audit order by seq")]

    def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str = "",
        action: str = "",
        subject: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[list[AuditEntry], int]:
        """Return entries, newest first, and how many there are in all pages together.

        Parameters
        ----------
        before : int, optional
            Only entries with a lower number.
        actor : str
            Id of a person or key.
        action : str
            An action, or the part before its dot with the dot: `run.`.
        subject : str
            What was acted on.
        since, until : datetime
            From this time on; before this time.
        """
        where, values = ["true"], list[Any]()
        if actor:
            where.append("(json_extract_string(actor, '$.id') = ? or json_extract_string(actor, '$.key_id') = ?)")
            values += [actor, actor]
        if action:
            where.append("starts_with(action, ?)" if action.endswith(".") else "action = ?")
            values.append(action)
        if subject:
            where.append("subject = ?")
            values.append(subject)
        if since is not None:
            where.append('epoch_us("at") >= ?')
            values.append(_microseconds(since))
        if until is not None:
            where.append('epoch_us("at") < ?')
            values.append(_microseconds(until))
        total = self._catalogue.read(f"select count(*) as n from maid_audit where {' and '.join(where)}", values)[0]["n"]
        if before is not None:
            where.append("seq < ?")
            values.append(before)
        rows = self._catalogue.read(
            f"select {_COLUMNS} from maid_audit where {' and '.join(where)} order by seq desc limit ?", [*values, limit]
        )
        return [_entry(row) for row in rows], int(total)


def _insert(connection: duckdb.DuckDBPyConnection, entries: list[AuditEntry]) -> int:
    before = _count(connection)
    connection.executemany(
        'insert into maid_audit (seq, "at", actor, action, subject, detail_json, hash, previous_hash) '
        "values (?, make_timestamptz(?), ?, ?, ?, ?, ?, ?) on conflict do nothing",
        [
            [entry.seq, _of_stamp(entry.at), entry.actor, entry.action, entry.subject, entry.detail, entry.hash, entry.previous_hash]
            for entry in entries
        ],
    )
    return _count(connection) - before


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select count(*) from maid_audit").fetchone()
    return int(row[0]) if row else 0


def _entry(row: dict[str, Any]) -> AuditEntry:
    moment = datetime.fromtimestamp(row["at"] // 1_000_000, UTC).replace(microsecond=row["at"] % 1_000_000)
    return AuditEntry(**{**row, "at": moment.isoformat(timespec="microseconds").replace("+00:00", "Z")})


def _microseconds(moment: datetime) -> int:
    whole = moment.astimezone(UTC).replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000 + moment.microsecond


def _of_stamp(text: str) -> int:
    try:
        return _microseconds(datetime.fromisoformat(text))
    except ValueError:
        return 0
