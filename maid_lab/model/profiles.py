"""Load profiles as linear segments."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from maid_lab.model.plan import Segment
from maid_lab.model.units import parse_duration

__all__ = ["constant", "density", "plan_stages", "plan_text", "ramping", "spike", "steps", "wave", "wave_points"]

_CHORDS: Final = 60
_PIECES: Final = 100
#: More pieces than any load needs; what asks for more is a mistake in a unit.
_MOST_SEGMENTS: Final = 100_000
_STAGE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*,\s*([0-9a-z.]+)\s*")


def constant(level: float, duration_s: float, *, ramp_s: float = 0.0, ramp_down_s: float = 0.0) -> tuple[Segment, ...]:
    """0 → level over the ramp, level for the duration, → 0 over the ramp down."""
    return _joined([(ramp_s, 0.0, level), (duration_s, level, level), (ramp_down_s, level, 0.0)])


def ramping(stages: Sequence[tuple[float, float]], *, start: float = 0.0) -> tuple[Segment, ...]:
    """Each stage (duration in seconds, target) linear from the level before; a duration of 0 is a jump."""
    pieces, level = [], start
    for duration, target in stages:
        pieces.append((duration, level, target))
        level = target
    return _joined(pieces)


def steps(first: float, last: float, step: float, step_s: float, *, ramp_s: float = 0.0) -> tuple[Segment, ...]:
    """Levels first, first + step … up (or down) to exactly `last`, each held for `step_s`, with a ramp before each but the first.

    Raises
    ------
    ValueError
        If the step is zero while the levels differ, or there are too many steps.
    """
    if step == 0 and first != last:
        raise ValueError("step is 0, so the last level is never reached")
    size = math.copysign(abs(step), last - first)
    if step and abs(last - first) / abs(step) > _MOST_SEGMENTS:
        raise ValueError(f"there are more than {_MOST_SEGMENTS} steps; make step larger")
    count = math.ceil(abs(last - first) / abs(step) - 1e-9) if step else 0
    levels = [first + size * number for number in range(count)] + [last]
    pieces: list[tuple[float, float, float]] = []
    for number, level in enumerate(levels):
        if number:
            pieces.append((ramp_s, levels[number - 1], level))
        pieces.append((step_s, level, level))
    return _joined(pieces)


def spike(
    base: float, peak: float, at_s: float, hold_s: float, duration_s: float, *, rise_s: float = 5.0, fall_s: float = 5.0
) -> tuple[Segment, ...]:
    """Return the base until `at_s`, up to the peak, hold, down, and the base until `duration_s`.

    Raises
    ------
    ValueError
        If the spike does not fit into the duration.
    """
    rest = duration_s - at_s - rise_s - hold_s - fall_s
    if rest < 0:
        raise ValueError(f"the spike ends {-rest:g} s after the duration")
    return _joined([(at_s, base, base), (rise_s, base, peak), (hold_s, peak, peak), (fall_s, peak, base), (rest, base, base)])


def wave(low: float, high: float, period_s: float, duration_s: float) -> tuple[Segment, ...]:
    """Min + (max − min)(1 − cos 2πt/period)/2, in 60 chords a period."""
    points = [(share / _CHORDS, low + (high - low) * (1 - math.cos(2 * math.pi * share / _CHORDS)) / 2) for share in range(_CHORDS + 1)]
    return wave_points(points, period_s, duration_s)


def wave_points(points: Sequence[tuple[float, float]], period_s: float, duration_s: float) -> tuple[Segment, ...]:
    """Piecewise linear over the period (`at` as fraction of it, ascending), repeated until the duration.

    Raises
    ------
    ValueError
        If there are no points, they are not in ascending order within the period, or the period is not positive.
    """
    if not points or period_s <= 0:
        raise ValueError("a wave needs points and a period above 0")
    if any(at > until for (at, _), (until, _) in pairwise([(0.0, 0.0), *points, (1.0, 0.0)])):
        raise ValueError("the points of a wave ascend from 0% to 100% of its period")
    if duration_s / period_s * len(points) > _MOST_SEGMENTS:
        raise ValueError(f"the wave has more than {_MOST_SEGMENTS} pieces; make its period longer")
    whole = list(points)
    if whole[0][0] > 0:
        whole.insert(0, (0.0, whole[0][1]))
    if whole[-1][0] < 1:
        whole.append((1.0, whole[-1][1]))
    pieces: list[tuple[float, float, float]] = []
    left = duration_s
    while left > 1e-9:
        for (at, level), (until, target) in pairwise(whole):
            length = (until - at) * period_s
            if length > left and length > 0:
                target = level + (target - level) * left / length
                length = left
            pieces.append((length, level, target))
            left -= length
            if left <= 1e-9:
                break
    return _joined(pieces)


def density(due_s: Sequence[float]) -> tuple[Segment, ...]:
    """Return the rate of recorded starts in equal pieces: of one second, longer where that makes more than a hundred.

    Parameters
    ----------
    due_s : sequence of float
        Seconds from the start of the load, ascending, at least one.
    """
    width = max(1.0, due_s[-1] / _PIECES)
    counts = Counter(int(due / width) for due in due_s)
    return _joined([(width, counts[piece] / width, counts[piece] / width) for piece in range(int(due_s[-1] / width) + 1)])


def plan_text(segments: Sequence[Segment]) -> str:
    """Return segments of users as a test plan in Goose's words; `plan_stages` reads it back.

    Examples
    --------
    >>> plan_text(constant(10, 300, ramp_s=30))
    '10,30s;10,300s'
    """
    stages, level = [], 0.0
    for segment in segments:
        if segment.level_from != level:
            stages.append(f"{_decimal(segment.level_from)},0s")
        stages.append(f"{_decimal(segment.level_to)},{_decimal(segment.end_s - segment.start_s)}s")
        level = segment.level_to
    return ";".join(stages)


def _decimal(value: float) -> str:
    """Return a number as a test plan can be written: without exponent, to a millionth."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def plan_stages(text: str) -> tuple[tuple[float, float], ...]:
    """Parse Goose's test plan `users,time;users,time` into stages (duration in seconds, users).

    Raises
    ------
    ValueError
        Naming the part that does not fit.
    """
    stages = []
    for part in text.split(";"):
        if not part.strip():
            continue
        match = _STAGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part.strip()!r} is not a step of a test plan: write users,time, for example 10,30s;10,5m;0,10s")
        stages.append((parse_duration(match.group(2)), float(match.group(1))))
    if not stages:
        raise ValueError("the test plan is empty: write users,time;users,time")
    return tuple(stages)


def _joined(pieces: Sequence[tuple[float, float, float]]) -> tuple[Segment, ...]:
    segments, at = [], 0.0
    for length, level, target in pieces:
        # Also what is too short to move the clock is a jump.
        if at + length > at:
            segments.append(Segment(start_s=at, end_s=at + length, level_from=level, level_to=target))
            at += length
    return tuple(segments)
