"""Starting a bundled target as a process of its own and ending it again; imports none of the targets."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from maid_lab.demo.switches import Switches
from maid_lab.model.errors import EngineFailure, Missing

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["DemoProcess", "available"]

_TARGETS: Final = {"shop": "maid_lab.demo.shop"}
_START_LIMIT_S: Final = 20.0
_GRACE_S: Final = 2.0
_CALL_LIMIT_S: Final = 10.0


def available() -> tuple[str, ...]:
    """Return the names of the bundled targets."""
    return tuple(sorted(_TARGETS))


class DemoProcess:
    """A running bundled target; usable as a context manager.

    The target ends by itself when this process ends, however it ends: it holds the other side of a pipe.

    Attributes
    ----------
    name : str
        Which target it is.
    url : str
        Its address, for example `http://127.0.0.1:40123`.
    pid : int
        Its process.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], url: str) -> None:
        self.name = name
        self.url = url
        self.pid = process.pid
        self._process = process

    @classmethod
    def start(cls, name: str = "shop", *, port: int = 0, seed: int = 1, **switches: Any) -> DemoProcess:
        """Start a target and return when it answers.

        Parameters
        ----------
        name : str
            One of `available()`.
        port : int
            Port on loopback; 0 takes a free one.
        seed : int
            Seed of its data and of what its switches draw.
        **switches
            Fields of `demo.switches.Switches`, for example `latency="normal:20:5"`, `errors=0.01`.

        Raises
        ------
        Missing
            If there is no such target.
        InvalidInput
            If a switch is unknown or out of its range.
        EngineFailure
            If the process does not get ready; the message holds what it said.
        """
        if name not in _TARGETS:
            raise Missing(f"there is no bundled target {name!r}.", hint=f"Bundled are: {', '.join(available())}.")
        changes = Switches().changed(switches).to_json()
        command = [sys.executable, "-m", _TARGETS[name], "--port", str(port), "--seed", str(seed), "--switches", json.dumps(changes)]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [*command, "--with-parent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is for the one who started us; we end the target when the run is over
            )
            try:
                ready = json.loads(_first_line(process))
            except BaseException as problem:
                _end(process)
                if not isinstance(problem, ValueError | TimeoutError):
                    raise
                raise _not_ready(name, process, said) from None
        return cls(name, process, str(ready["url"]))

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the target: asked first, killed after two seconds. A second call does nothing."""
        _end(self._process)

    def stats(self) -> dict[str, Any]:
        """Return what the target has really served so far; `served` counts load, `control` counts calls like this one."""
        return self._call("GET", "/stats")

    def reset_stats(self) -> dict[str, Any]:
        """Set all counts to zero and return those that were there."""
        return self._call("POST", "/stats/reset")

    def switch(self, **changes: Any) -> dict[str, Any]:
        """Change switches while it runs and return all of them."""
        return self._call("POST", "/switches", changes)

    def calm(self) -> None:
        """Set all switches and counts back to those of a healthy target that was just started."""
        self.switch(**Switches().to_json())
        self.reset_stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_CALL_LIMIT_S)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as problem:
            state = "runs" if self.alive else f"has ended with {self._process.returncode}"
            raise EngineFailure(
                f"demo target {self.name} at {self.url} did not answer {method} {path}: {problem}; it {state}."
            ) from problem
        finally:
            connection.close()
        if answer.status >= 400:
            raise EngineFailure(f"demo target {self.name} refused {method} {path}: {content.get('error', content)}")
        return dict(content)


def _environment() -> dict[str, str]:
    """Let the target find this very package, also from a checkout that is not installed."""
    top = str(Path(__file__).resolve().parents[2])
    paths = [top, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    deadline = time.monotonic() + _START_LIMIT_S
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise TimeoutError
            part = os.read(process.stdout.fileno(), 4096)
            if not part:
                break
            line += part
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _not_ready(name: str, process: subprocess.Popen[bytes], said: IO[bytes]) -> EngineFailure:
    said.seek(0)
    tail = said.read().decode(errors="replace").strip()[-2000:]
    return EngineFailure(
        f"demo target {name} did not get ready within {_START_LIMIT_S:g} s or ended (exit code {process.returncode}).",
        hint=f"It said: {tail}" if tail else "It said nothing; run `maid doctor`.",
    )
