"""Files with secrets: `$MAID_HOME/secrets/`, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["random_key", "write_private"]

_KEY_BYTES: Final = 32
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


def random_key(home: Path, name: str) -> bytes:
    """Return the 32 random bytes of a file in the folder of secrets, made when it is not there.

    Raises
    ------
    Refused
        If folder or file are open to others or hold something else; the hint is the command that mends it.
    """
    folder = home / "secrets"
    try:
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        _check_mode(folder, _FOLDER_MODE)
        path = folder / name
        if not path.exists():
            _make(path)
        _check_mode(path, _FILE_MODE)
        key = path.read_bytes()
    except OSError as error:
        raise Refused(f"the folder of secrets {folder} cannot be used: {error.strerror or error}.", hint=f"ls -la {folder}") from None
    if len(key) != _KEY_BYTES:
        raise Refused(f"{path} holds {len(key)} bytes, a key has {_KEY_BYTES}.", hint=f"Have a new one made: rm {path}")
    return key


def write_private(path: Path, content: bytes) -> None:
    """Replace a file at once by one that only its owner reads."""
    waiting = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_new(waiting, content)
        waiting.replace(path)
    finally:
        waiting.unlink(missing_ok=True)


def _make(path: Path) -> None:
    """Make a key; of two processes that do so at once, the first wins and both use its key."""
    waiting = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_new(waiting, secrets.token_bytes(_KEY_BYTES))
        path.hardlink_to(waiting)
    except FileExistsError:
        return
    finally:
        waiting.unlink(missing_ok=True)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _check_mode(path: Path, wanted: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & ~wanted:
        raise Refused(f"{path} is open to other users (mode {mode:04o}).", hint=f"Close it: chmod {wanted:o} {path}")
