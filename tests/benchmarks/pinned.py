"""One core for the target, one for the client, so that neither takes time from the other."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CLIENT", "TARGET", "Failed", "run_pinned", "start_pinned"]

_CORES: Final = sorted(os.sched_getaffinity(0))
TARGET: Final = _CORES[0]
CLIENT: Final = _CORES[-1]


class Failed(Exception):
    """A program under measurement did not end well; the text holds the end of what it said."""


def start_pinned(command: Sequence[str], *, core: int | None, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command, and all that it starts, on one core (None: on any); its output is piped."""
    cores = set(_CORES) if core is None else {core}
    return subprocess.Popen(
        command,
        env=os.environ | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )


def run_pinned(command: Sequence[str], *, core: int | None = CLIENT, env: Mapping[str, str] | None = None, limit_s: float = 120.0) -> str:
    """Run a command on one core and return its standard output.

    Raises
    ------
    Failed
        If it ends with another code than 0 or not within the limit.
    """
    process = start_pinned(command, core=core, env=env)
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failed(f"{command[0]} did not end within {limit_s:g} s") from None
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}: {(err or out).strip()[-800:]}")
    return out
