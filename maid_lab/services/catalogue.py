"""The catalogue: opened for a moment by commands; kept open between accesses by a server, which lets others have their turn."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from maid_lab.store.store import Store

__all__ = ["changed_at", "held", "keep", "lent", "let_go", "opened"]

#: DuckDB gives a second opening in one process the same database, whose transactions then conflict and which the first closing leaves open; other
#: processes are kept out by its file lock.
_LOCKS: Final[defaultdict[Path, threading.RLock]] = defaultdict(threading.RLock)
#: Stores that are held open; a store serves all threads at once.
_HELD: Final[dict[Path, Store]] = {}
_IDLE_S: Final = 1.0
_LONGEST_S: Final = 3.0
#: Others try again every 50 ms.
_TURN_S: Final = 0.15


class _Keeper:
    """Keeps one store open while it is used, and closes it when it was idle for a moment or was open for long enough."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._users = 0
        self._opened_at = 0.0
        self._closed_at = 0.0
        self._timer: threading.Timer | None = None

    @contextmanager
    def lend(self) -> Iterator[Store]:
        from maid_lab.store.store import Store

        with self._lock:
            self._stop_timer()
            if self._store is None:
                time.sleep(max(0.0, self._closed_at + _TURN_S - time.monotonic()))
                self._store = Store.open(self._home)
                self._opened_at = time.monotonic()
            self._users += 1
            store = self._store
        try:
            yield store
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0 and time.monotonic() - self._opened_at > _LONGEST_S:
                    self._close()
                elif self._users == 0:
                    self._timer = threading.Timer(_IDLE_S, self.close_if_idle)
                    self._timer.daemon = True
                    self._timer.start()

    def close_if_idle(self) -> None:
        with self._lock:
            if self._users == 0:
                self._stop_timer()
                self._close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()
            self._closed_at = time.monotonic()


_KEEPERS: Final[dict[Path, _Keeper]] = {}


@contextmanager
def opened(home: Path) -> Iterator[Store]:
    """Open the store of a home folder for the length of a `with` block; the one that this process has open is lent.

    Raises
    ------
    Conflict
        If another process holds it for longer than some seconds.
    EngineFailure
        If it cannot be opened.
    """
    from maid_lab.store.store import Store

    place = home.resolve()
    store, keeper = _HELD.get(place), _KEEPERS.get(place)
    if store is not None:
        yield store
    elif keeper is not None:
        with keeper.lend() as store:
            yield store
    else:
        with _LOCKS[place], Store.open(home) as store:
            yield store


def changed_at(home: Path) -> int:
    """Return a number that is another one after each change of the catalogue by any process; nothing is opened, 0 when there is none yet."""
    try:
        return os.stat(home / "maid.commits").st_mtime_ns  # noqa: PTH116 - asked at each request: a third of the time of Path.stat
    except OSError:
        return 0


def keep(home: Path) -> None:
    """From now on leave the store open between accesses that follow each other within a second, until `let_go`.

    Opening takes two tenths of a second of a core, too much for each request to a server. Held for good, nobody at a terminal could look at the
    history beside the server: so the store is closed when nothing has asked for it for a second, and after three seconds in any case.
    """
    _KEEPERS.setdefault(home.resolve(), _Keeper(home))


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
    """Close a store that is held or kept open, so that others can open it; does nothing when it is not."""
    place = home.resolve()
    with _LOCKS[place]:
        keeper, store = _KEEPERS.pop(place, None), _HELD.pop(place, None)
    if keeper is not None:
        keeper.close_if_idle()
    if store is not None:
        store.close()
