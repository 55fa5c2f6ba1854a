"""What is started before anything else is imported: the workers of a run.

A worker process needs about as long to import the engine as the command line needs to parse flags and plan the test, so both happen side by
side. Nothing heavy may be imported here; `tests/cli/test_early.py` checks that the number of workers agrees with `load_settings`.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.engine.supervision.pool import LocalPool

__all__ = ["take", "wanted_workers", "warm", "warmed"]

_RUNNING = frozenset({"run", "demo"})
#: Flags that print something and end, or only serve.
_IDLE = frozenset({"-h", "--help", "-l", "--list", "--scenarios-list", "--serve"})

_pool: LocalPool | None = None


def warm(argv: Sequence[str]) -> None:
    """Start the worker processes when the command line asks for a run."""
    global _pool
    workers = wanted_workers(argv)
    if workers:
        from maid_lab.engine.supervision.pool import LocalPool

        _pool = LocalPool.warm(workers)


def take() -> LocalPool | None:
    """Hand over the warmed pool; who takes it closes it."""
    global _pool
    pool, _pool = _pool, None
    return pool


def warmed() -> bool:
    """Whether a pool waits that nobody took."""
    return _pool is not None


def wanted_workers(argv: Sequence[str]) -> int:
    """Return how many workers the command line will want; 0 when it makes no load or its number is no number."""
    if not argv or argv[0] not in _RUNNING or (len(argv) == 1 and argv[0] == "run") or _IDLE & set(argv):
        return 0
    given = _flag(argv) or os.environ.get("MAID_WORKERS", "") or _configured()
    from maid_lab.engine.supervision.pool import default_workers

    try:
        return int(given or 0) or default_workers()
    except ValueError:
        return 0


def _flag(argv: Sequence[str]) -> str:
    for index, word in enumerate(argv):
        if word.startswith("--workers="):
            return word.partition("=")[2]
        if word == "--workers" and index + 1 < len(argv):
            return argv[index + 1]
    return ""


def _configured() -> str:
    from maid_lab.services.home import home_folder

    found = ""
    for name in ("config.json", "config.runtime.json"):
        with suppress(OSError, ValueError, AttributeError):
            found = str(json.loads((home_folder() / name).read_text(encoding="utf-8")).get("workers", found))
    return found
