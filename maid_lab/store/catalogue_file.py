"""The catalogue's file: opening it, telling damage from everything else that can go wrong, and setting damaged files aside.

Only what DuckDB itself calls damage is moved, and nothing is ever deleted. A file that belongs to a newer DuckDB, a folder without rights or a
full disk is no damage: there the catalogue is left as it is, because a fresh one in its place would hide keys, approvals and the audit.
"""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb

from maid_lab.model.errors import Conflict, EngineFailure

__all__ = ["connect", "first_line", "is_damage", "is_locked", "put_aside", "wal_of"]

log = logging.getLogger(__name__)

_RETRY_S: Final = 0.05
_LOCKED: Final = re.compile(r"(?i)could not set lock|conflicting lock|being used by another process")
_HOLDER: Final = re.compile(r"PID (\d+)")
_NEWER: Final = re.compile(r"(?i)newer version of DuckDB|can only read versions? ")
_DAMAGE: Final = re.compile(
    r"(?i)corrupt|checksum|replay|not a valid DuckDB|deserializ|enough bytes|INTERNAL Error|Cannot read|end of file"
)
_IN_LOG: Final = re.compile(r"(?i)\bWAL\b|replay")


def connect(path: Path, deadline: float) -> tuple[duckdb.DuckDBPyConnection, list[str]]:
    """Return a connection, and what a person must be told when damaged files had to be set aside.

    Parameters
    ----------
    deadline : float
        `time.monotonic()` until which another process that holds the file is waited for.

    Raises
    ------
    Conflict
        If another process still holds it; names its process id.
    EngineFailure
        If it cannot be opened for another reason than damage; it is left as it is.
    """
    notices: list[str] = []
    while True:
        try:
            return duckdb.connect(str(path)), notices
        except duckdb.Error as error:
            if not is_locked(error):
                notices.append(_set_aside(path, error))
            elif time.monotonic() >= deadline:
                raise _held(path, error) from None
            else:
                time.sleep(_RETRY_S)


def is_locked(error: duckdb.Error) -> bool:
    """Whether the error says that another process holds the file."""
    return _LOCKED.search(str(error)) is not None


def is_damage(error: duckdb.Error) -> bool:
    """Whether the error says that the file or its log is damaged."""
    return _DAMAGE.search(str(error)) is not None


def wal_of(path: Path) -> Path:
    """Return the write-ahead log of a catalogue file."""
    return path.with_name(path.name + ".wal")


def put_aside(path: Path, reason: str) -> Path:
    """Rename a file to `<name>.<reason>-<time>` and return its new path."""
    kept = path.with_name(f"{path.name}.{reason}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    return path.rename(kept)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, at most 200 characters."""
    return (str(error).splitlines() or ["no reason given"])[0][:200]


def _held(path: Path, error: duckdb.Error) -> Conflict:
    holder = _HOLDER.search(str(error))
    who = f"process {holder.group(1)}" if holder else "another process"
    return Conflict(f"the catalogue {path} is held by {who}.", hint="Wait for it to end, or use another MAID_HOME.")


def _set_aside(path: Path, error: duckdb.Error) -> str:
    """Move what is damaged out of the way: the log when the error speaks of it, else the file together with its log."""
    wal = wal_of(path)
    if _NEWER.search(str(error)):
        message = f"the catalogue {path} was written by a newer DuckDB, this is {duckdb.__version__}: {first_line(error)}"
        raise EngineFailure(message, hint="Install the DuckDB that wrote it, or use another MAID_HOME.") from None
    if not is_damage(error) or not path.is_file():
        raise EngineFailure(
            f"the catalogue {path} cannot be opened: {first_line(error)}", hint="Check the folder's rights and the disk."
        ) from None
    damaged = [wal] if wal.exists() and _IN_LOG.search(str(error)) else [file for file in (path, wal) if file.exists()]
    kept = [put_aside(file, "corrupt").name for file in damaged]
    text = f"{damaged[0].name} was damaged and is kept as {' and '.join(kept)} ({first_line(error)}). The run list is rebuilt from the run folders."
    log.error("%s", text)
    return text
