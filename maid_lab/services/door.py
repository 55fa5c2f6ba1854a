"""The door through which other processes of the same person reach the test of this one: a socket file in the home folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, MaidError, Missing, Refused
from maid_lab.services.commands import parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from maid_lab.services.desk import ControlDesk

__all__ = ["Door", "ask", "knock"]

_NAME: Final = "control.sock"
_MOST_BYTES: Final = 65536
_ANSWER_S: Final = 30.0
_LEAVE_S: Final = 1.0
_KINDS: Final[dict[str, type[MaidError]]] = {kind.code: kind for kind in (InvalidInput, Refused, Conflict, Missing, EngineFailure)}


class Door:
    """Takes commands of other processes for a control desk.

    Each line is one JSON object `{"op": "command", "id": n, "name": …, "args": {…}}`, or `{"id": n, "line": "users 20"}` as a person types
    it; each gets one line back: `id`, `success`, and `response` or `error` (`code`, `message`, `hint`). The file has mode 0600: whoever may
    open it could end the process as well.

    Parameters
    ----------
    home : Path
        The home folder.
    desk : ControlDesk
        Carries out the commands.
    """

    def __init__(self, home: Path, desk: ControlDesk) -> None:
        self._home = home
        self._desk = desk
        self._accepting: asyncio.Task[None] | None = None
        self._holders = 0
        self._clients: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen, and go on until `close` was called as often.

        Raises
        ------
        Conflict
            If another process listens in this home folder.
        """
        self._holders += 1
        if self._holders > 1:
            return
        try:
            await self._listen()
        except BaseException:
            self._holders -= 1
            raise

    async def _listen(self) -> None:
        if await _is_answered(self._home):
            raise Conflict(
                f"another program controls the tests of {self._home}.", hint="End it (maid control shutdown), or use another MAID_HOME."
            )
        path = self._home / _NAME
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        mask = os.umask(0o177)
        try:
            with _short(self._home) as address:
                listener.bind(address)
            listener.listen()
        except BaseException:
            listener.close()
            raise
        finally:
            os.umask(mask)
        self._accepting = asyncio.create_task(self._accept(listener))

    async def close(self) -> None:
        """Listen no more and let all clients go, unless it was opened once more."""
        self._holders = max(0, self._holders - 1)
        accepting = self._accepting
        if self._holders or accepting is None:
            return
        self._accepting = None
        clients = {task for task in self._clients if task is not asyncio.current_task()}
        for task in (accepting, *clients):
            task.cancel()
        await asyncio.wait({accepting, *clients}, timeout=_LEAVE_S)
        with contextlib.suppress(FileNotFoundError):
            (self._home / _NAME).unlink()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                client, _ = await loop.sock_accept(listener)
                task = asyncio.create_task(self._serve(client))
                self._clients.add(task)
                task.add_done_callback(self._clients.discard)

    async def _serve(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=client, limit=_MOST_BYTES)
        try:
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer, default=str).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return  # gone, or a line without end: there is nobody to tell
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        number: Any = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise InvalidInput("a command is a JSON object.", hint='Send {"op": "command", "id": 1, "name": "help"}.')
            number = request.get("id")
            if "line" in request:
                command, arguments = parse_line(str(request["line"]))
                name = command.name
            else:
                name, arguments = str(request.get("name", "")), request.get("args") or {}
            return {"id": number, "success": True, "response": await self._desk.do(name, arguments, by="maid control")}
        except MaidError as error:
            found = [str(finding) for finding in getattr(error, "diagnostics", ())]
            told = {"code": error.code, "message": " ".join([error.message, *found]), "hint": error.hint}
        except (ValueError, TypeError, AttributeError) as error:
            told = {"code": "invalid-input", "message": f"the command cannot be read: {error}", "hint": ""}
        return {"id": number, "success": False, "error": told}


async def knock(home: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the process that holds the door.

    Raises
    ------
    Missing
        If there is none.
    """
    try:
        with _short(home) as address:
            return await asyncio.open_unix_connection(address, limit=16 * _MOST_BYTES * 1024)
    except OSError:
        raise Missing(
            f"no test that could be controlled is under way in {home}.",
            hint="Start one: maid run RECIPE, or maid run RECIPE --no-autostart.",
        ) from None


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> dict[str, Any]:
    """Send a line as a person types it and return the response.

    Raises
    ------
    MaidError
        As the other process raised it.
    Missing
        If the other process is gone.
    """
    writer.write(json.dumps({"id": 1, "line": line}).encode() + b"\n")
    try:
        answer = json.loads(await asyncio.wait_for(reader.readline(), _ANSWER_S) or b"null")
    except (OSError, ValueError):
        answer = None
    if answer is None:
        raise Missing("the program that ran the test is gone.", hint="maid status, maid history.")
    if answer["success"]:
        response: dict[str, Any] = answer["response"]
        return response
    error = answer["error"]
    raise _KINDS.get(error["code"], EngineFailure)(error["message"], hint=error["hint"])


async def _is_answered(home: Path) -> bool:
    try:
        if not stat.S_ISSOCK((home / _NAME).stat().st_mode):
            return False
        _, writer = await knock(home)
    except (OSError, Missing):
        return False
    writer.close()
    return True


@contextlib.contextmanager
def _short(home: Path) -> Iterator[str]:
    """Give an address of the socket that fits into the 108 bytes that the kernel allows, however long the path is."""
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        by_number = f"/proc/self/fd/{folder}"
        yield f"{by_number}/{_NAME}" if os.path.isdir(by_number) else str(home / _NAME)  # noqa: PTH112 - a link of the kernel's
    finally:
        os.close(folder)
