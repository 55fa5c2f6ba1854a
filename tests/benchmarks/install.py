"""Installing what the measurements compare with: system packages as root, the others into `build/`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clients import PEERS
from tests.benchmarks.target import nginx_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["install_peers"]

_BUILD: Final = Path("build")


def install_peers(say: Callable[[str], None]) -> None:
    """Install what is missing and can be; what cannot is named and left out of the tables."""
    missing = [client.package for client in PEERS if client.package and not client.is_installed]
    if nginx_program() is None:
        missing.append("nginx-light")
    if missing:
        _install_system(missing, say)
    locust, autocannon = (client for client in PEERS if not client.package)
    if not locust.is_installed:
        venv = _BUILD / "locust-venv"
        _attempt(
            "Locust", say, [sys.executable, "-m", "venv", str(venv)], [str(venv / "bin/python"), "-m", "pip", "install", "-qq", "locust"]
        )
    if not autocannon.is_installed and shutil.which("npm"):
        folder = _BUILD / "autocannon"
        folder.mkdir(parents=True, exist_ok=True)
        _attempt("autocannon", say, ["npm", "install", "--silent", "--no-save", "--prefix", str(folder), "autocannon"])


def _install_system(packages: list[str], say: Callable[[str], None]) -> None:
    if os.geteuid() or not shutil.which("apt-get"):
        say(f"Left out, because installing them needs root and apt-get: {', '.join(packages)}.")
        return
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    with _no_services():
        _attempt(", ".join(packages), say, ["apt-get", "update", "-qq"], install)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Keep Debian from starting a server that it installs; the measurements start their own."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def _attempt(what: str, say: Callable[[str], None], *commands: Sequence[str]) -> None:
    say(f"Installing {what} …")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        done = subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"Left out {what}: {' '.join(command[:4])} … failed: {done.stderr.strip()[-300:]}")
            return
