"""The catalogue opened for a moment, by one thread of this process at a time."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from maid_lab.store.store import Store

__all__ = ["opened"]

#: DuckDB gives a second opening in one process the same database, whose transactions then conflict and which the first closing leaves open; other
#: processes are kept out by its file lock.
_LOCKS: Final[defaultdict[Path, threading.Lock]] = defaultdict(threading.Lock)


@contextmanager
def opened(home: Path) -> Iterator[Store]:
    """Open the store of a home folder for the length of a `with` block.

    Raises
    ------
    Conflict
        If another process holds it for longer than some seconds.
    EngineFailure
        If it cannot be opened.
    """
    from maid_lab.store.store import Store

    with _LOCKS[home.resolve()], Store.open(home) as store:
        yield store
