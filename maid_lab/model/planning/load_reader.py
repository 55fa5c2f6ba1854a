"""Values of a load's fields, read with their units and their places."""

from __future__ import annotations

import math
from typing import Any

from maid_lab.model.plan import Segment
from maid_lab.model.planning.context import Context
from maid_lab.model.thresholds import parse_threshold, unwatchable
from maid_lab.model.units import parse_duration, parse_percent, parse_rate

__all__ = ["LoadReader"]


class LoadReader:
    """Values of a load's fields.

    Parameters
    ----------
    load : LoadBase
        The load as the recipe has it.
    context : Context
        For values and findings.
    pointer : str
        Where the load stands.
    level : float, optional
        The level that the caller gave instead of the recipe's.
    """

    def __init__(self, load: Any, context: Context, pointer: str, level: float | None) -> None:
        self._load = load
        self._context = context
        self._pointer = pointer
        self._level = level

    @property
    def pointer(self) -> str:
        """Where the load stands."""
        return self._pointer

    def has(self, key: str) -> bool:
        """Whether the recipe says it."""
        return getattr(self._load, key, None) is not None

    def duration(self, key: str) -> float:
        """Return a time in seconds."""
        return self._context.value(getattr(self._load, key), parse_duration, f"{self._pointer}/{key.rstrip('_')}")

    def level(self, key: str) -> float:
        """Return users, or starts per second."""
        return self._context.value(getattr(self._load, key), _level, f"{self._pointer}/{key.rstrip('_')}")

    def share(self, key: str) -> float:
        """Return a fraction."""
        return self._context.value(getattr(self._load, key), parse_percent, f"{self._pointer}/{key}")

    def objectives(self, *, is_open: bool) -> tuple[str, ...]:
        """Return the objectives of a search as canonical texts; what only rows know cannot be one."""
        texts = []
        for index, text in enumerate(self._load.slo):
            pointer = f"{self._pointer}/slo/{index}"
            threshold = parse_threshold(self._context.evaluated(text))
            reason = unwatchable(threshold, is_open=is_open)
            if reason:
                self._context.refuse(f"the objective {threshold}", pointer, f"{reason[0].upper()}{reason[1:]}; judge it in thresholds.")
            texts.append(str(threshold))
        return tuple(texts)

    def custom_segments(self) -> tuple[Segment, ...]:
        """Return the segments of a shape that the caller gave or an extension offers."""
        return self._context.shape(self._load.shape, self._load.config, self.duration("duration"), f"{self._pointer}/shape")

    def whole(self, key: str) -> int:
        """Return a whole number, 0 or more."""
        return self._context.value(getattr(self._load, key), _whole, f"{self._pointer}/{key}")

    def peak(self, key: str) -> float:
        """Return the level that the caller gave, else the one written: a rate of increase takes its time from it."""
        return self.level(key) if self._level is None else self._level

    def text(self, key: str) -> str:
        """Return a text."""
        return self._context.value(getattr(self._load, key), str, f"{self._pointer}/{key}")

    def points(self) -> list[tuple[float, float]]:
        """Return the points of a wave: share of the period, level."""
        result = []
        for index, point in enumerate(self._load.points):
            place = f"{self._pointer}/points/{index}"
            at = self._context.value(point.at, parse_percent, f"{place}/at")
            result.append((at, self._context.value(point.value, parse_rate, f"{place}/value")))
        return result

    def stages(self) -> list[tuple[float, float]]:
        """Return the stages: seconds, level at their end."""
        result = []
        for index, stage in enumerate(self._load.stages):
            place = f"{self._pointer}/stages/{index}"
            length = self._context.value(stage.duration, parse_duration, f"{place}/duration")
            result.append((length, self._context.value(stage.target, _level, f"{place}/target")))
        return result


def _level(value: Any) -> float:
    """Read a level; one below 0 is left to the check of the whole load, which says so."""
    return float(value) if isinstance(value, int | float) and -math.inf < value < 0 else parse_rate(value)


def _whole(value: Any) -> int:
    number = float(value)
    if number != int(number) or number < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)
