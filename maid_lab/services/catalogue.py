"""The catalogue: opened for a moment by commands, held by a server for as long as it lives."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from maid_lab.store.store import Store

__all__ = ["held", "lent", "let_go", "opened"]

#: DuckDB gives a second opening in one process the same database, whose transactions then conflict and which the first closing leaves open; other
#: processes are kept out by its file lock.
_LOCKS: Final[defaultdict[Path, threading.RLock]] = defaultdict(threading.RLock)
#: Stores that are held open; a store serves all threads at once.
_HELD: Final[dict[Path, Store]] = {}


@contextmanager
def opened(home: Path) -> Iterator[Store]:
    """Open the store of a home folder for the length of a `with` block; the one that this process holds is lent.

    Raises
    ------
    Conflict
        If another process holds it for longer than some seconds.
    EngineFailure
        If it cannot be opened.
    """
    from maid_lab.store.store import Store

    place = home.resolve()
    store = _HELD.get(place)
    if store is not None:
        yield store
        return
    with _LOCKS[place], Store.open(home) as store:
        yield store


def held(home: Path) -> Store:
    """Open the store and hold it until `let_go`; from now on no other process can open it, and opening costs this one nothing.

    Raises
    ------
    Conflict
        If another process holds it for longer than some seconds.
    EngineFailure
        If it cannot be opened.
    """
    from maid_lab.store.store import Store

    place = home.resolve()
    with _LOCKS[place]:
        if place not in _HELD:
            _HELD[place] = Store.open(home)
        return _HELD[place]


def lent(home: Path) -> Store | None:
    """Return the store that this process holds, None when it holds none; nothing is opened."""
    return _HELD.get(home.resolve()) if _HELD else None


def let_go(home: Path) -> None:
    """Close a store that is held, so that others can open it; does nothing when it is not."""
    place = home.resolve()
    with _LOCKS[place]:
        store = _HELD.pop(place, None)
        if store is not None:
            store.close()
