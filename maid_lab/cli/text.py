"""Words and figures as a terminal shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["clean", "clock", "count", "milliseconds", "percent", "rate", "span", "sparkline"]

_BARS: Final = "▁▂▃▄▅▆▇█"
NONE: Final = "–"


def clean(text: object) -> str:
    """Return text that came from a target or file without anything that a terminal would obey."""
    return "".join(char if char.isprintable() else "�" for char in str(text))


def clock(seconds: float) -> str:
    """Return minutes and seconds, with hours when there are any: `01:05`, `2:00:00`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def span(seconds: float) -> str:
    """Return a duration as recipes write it: `1h30m`, `20s`, `0.5s`."""
    if seconds < 60:
        return f"{seconds:.3g}s"
    hours, rest = divmod(round(seconds), 3600)
    parts = ((hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"


def count(value: float | None) -> str:
    """Return a whole number with thousands separated."""
    return NONE if value is None else f"{round(value):,}"


def rate(per_s: float | None) -> str:
    """Return a rate with three significant digits or as a whole number."""
    if per_s is None:
        return NONE
    return f"{per_s:,.0f}/s" if per_s >= 100 else f"{per_s:.3g}/s"


def milliseconds(value: float | None) -> str:
    """Return a time in the unit that reads best: `870 µs`, `12.3 ms`, `1.25 s`."""
    if value is None:
        return NONE
    if value < 1:
        return f"{value * 1000:.0f} µs"
    return f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"


def percent(share: float) -> str:
    """Return a share as percent; what is not zero is never shown as zero."""
    if 0 < share < 0.0001:
        return "<0.01 %"
    return f"{share * 100:.2f} %"


def sparkline(values: Iterable[float], *, width: int = 30) -> str:
    """Return the last `width` values as bars from zero to their highest."""
    last = list(values)[-width:]
    top = max(last, default=0)
    return "".join(_BARS[min(len(_BARS) - 1, int(value / top * len(_BARS)))] if top > 0 else _BARS[0] for value in last)
