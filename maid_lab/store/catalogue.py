"""The DuckDB catalogue: one writer thread, a cursor per reader thread, migrations, and the proof at each opening that nothing is missing.

A second process cannot open the file while this one holds it, so commands open it briefly and wait for each other for a bounded time.

A write-ahead log that was cut loses its last commits without an error, in some versions of DuckDB also one with a flipped byte. So each
transaction raises a number in the catalogue, and the number is written into the small file `maid.commits` once the transaction is in the log: a
catalogue that stands below that file has lost commits. Rows of each table are counted at each checkpoint and compared at opening.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb

from maid_lab.model.errors import Conflict, EngineFailure
from maid_lab.store.catalogue_file import connect, first_line, is_damage, is_locked

__all__ = ["COMMITS", "FILE", "Catalogue", "migrations", "rows_of"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[duckdb.DuckDBPyConnection], Any]

FILE: Final = "maid.duckdb"
COMMITS: Final = "maid.commits"


def migrations() -> list[tuple[int, str]]:
    """Return the numbered migrations with their SQL, ascending."""
    folder = files("maid_lab.store") / "migrations"
    found = [
        (int(entry.name.split("_")[0]), entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")
    ]
    return sorted(found)


@dataclass(slots=True, eq=False)
class _Job:
    """Work for the writer thread; `is_transaction` is false for statements that DuckDB runs outside of transactions."""

    work: Work
    is_transaction: bool = True
    future: Future[Any] = field(default_factory=Future)


class Catalogue:
    """An open catalogue; use `open`.

    Attributes
    ----------
    notices : list of str
        What a person must be told: a log that was set aside, rows or commits that are missing.
    needs_rebuild : bool
        Whether the run list has to be rebuilt from the run folders.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self.notices: list[str] = []
        self.needs_rebuild = False
        self._connection = connection
        self._cursors: dict[threading.Thread, duckdb.DuckDBPyConnection] = {}
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="catalogue writer", daemon=True)
        self._is_open = True
        self._commits = -1
        self._counted_at = -1
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
        is_new = not path.exists()
        connection, notices = connect(path, time.monotonic() + wait_s)
        if is_new or notices or not path.with_name(COMMITS).exists():
            path.with_name(COMMITS).write_text("", encoding="ascii")
        catalogue = cls(path, connection)
        catalogue.notices += notices
        catalogue.needs_rebuild = bool(notices)
        try:
            catalogue._migrate()
            catalogue._verify()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Run a function in one transaction on the writer thread and return its result; an exception rolls back and is raised here."""
        result: T = self._do(_Job(work))
        return result

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement in a transaction of its own."""

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute(sql, list(parameters))

        self.write(work)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query as mappings, on this thread's own cursor."""
        try:
            return rows_of(self._cursor().execute(sql, list(parameters)))
        except duckdb.Error as error:
            raise self._failure(error) from error

    def checkpoint(self) -> None:
        """Write everything into the file, so that no log has to be replayed; notes how many rows there are."""
        if self._counted_at != self._commits:
            self.write(_note_counts)
        self._do(_Job(lambda connection: connection.execute("checkpoint"), is_transaction=False))

    def close(self) -> None:
        """Finish what is queued, write everything into the file and close it; more than once does no harm."""
        if self._is_open and self._counted_at != self._commits >= 0:
            try:
                self.checkpoint()
            except EngineFailure as error:
                # What was committed is in the log; a full disk must not keep the file from being closed.
                log.warning("%s", error)
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
            self._queue.put(None)
        self._writer.join()
        for cursor in self._cursors.values():
            cursor.close()
        self._connection.close()

    def copy_to(self, path: Path) -> None:
        """Copy the whole catalogue into a new file, while others go on reading and writing."""
        # ATTACH takes no parameter before DuckDB 2.0; a doubled quote is the whole of its escaping.
        quoted = str(path).replace("'", "''")

        def copy(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute(f"attach '{quoted}' as backup_copy")
            try:
                connection.execute(f"copy from database {self.path.stem} to backup_copy")
            finally:
                connection.execute("detach backup_copy")

        self._do(_Job(copy, is_transaction=False))

    @staticmethod
    def probe(path: Path) -> None:
        """Raise `Conflict` if another process holds the file; anything else is no matter here."""
        try:
            duckdb.connect(str(path)).close()
        except duckdb.Error as error:
            if is_locked(error):
                raise Conflict(f"the catalogue {path} is held by another process.", hint="Wait for it to end.") from None

    # ---- threads

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        me = threading.current_thread()
        with self._lock:
            if not self._is_open:
                raise EngineFailure(f"the catalogue {self.path} is closed.", hint="Open the store again.")
            if me not in self._cursors:
                for ended in [thread for thread in self._cursors if not thread.is_alive()]:
                    self._cursors.pop(ended).close()
                self._cursors[me] = self._connection.cursor()
            return self._cursors[me]

    def _do(self, job: _Job) -> Any:
        if threading.current_thread() is self._writer:
            raise RuntimeError("a transaction function cannot start another transaction")
        with self._lock:
            # Under the lock, so that no job comes behind the end mark and waits for ever.
            if not self._is_open:
                raise EngineFailure(f"the catalogue {self.path} is closed.", hint="Open the store again.")
            self._queue.put(job)
        try:
            return job.future.result()
        except duckdb.Error as error:
            raise self._failure(error) from error

    def _write(self) -> None:
        connection = self._connection.cursor()
        with self.path.with_name(COMMITS).open("r+b", buffering=0) as mark:
            while (job := self._queue.get()) is not None:
                try:
                    result = self._transact(connection, job, mark) if job.is_transaction else job.work(connection)
                except BaseException as error:  # whatever it is belongs to the caller
                    job.future.set_exception(error)
                else:
                    job.future.set_result(result)
        connection.close()

    def _transact(self, connection: duckdb.DuckDBPyConnection, job: _Job, mark: Any) -> Any:
        connection.execute("begin")
        try:
            result = job.work(connection)
            commits = _raise_commits(connection) if self._commits >= 0 else -1
            connection.execute("commit")
        except BaseException:
            _roll_back(connection)
            raise
        if commits >= 0:
            self._commits = commits
            _write_mark(mark, commits)
            if job.work is _note_counts:
                self._counted_at = commits
        return result

    def _failure(self, error: duckdb.Error) -> EngineFailure:
        damaged = "The file is damaged; run folders are not touched. Run: maid store rebuild"
        refused = "Nothing of this change was kept; run folders are not touched."
        return EngineFailure(f"the catalogue {self.path}: {first_line(error)}", hint=damaged if is_damage(error) else refused)

    # ---- opening

    def _migrate(self) -> None:
        """Bring the tables up to what this code knows, one transaction and one checkpoint for each step."""
        current, known = self.write(_schema_version), migrations()
        newest = known[-1][0]
        if current > newest:
            raise EngineFailure(
                f"the catalogue {self.path} has schema version {current}, this MAID Lab knows {newest}.",
                hint="Use the newer MAID Lab that wrote it, or another MAID_HOME.",
            )
        for version, sql in known:
            if version > current:
                self.write(lambda connection, version=version, sql=sql: _apply(connection, version, sql))  # type: ignore[misc]
                self._do(_Job(lambda connection: connection.execute("checkpoint"), is_transaction=False))

    def _verify(self) -> None:
        """Compare commits and rows with what was noted."""
        state = self.read("select commits, counted_at from store_state")[0]
        noted = _read_mark(self.path.with_name(COMMITS))
        if state["commits"] < noted:
            self._missing(f"The catalogue has lost {noted - state['commits']} of its last commits")
        elif state["commits"] == state["counted_at"]:
            found = {row["name"]: row["rows"] for row in self.read(_count_statement(self.read(_TABLES)))}
            for row in self.read("select name, rows from store_counts order by name"):
                if found.get(row["name"]) != row["rows"]:
                    self._missing(f"The catalogue has {found.get(row['name'], 0)} rows of {row['name']}, {row['rows']} were noted")
        self._commits = state["commits"]
        self._counted_at = state["counted_at"] if not self.needs_rebuild else -1

    def _missing(self, text: str) -> None:
        self.notices.append(f"{text}. The run list is rebuilt from the run folders.")
        self.needs_rebuild = True
        log.error("%s: %s", self.path, text)


def rows_of(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return all rows of a result as mappings."""
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


_TABLES: Final = (
    "select schema_name, table_name from duckdb_tables() where database_name = current_database() and not internal "
    "and table_name not in ('store_counts', 'store_state') order by schema_name, table_name"
)


def _count_statement(tables: Sequence[dict[str, Any]]) -> str:
    """Return the statement that counts the rows of all tables; names come from DuckDB's own list of tables."""
    counts = (
        f"select '{table['schema_name']}.{table['table_name']}' as name, count(*) as rows from {table['schema_name']}.{table['table_name']}"
        for table in tables
    )
    return " union all ".join(counts)


def _note_counts(connection: duckdb.DuckDBPyConnection) -> None:
    tables = rows_of(connection.execute(_TABLES))
    connection.execute("delete from store_counts")
    connection.execute(f"insert into store_counts {_count_statement(tables)}")
    connection.execute("update store_state set counted_at = commits + 1")


def _raise_commits(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("update store_state set commits = commits + 1 returning commits").fetchone()
    if row is None:
        raise EngineFailure("the catalogue has lost its own state.", hint="Run: maid store rebuild")
    return int(row[0])


def _write_mark(mark: Any, commits: int) -> None:
    """Write the number of commits; not synced: after a loss of power it may only be too low, which raises no alarm."""
    try:
        mark.seek(0)
        mark.write(f"{commits:020d}".encode())
    except OSError as error:
        log.warning("the number of commits cannot be noted: %s", error)


def _read_mark(path: Path) -> int:
    text = path.read_bytes().strip()
    return int(text) if text.isdigit() else 0


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        log.debug("nothing to roll back")


def _schema_version(connection: duckdb.DuckDBPyConnection) -> int:
    connection.execute("create table if not exists schema_migrations (version integer primary key, applied_at timestamptz not null)")
    connection.execute("create table if not exists store_counts (name varchar primary key, rows bigint not null)")
    row = connection.execute("select coalesce(max(version), 0) from schema_migrations").fetchone()
    return int(row[0]) if row else 0


def _apply(connection: duckdb.DuckDBPyConnection, version: int, sql: str) -> None:
    connection.execute(sql)
    connection.execute("insert into schema_migrations values (?, now())", [version])
