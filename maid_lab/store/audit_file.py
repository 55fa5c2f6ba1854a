"""The audit log as a file: one line for each entry, each bound to the one before it by a hash, and beside it the newest number and hash.

`audit.jsonl` holds the entries, `audit.head` the newest, `audit.kept` how far the catalogue has them. Whoever appends holds a lock on
`audit.lock`, so that any number of threads and processes may append.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from maid_lab.model.errors import EngineFailure
from maid_lab.store.folders import write_atomically

__all__ = ["AUDIT_FILES", "GENESIS", "AuditEntry", "AuditFile", "AuditHead", "canonical"]

#: What the first entry follows on.
GENESIS: Final = "0" * 64
#: Files that a copy of the home folder needs for its audit log.
AUDIT_FILES: Final = ("audit.jsonl", "audit.head", "audit.kept")

_LOCK_S: Final = 10.0
_PAUSE_S: Final = 0.002
_TAIL_BYTES: Final = 1 << 17


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no blanks: the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What somebody did.

    Attributes
    ----------
    seq : int
        Its number, from 1 without gaps.
    at : str
        When, UTC, with microseconds.
    actor : str
        Who, as canonical JSON: kind and id of the credential, key, roles, address and client.
    action, subject : str
        What was done to what.
    detail : str
        More of it, as canonical JSON, secrets masked.
    previous_hash, hash : str
        Hash of the entry before, and SHA-256 of that with the canonical JSON of the other fields.
    """

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    detail: str
    previous_hash: str
    hash: str

    @classmethod
    def following(cls, head: AuditHead, *, at: datetime, actor: str, action: str, subject: str, detail: str) -> AuditEntry:
        """Return the entry that follows on another."""
        entry = cls(
            seq=head.seq + 1, at=_stamp(at), actor=actor, action=action, subject=subject, detail=detail, previous_hash=head.hash, hash=""
        )  # fmt: skip
        return cls(**{**_fields(entry), "hash": entry.computed()})

    def computed(self) -> str:
        """Return the hash that it should have."""
        return hashlib.sha256((self.previous_hash + canonical(self._told())).encode("utf-8", "surrogatepass")).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**self._told(), "previous_hash": self.previous_hash, "hash": self.hash}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AuditEntry:
        """Return the entry that was written as JSON data.

        Raises
        ------
        ValueError
            If it is none.
        """
        try:
            texts = {name: str(data[name]) for name in ("at", "action", "subject", "previous_hash", "hash")}
            return cls(seq=int(data["seq"]), actor=canonical(data["actor"]), detail=canonical(data["detail"]), **texts)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no entry: {error}") from None

    def _told(self) -> dict[str, Any]:
        return {
            "seq": self.seq, "at": self.at, "actor": _read(self.actor), "action": self.action, "subject": self.subject,
            "detail": _read(self.detail),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """Number and hash of the newest entry."""

    seq: int = 0
    hash: str = GENESIS


class AuditFile:
    """The files of the audit log in a home folder.

    Parameters
    ----------
    home : Path
        The home folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "audit.jsonl"
        self.head_path = home / "audit.head"
        self.kept_path = home / "audit.kept"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody else from appending for the length of a `with` block; bounded in time.

        Raises
        ------
        EngineFailure
            If somebody else holds it for too long, or the lock cannot be made.
        """
        try:
            fd = os.open(self.home / "audit.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            deadline = time.monotonic() + _LOCK_S
            while not _try_lock(fd):
                if time.monotonic() > deadline:
                    raise EngineFailure(
                        f"the audit log {self.path} is held by another program for more than {_LOCK_S:.0f} s.", hint="End that program."
                    )
                time.sleep(_PAUSE_S)
            yield
        finally:
            os.close(fd)

    def head(self) -> AuditHead | None:
        """Return what the head says; None when there is none that can be read."""
        try:
            data = json.loads(self.head_path.read_text(encoding="utf-8"))
            return AuditHead(seq=int(data["seq"]), hash=str(data["hash"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def last(self) -> AuditEntry | None:
        """Return the entry of the last line that is whole; None when there is none."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                lines = file.read().split(b"\n")[:-1]
        except OSError:
            return None
        for line in reversed(lines):
            entry = _entry_of(line)
            if entry is not None:
                return entry
        return None

    def append(self, entry: AuditEntry) -> None:
        """Write an entry behind the others, synced, then the head; under the lock. What cannot be written whole is taken back.

        Raises
        ------
        EngineFailure
            If it cannot be written: nothing of it is kept.
        """
        line = (canonical(entry.to_json()) + "\n").encode("utf-8", "surrogatepass")
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                size = _whole(fd)
                try:
                    _write_at(fd, line, size)
                    os.fsync(fd)
                    write_atomically(self.head_path, canonical({"seq": entry.seq, "hash": entry.hash}))
                except OSError:
                    os.ftruncate(fd, size)
                    raise
            finally:
                os.close(fd)
        except OSError as error:
            raise self._unwritable(error) from None

    def lines(self, start: int = 0) -> Iterator[tuple[int, AuditEntry | None]]:
        """Yield for each line from a byte on the byte behind it and its entry, None when it cannot be read as one."""
        try:
            with self.path.open("rb") as file:
                place = file.seek(start)
                for line in file:
                    place += len(line)
                    if line.strip():
                        yield place, _entry_of(line)
        except FileNotFoundError:
            return

    def kept(self) -> tuple[int, int]:
        """Return the number of the last entry that the catalogue was given and the byte behind it."""
        try:
            data = json.loads(self.kept_path.read_text(encoding="utf-8"))
            return int(data["seq"]), int(data["position"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0

    def keep(self, seq: int, position: int) -> None:
        """Note what the catalogue was given."""
        write_atomically(self.kept_path, canonical({"seq": seq, "position": position}))

    def _unwritable(self, error: OSError) -> EngineFailure:
        return EngineFailure(
            f"the audit log {self.path} cannot be written: {error.strerror or error}. What is not recorded is not done.",
            hint="Make room on the disk, and let the home folder be writable.",
        )


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _whole(fd: int) -> int:
    """Return where the last whole line ends; a part of one behind it is what a program left that was cut off, and is not counted as written."""
    size = os.fstat(fd).st_size
    start = max(0, size - _TAIL_BYTES)
    tail = os.pread(fd, size - start, start)
    if tail.endswith(b"\n") or not tail:
        return size
    whole = start + tail.rfind(b"\n") + 1 if b"\n" in tail else size
    os.ftruncate(fd, whole)
    return whole


def _write_at(fd: int, data: bytes, place: int) -> None:
    while data:
        written = os.pwrite(fd, data, place)
        data, place = data[written:], place + written


def _entry_of(line: bytes) -> AuditEntry | None:
    """Return the entry of a line that is exactly what would be written for it."""
    try:
        data = json.loads(line)
        entry = AuditEntry.from_json(data) if isinstance(data, dict) else None
    except ValueError:
        return None
    return (
        entry
        if entry is not None
        and (canonical(entry.to_json()) + "\n").encode("utf-8", "surrogatepass") == line + b"\n" * (not line.endswith(b"\n"))
        else None
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _read(text: str) -> Any:
    """Return the value of a JSON text; the text itself when it is none, so that an altered one has another hash and raises nothing."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fields(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in AuditEntry.__slots__}
