"""Rows of data sets dealt to the users of one worker."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import DataSet

__all__ = ["DataFeed"]


class DataFeed:
    """One data set as one worker sees it.

    Sequential and shuffled sets, and those of which no two live users may share a row, are dealt out in turn to the workers whose users draw
    from them, so that no row is used twice in a pass and none is left over. A worker to which no row falls, because the set is smaller than
    the number of workers, recycles the whole set; where rows are unique or must not be recycled it has none.

    Parameters
    ----------
    data : DataSet
        Rows and rules.
    worker : int
        Which worker this is.
    drawing : sequence of int
        The workers whose users draw from the set.
    seed : int
        The plan's seed.
    """

    def __init__(self, data: DataSet, *, worker: int, drawing: Sequence[int], seed: int) -> None:
        rows = list(data.rows)
        if data.order == "shuffle":
            Random(f"{seed}/{data.name}").shuffle(rows)
        is_dealt = data.order != "random" or data.unique
        # A worker that was not expected to draw is one more at the table: it deals itself a share that may be somebody else's.
        place = drawing.index(worker) if worker in drawing else worker
        share = rows[place :: max(len(drawing), 1)] if is_dealt else rows
        self._rows = share or (rows if data.on_end == "recycle" and not data.unique else [])
        self._draw = Random(f"{seed}/{data.name}/{worker}") if data.order == "random" else None
        self._data = data
        self._next = 0
        self._free = list(self._rows) if data.unique and self._draw is not None else deque(self._rows) if data.unique else None
        self._held: dict[VirtualUser, Any] = {}
        #: Whether the set ends the run and this worker has used up its share.
        self.is_dry = data.on_end == "stop-run" and bool(drawing) and (worker not in drawing or not self._rows)

    def row_for(self, user: VirtualUser) -> Any | None:
        """Return the row for this iteration (or the user's own), None when there is none left."""
        if self._data.per == "user":
            return self.row_ahead(user)
        return self._held.pop(user) if user in self._held else self._take()

    def row_ahead(self, user: VirtualUser) -> Any | None:
        """Return the row that the user's next iteration will have, before that begins."""
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
        row = self._drawn()
        if row is None and self._data.on_end == "stop-run":
            self.is_dry = True
        return row

    def _drawn(self) -> Any | None:
        if self._free is not None:
            return self._free_row(self._free)
        if self._draw is not None:
            return self._draw.choice(self._rows) if self._rows else None
        if self._next >= len(self._rows):
            if self._data.on_end != "recycle" or not self._rows:
                return None
            self._next = 0
        row = self._rows[self._next]
        self._next += 1
        return row

    def _free_row(self, free: list[Any] | deque[Any]) -> Any | None:
        if not free:
            return None
        if isinstance(free, deque):
            return free.popleft()
        place = self._draw.randrange(len(free)) if self._draw is not None else 0
        free[place], free[-1] = free[-1], free[place]
        return free.pop()
