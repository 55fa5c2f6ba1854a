"""Changes of a load while it runs: pure functions from the segments as they are, and a moment, to the segments from then on.

What lies before the moment stays exactly as it was, so that numbers of users and starts, which follow from the whole curve, stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from maid_lab.model.plan import Segment
from maid_lab.model.schedules import level_at

if TYPE_CHECKING:
    from maid_lab.model.rows import Phase

__all__ = ["ended_after", "ended_at", "moved_to", "resloped", "slope_of", "staged"]

#: Shorter pieces than a nanosecond cannot be told from none.
_LEAST_S = 1e-9


def moved_to(segments: Sequence[Segment], at_s: float, level: float, *, per_s: float | None = None) -> tuple[Segment, ...]:
    """Replace what remains by a constant level.

    Parameters
    ----------
    segments : sequence of Segment
        The load as it is.
    at_s : float
        Moment of the change, seconds from the start of the load.
    level : float
        The new level.
    per_s : float, optional
        Change of level per second on the way there; at once when None.

    Returns
    -------
    tuple of Segment
        Ends when `segments` ends; a way that takes longer than the time that is left is cut there.
    """
    end_s = segments[-1].end_s
    now = level_at(segments, at_s)
    way_s = abs(level - now) / per_s if per_s else 0.0
    if way_s > end_s - at_s:
        level = now + (level - now) * (end_s - at_s) / way_s
        way_s = end_s - at_s
    return _joined(_before(segments, at_s), [(at_s + way_s, now, level), (end_s, level, level)], at_s)


def resloped(segments: Sequence[Segment], at_s: float, per_s: float, phase: Phase) -> tuple[Segment, ...]:
    """Change the slope of the segment that is running, when it is one of `phase`; what follows it comes earlier or later accordingly."""
    running = next((segment for segment in segments if segment.start_s <= at_s < segment.end_s), None)
    if running is None or running.phase is not phase:
        return tuple(segments)
    now = level_at(segments, at_s)
    until = at_s + abs(running.level_to - now) / per_s
    rest = [segment for segment in segments if segment.start_s >= running.end_s]
    pieces = [(until, now, running.level_to)]
    pieces += [(segment.end_s + until - running.end_s, segment.level_from, segment.level_to) for segment in rest]
    return _joined(_before(segments, at_s), pieces, at_s)


def ended_after(segments: Sequence[Segment], at_s: float, run_time_s: float) -> tuple[Segment, ...]:
    """Let the time at level take `run_time_s`, counted from the end of the first increase; a decrease at the end stays at the end.

    A time that has passed already ends the time at level now.
    """
    tail = list(takewhile(lambda segment: segment.level_to < segment.level_from, reversed(segments)))[::-1]
    body = list(segments[: len(segments) - len(tail)]) or list(segments)
    first_level = next((segment.start_s for segment in body if segment.level_to <= segment.level_from), body[-1].end_s)
    end_s = max(first_level + run_time_s, at_s)
    kept = _before(body, end_s)
    last = level_at(body, end_s) if end_s < body[-1].end_s else body[-1].level_to
    pieces = [(end_s, last, last)] if end_s > (kept[-1].end_s if kept else 0.0) else []
    at = end_s
    share = last / tail[0].level_from if tail and tail[0].level_from else 1.0
    for segment in tail:
        at += segment.end_s - segment.start_s
        pieces.append((at, segment.level_from * share, segment.level_to * share))
    return _joined(kept, pieces, kept[-1].end_s if kept else 0.0)


def staged(segments: Sequence[Segment], at_s: float, stages: Iterable[tuple[float, float]]) -> tuple[Segment, ...]:
    """Replace what remains by stages (duration in seconds, level), each linear from the level before."""
    pieces, at, level = [], at_s, level_at(segments, at_s)
    for duration_s, target in stages:
        at += duration_s
        pieces.append((at, level, target))
        level = target
    return _joined(_before(segments, at_s), pieces, at_s)


def ended_at(segments: Sequence[Segment], at_s: float) -> tuple[Segment, ...]:
    """End the load at a moment."""
    return tuple(_before(segments, at_s))


def slope_of(segments: Sequence[Segment], phase: Phase) -> float | None:
    """Return the slope per second, without sign, of the first segment of a phase; None when there is none."""
    for segment in segments:
        if segment.phase is phase and segment.end_s > segment.start_s:
            return abs(segment.level_to - segment.level_from) / (segment.end_s - segment.start_s)
    return None


def _before(segments: Sequence[Segment], at_s: float) -> list[Segment]:
    """Return what lies before a moment, the running segment cut there."""
    kept = [segment for segment in segments if segment.end_s <= at_s]
    for segment in segments:
        if segment.start_s < at_s < segment.end_s:
            kept.append(replace(segment, end_s=at_s, level_to=_inside(segment, at_s)))
    return kept


def _inside(segment: Segment, at_s: float) -> float:
    share = (at_s - segment.start_s) / (segment.end_s - segment.start_s)
    return segment.level_from + share * (segment.level_to - segment.level_from)


def _joined(before: list[Segment], pieces: Iterable[tuple[float, float, float]], from_s: float) -> tuple[Segment, ...]:
    """Append pieces (end, level from, level to) that follow each other from `from_s` on."""
    segments, at = list(before), from_s
    for end_s, level_from, level_to in pieces:
        if not (math.isfinite(end_s) and math.isfinite(level_to)):
            raise ValueError("a level or time is not a finite number")
        if end_s - at > _LEAST_S:
            segments.append(Segment(start_s=at, end_s=end_s, level_from=level_from, level_to=level_to))
            at = end_s
    return tuple(segments)
