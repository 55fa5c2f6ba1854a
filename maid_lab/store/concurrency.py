"""Counts over time that no single record holds: live users, and requests in flight."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np

from maid_lab.model.ahead import ahead

__all__ = ["Flights", "UsersTimeline"]

#: Stamps for each time that is looked up, beyond which looking up is quicker than merging.
_MANY: Final = 8

Ints = np.ndarray[Any, Any]


class UsersTimeline:
    """Live users of all workers over time, from the engine's own records."""

    def __init__(self) -> None:
        self._counts: dict[int, list[tuple[Ints, Ints]]] = {}
        self._steps: tuple[Ints, Ints] | None = None

    def add(self, worker: int, times: Ints, counts: Ints) -> None:
        """Add counts of a worker; those of a later epoch take the place of the earlier ones from their first time on."""
        self._counts.setdefault(worker, []).append((times, counts))
        self._steps = None

    def at(self, times: Ints) -> Ints:
        """Return the number of live users at each time, the sum over workers of their newest count; shape (n,)."""
        if self._steps is None:
            self._steps = self._summed()
        stamps, levels = self._steps
        found: Ints = levels[np.searchsorted(stamps, times, side="right")]
        return found

    def _summed(self) -> tuple[Ints, Ints]:
        stamps, changes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for parts in self._counts.values():
            times = np.concatenate([part[0] for part in parts])
            counts = np.concatenate([part[1] for part in parts]).astype(np.int64)
            order = np.argsort(times, kind="stable")
            stamps.append(times[order])
            changes.append(np.diff(counts[order], prepend=0))
        all_stamps = np.concatenate(stamps)
        order = np.argsort(all_stamps, kind="stable")
        levels = np.concatenate([[0], np.cumsum(np.concatenate(changes)[order])])
        return all_stamps[order], levels.astype(np.uint32)


class Flights:
    """When a worker's requests began and ended: 16 bytes for each.

    Parameters
    ----------
    starts, ends : array, shape (n,)
        ns since the run's start, in any order. Requests without a length are never in flight and are left out.
    in_place : bool
        Whether the arrays are given away and may be put into order, which spares a copy of them.
    """

    def __init__(self, starts: Ints, ends: Ints, *, in_place: bool = False) -> None:
        lasting = ends > starts
        if not lasting.all():
            starts, ends = starts[lasting], ends[lasting]
        elif not in_place:
            starts, ends = starts.copy(), ends.copy()
        self._starts, self._ends = ahead(_sorted, (starts, ends))

    def at(self, times: Ints) -> Ints:
        """Count the requests that began before each time and had not ended at it; a request does not count itself. Shape (n,)."""
        if not len(times):
            return np.zeros(0, np.uint32)
        order = np.argsort(times, kind="stable")
        ordered = times[order]
        counts = np.empty(len(times), np.uint32)
        counts[order] = _rank(self._starts, ordered, "left") - _rank(self._ends, ordered, "right")
        return counts


def _sorted(stamps: Ints) -> Ints:
    # Stable sorting is quick on what is nearly in order, as rows of a spool are: a fifth of the time.
    stamps.sort(kind="stable")
    return stamps


def _rank(values: Ints, ordered: Ints, side: Literal["left", "right"]) -> Ints:
    """Return how many of the ordered values are below each of the ordered times (`left`), or not above it (`right`)."""
    first, last = (int(np.searchsorted(values, ordered[place], side=side)) for place in (0, -1))
    between = values[first:last]
    if len(between) > _MANY * len(ordered):
        found: Ints = np.searchsorted(between, ordered, side=side) + first
        return found
    # Two runs in order are merged by stable sorting in half the time that a look-up of each takes; what comes first wins a tie.
    if side == "left":
        places = np.flatnonzero(np.argsort(np.concatenate([ordered, between]), kind="stable") < len(ordered))
    else:
        places = np.flatnonzero(np.argsort(np.concatenate([between, ordered]), kind="stable") >= len(between))
    return places - np.arange(len(ordered)) + first
