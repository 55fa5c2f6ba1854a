"""The DuckDB catalogue: one writer thread, a cursor per reader, migrations, and what happens when the file or its log is damaged.

A second process cannot open the file while this one holds it, so commands open it briefly and wait for each other for a bounded time. A damaged
write-ahead log is set aside, never deleted, and said loudly; the run list is then rebuilt from the run folders by `store.rebuild`.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb

from maid_lab.model.errors import Conflict, EngineFailure

__all__ = ["Catalogue", "migrations"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[duckdb.DuckDBPyConnection], Any]

FILE: Final = "maid.duckdb"
_RETRY_S: Final = 0.05
_LOCKED: Final = re.compile(r"(?i)could not set lock|conflicting lock|being used by another process")
_HOLDER: Final = re.compile(r"PID (\d+)")


def migrations() -> list[tuple[int, str]]:
    """Return the numbered migrations with their SQL, ascending."""
    folder = files("maid_lab.store") / "migrations"
    found = [
        (int(entry.name.split("_")[0]), entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")
    ]
    return sorted(found)


class Catalogue:
    """An open catalogue; use `open`.

    Attributes
    ----------
    notices : list of str
        What a person must be told: a log that was set aside, rows that are missing.
    needs_rebuild : bool
        Whether the run list has to be rebuilt from the run folders.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self.notices: list[str] = []
        self.needs_rebuild = False
        self._connection = connection
        self._local = threading.local()
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._queue: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="catalogue writer", daemon=True)
        self._is_open = True
        self._writer.start()

    @classmethod
    def open(cls, home: Path, *, wait_s: float = 5.0) -> Catalogue:
        """Open the catalogue of a home folder, making it when it is new.

        Parameters
        ----------
        wait_s : float
            How long to wait for another process that holds it, seconds.

        Raises
        ------
        Conflict
            If another process still holds it; names its process id.
        EngineFailure
            If it was written by a newer version of MAID Lab, or cannot be opened at all.
        """
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        path = home / FILE
        connection, notice = _connect(path, time.monotonic() + wait_s)
        catalogue = cls(path, connection)
        if notice:
            catalogue.notices.append(notice)
            catalogue.needs_rebuild = True
        try:
            catalogue.write(_migrate)
            catalogue._verify()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Run a function in one transaction on the writer thread and return its result; an exception rolls back and is raised here."""
        if not self._is_open:
            raise EngineFailure("the catalogue is closed.")
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future.result()

    def execute(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement in a transaction of its own."""

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute(sql, list(parameters))

        self.write(work)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query as mappings, on this thread's own cursor."""
        result = self._cursor().execute(sql, list(parameters))
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def checkpoint(self) -> None:
        """Write everything into the file, so that no log has to be replayed; notes how many rows there are."""
        self.write(_note_counts)
        self._on_writer(lambda connection: connection.execute("checkpoint"))

    def close(self) -> None:
        """Finish what is queued, write everything into the file and close it."""
        if not self._is_open:
            return
        self._is_open = False
        self._queue.put(None)
        self._writer.join()
        for cursor in self._cursors:
            cursor.close()
        self._connection.close()

    def copy_to(self, path: Path) -> None:
        """Copy the whole catalogue into a new file, while others go on reading and writing."""
        quoted = str(path).replace("'", "''")

        def copy(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute(f"attach '{quoted}' as backup_copy")
            try:
                connection.execute(f"copy from database {self.path.stem} to backup_copy")
            finally:
                connection.execute("detach backup_copy")

        self._on_writer(copy)

    @staticmethod
    def probe(path: Path) -> None:
        """Raise `Conflict` if another process holds the file; anything else is no matter here."""
        try:
            duckdb.connect(str(path)).close()
        except duckdb.Error as error:
            if _LOCKED.search(str(error)):
                raise Conflict(f"the catalogue {path} is held by another process.", hint="Wait for it to end.") from None

    # ---- threads

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self._connection.cursor()
            self._cursors.append(cursor)
        return cursor

    def _on_writer(self, work: Work) -> None:
        future: Future[Any] = Future()

        def outside(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute("commit")
            work(connection)
            connection.execute("begin")

        self._queue.put((outside, future))
        future.result()

    def _write(self) -> None:
        connection = self._connection.cursor()
        while (item := self._queue.get()) is not None:
            work, future = item
            try:
                connection.execute("begin")
                result = work(connection)
                connection.execute("commit")
            except BaseException as error:  # whatever it is belongs to the caller
                _roll_back(connection)
                future.set_exception(error)
            else:
                future.set_result(result)
        connection.close()

    # ---- opening

    def _verify(self) -> None:
        """Compare the rows with the counts noted at the last checkpoint: a log with a flipped byte loses commits without an error."""
        noted = {row["name"]: row["rows"] for row in self.read("select name, rows from store_counts")}
        for name, rows in noted.items():
            found = self.read(f"select count(*) as n from {_counted(name)}")[0]["n"]
            if found < rows:
                self.notices.append(
                    f"The catalogue has {found} rows of {name}, {rows} were noted. The run list is rebuilt from the run folders."
                )
                self.needs_rebuild = True


def _counted(name: str) -> str:
    # The names come from our own table; a damaged one must not become SQL.
    if name not in ("maid_runs", "maid_recipes"):
        raise EngineFailure(f"the catalogue notes counts of an unknown table {name!r}.", hint="Run: maid store rebuild")
    return name


def _note_counts(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("delete from store_counts")
    for name in ("maid_runs", "maid_recipes"):
        connection.execute(f"insert into store_counts select '{name}', count(*) from {name}")


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        log.debug("nothing to roll back")


def _connect(path: Path, deadline: float) -> tuple[duckdb.DuckDBPyConnection, str]:
    """Return a connection, and a notice when the log had to be set aside."""
    notice = ""
    while True:
        try:
            return duckdb.connect(str(path)), notice
        except duckdb.IOException as error:
            if not _LOCKED.search(str(error)):
                notice = _set_aside(path, error, notice)
            elif time.monotonic() >= deadline:
                holder = _HOLDER.search(str(error))
                who = f"process {holder.group(1)}" if holder else "another process"
                raise Conflict(f"the catalogue {path} is held by {who}.", hint="Wait for it to end, or use another MAID_HOME.") from None
            else:
                time.sleep(_RETRY_S)
        except duckdb.Error as error:
            notice = _set_aside(path, error, notice)


def _set_aside(path: Path, error: duckdb.Error, notice: str) -> str:
    """Move a log that cannot be replayed out of the way, then a file that cannot be opened; never delete either.

    Raises
    ------
    EngineFailure
        If neither is there any more, so that nothing is left to try.
    """
    wal = path.with_name(path.name + ".wal")
    damaged = wal if wal.exists() else path
    if not damaged.exists():
        raise EngineFailure(f"the catalogue {path} cannot be opened: {_first_line(error)}", hint="Check the folder's rights and the disk.")
    kept = damaged.with_name(f"{damaged.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    damaged.rename(kept)
    text = f"{damaged.name} was damaged and is kept as {kept.name} ({_first_line(error)}). The run list is rebuilt from the run folders."
    log.error("%s", text)
    return f"{notice} {text}".strip()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0][:200]


def _migrate(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table if not exists schema_migrations (version integer primary key, applied_at timestamptz not null)")
    connection.execute("create table if not exists store_counts (name varchar primary key, rows bigint not null)")
    known = migrations()
    row = connection.execute("select coalesce(max(version), 0) from schema_migrations").fetchone()
    current, newest = int(row[0]) if row else 0, known[-1][0]
    if current > newest:
        raise EngineFailure(
            f"the catalogue has schema version {current}, this MAID Lab knows {newest}.",
            hint="Use the newer MAID Lab that wrote it, or another MAID_HOME.",
        )
    for version, sql in known:
        if version > current:
            connection.execute(sql)
            connection.execute("insert into schema_migrations values (?, now())", [version])
