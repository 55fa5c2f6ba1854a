"""Rows of data sets dealt to the users of one worker."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maid_lab.engine.user import VirtualUser
    from maid_lab.model.plan import DataSet

__all__ = ["DataFeed"]


class DataFeed:
    """One data set as one worker sees it.

    Sequential and shuffled sets are dealt out: worker w of W owns the rows w, w + W, … of the (shuffled) order, so that no row is used
    twice in a pass. A
    worker that owns none, because the set is smaller than the number of workers, recycles the whole set, or has no rows when `on_end` is
    not `recycle`.

    Parameters
    ----------
    data : DataSet
        Rows and rules.
    worker, workers : int
        Which share.
    seed : int
        The plan's seed.
    """

    def __init__(self, data: DataSet, *, worker: int, workers: int, seed: int) -> None:
        rows = list(data.rows)
        if data.order == "shuffle":
            Random(f"{seed}/{data.name}").shuffle(rows)
        share = rows if data.order == "random" else rows[worker::workers]
        self._rows = share or (rows if data.on_end == "recycle" else [])
        self._draw = Random(f"{seed}/{data.name}/{worker}") if data.order == "random" else None
        self._data = data
        self._next = 0
        self._free = deque(self._rows) if data.unique else None
        self._held: dict[VirtualUser, Any] = {}

    @property
    def ends_run(self) -> bool:
        """Whether running out of rows ends the run."""
        return self._data.on_end == "stop-run"

    def row_for(self, user: VirtualUser) -> Any | None:
        """Return the row for this iteration (or the user's own), None when there is none left."""
        if self._data.per != "user":
            return self._take()
        if user not in self._held:
            row = self._take()
            if row is None:
                return None
            self._held[user] = row
        return self._held[user]

    def release(self, user: VirtualUser) -> None:
        """Give back the row of a user that has ended."""
        row = self._held.pop(user, None)
        if row is not None and self._free is not None and self._data.on_end == "recycle":
            self._free.append(row)

    def _take(self) -> Any | None:
        if self._draw is not None:
            return self._draw.choice(self._rows) if self._rows else None
        if self._free is not None:
            return self._free.popleft() if self._free else None
        if self._next >= len(self._rows):
            if self._data.on_end != "recycle" or not self._rows:
                return None
            self._next = 0
        row = self._rows[self._next]
        self._next += 1
        return row
