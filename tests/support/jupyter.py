"""A real Jupyter server with the extension, as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.ports import free_ports

__all__ = ["Reply", "RunningServer", "jupyter_server"]

TOKEN: Final = "a-token-of-jupyter"
_START_S: Final = 40.0
_END_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class RunningServer:
    """The process and how to talk to it."""

    process: subprocess.Popen[bytes]
    url: str
    home: Path
    log: Path
    token: str = TOKEN
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        as_owner: bool = True,
        timeout: float = 20.0,
    ) -> Reply:
        """Send one request; `body` as JSON unless it is bytes; `as_owner` sends Jupyter's token."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"Authorization": f"token {self.token}"} if as_owner else {}
        if data is not None:
            sent["Content-Type"] = "application/json"
        url = path if "://" in path else f"{self.url}api/maid/{path}"
        request = urllib.request.Request(url, data=data, method=method, headers={**sent, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def wait_for(self, state: str, *, within_s: float = 15.0) -> dict[str, Any]:
        """Wait until the slot is in a state."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            status: dict[str, Any] = self.ask("status").json
            if status["state"] == state:
                return status
            time.sleep(0.05)
        raise AssertionError(f"the slot was not {state} within {within_s} s: {status}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_END_S)
            raise AssertionError(f"the server did not end:\n{self.log.read_text()[-3000:]}") from None


@contextlib.contextmanager
def jupyter_server(
    folder: Path, *, arguments: tuple[str, ...] = (), environment: Mapping[str, str] | None = None, wait_open: bool = True
) -> Iterator[RunningServer]:
    """Start a server over `folder/maid` for the length of a `with` block; its base URL has an escaped character."""
    home, log = folder / "maid", folder / "server.log"
    (folder / "root").mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    command = [
        sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", f"--port={port}", "--port-retries=0", "--ip=127.0.0.1",
        "--ServerApp.base_url=/a%40b/", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder / 'root'}",
        "--ServerApp.jpserver_extensions={'maid_lab': True}", "--ServerApp.reraise_server_extension_failures=True", *arguments,
    ]  # fmt: skip
    own = {
        "MAID_HOME": str(home), "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "JUPYTER_NO_CONFIG": "", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **own, **(environment or {})}
        )
    server = RunningServer(process=process, url=f"http://127.0.0.1:{port}/a%40b/", home=home, log=log)
    try:
        _wait(server, wait_open=wait_open)
        yield server
    finally:
        if process.poll() is None:
            server.end()


def _wait(server: RunningServer, *, wait_open: bool) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError):
            reply = server.ask("health", as_owner=False, timeout=2)
            if reply.status == 200 and (not wait_open or reply.json["status"] == "ok"):
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{server.log.read_text()[-4000:]}")
