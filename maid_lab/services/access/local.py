"""How a command of the same user finds the server that holds the store, and proves that it may read this user's files."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import Unauthorized
from maid_lab.services.access.principal import ALL_SCOPES, CredentialKind, Principal
from maid_lab.services.access.secret_files import write_private

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LocalCredential", "LocalServer", "is_local_form", "read_local_server"]

_FILE: Final = "server.json"
_PREFIX: Final = "maid_local_"
_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """What `server.json` says: where the server is and the credential of its owner's commands."""

    url: str
    pid: int
    started_at: str
    token: str = field(repr=False)


class LocalCredential:
    """The credential of a server for commands of its owner; it lives as long as the server.

    Parameters
    ----------
    home : Path
        The home folder, which only the owner can read.
    owner : str
        Name of the owner.
    """

    def __init__(self, home: Path, *, owner: str) -> None:
        self._path = home / _FILE
        self._owner = owner
        self._token = _PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)

    def publish(self, url: str) -> LocalServer:
        """Write `server.json`, readable by its owner alone."""
        server = LocalServer(url=url, pid=os.getpid(), started_at=datetime.now(UTC).isoformat(), token=self._token)
        write_private(self._path, json.dumps(asdict(server)).encode())
        return server

    def withdraw(self) -> None:
        """Remove `server.json`, unless another server has written its own meanwhile."""
        server = _read(self._path)
        if server is not None and hmac.compare_digest(server.token.encode(), self._token.encode()):
            self._path.unlink(missing_ok=True)

    def verify(self, text: str, *, is_terminal: bool) -> Principal:
        """Return the owner.

        Parameters
        ----------
        is_terminal : bool
            Whether the command says that a person sits at its terminal; only whoever has this credential is believed.

        Raises
        ------
        Unauthorized
            If the token is not this server's.
        """
        if not hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self._token.encode()):
            raise Unauthorized("the credential is not valid.", hint="Start the command again.", reason="wrong local token")
        return Principal(
            kind=CredentialKind.LOCAL, id=self._owner, name=self._owner, scopes=ALL_SCOPES, roles=("admin",), is_interactive=is_terminal
        )


def is_local_form(text: str) -> bool:
    """Whether a Bearer value claims to be the credential of a local command."""
    return text.startswith(_PREFIX)


def read_local_server(home: Path) -> LocalServer | None:
    """Return the server of a home folder, None when there is none that is alive, or the file could have been written or read by others."""
    server = _read(home / _FILE)
    return server if server is not None and _is_alive(server.pid) else None


def _read(path: Path) -> LocalServer | None:
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if os.name == "posix" and (stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid != os.geteuid()):
                return None
            data = json.loads(stream.read())
        server = LocalServer(**{name: data[name] for name in ("url", "pid", "started_at", "token")})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = (server.url, server.started_at, server.token)
    return server if type(server.pid) is int and server.pid > 0 and all(isinstance(text, str) for text in texts) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
