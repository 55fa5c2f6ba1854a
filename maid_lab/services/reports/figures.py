"""Numbers as reports print them: with thousands separators, sensible digits and always a unit or a heading that carries it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["FILTERS", "amount", "bytes_text", "clock", "count", "duration", "milliseconds", "moment", "percent", "rate", "with_unit"]

#: Shown where a figure does not exist.
NONE: Final = "–"

_BYTE_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def count(value: float | None) -> str:
    """Return a whole number with thousands separators."""
    return NONE if value is None else f"{value:,.0f}"


def amount(value: float | None) -> str:
    """Return a number with about three significant digits, never in exponent form."""
    if value is None:
        return NONE
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 3
    return f"{value:,.{digits}f}"


def milliseconds(value: float | None) -> str:
    """Return a time in milliseconds without its unit, for columns whose heading has it."""
    return amount(value)


def rate(value: float | None) -> str:
    """Return a rate per second without its unit."""
    return amount(value)


def percent(share: float | None) -> str:
    """Return a share in percent; what is not zero never reads as zero, what is not all never as 100 %."""
    if share is None:
        return NONE
    value = share * 100
    if 0 < value < 0.01:
        return "< 0.01 %"
    if 99.99 < value < 100:
        return "> 99.99 %"
    return f"{value:.{0 if value in (0, 100) else 2 if value < 10 or value > 99 else 1}f} %"


def bytes_text(value: float | None) -> str:
    """Return an amount of data in decimal units."""
    if value is None:
        return NONE
    number, unit = float(value), 0
    while number >= 1000 and unit < len(_BYTE_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:,.0f} B" if unit == 0 else f"{amount(number)} {_BYTE_UNITS[unit]}"


def duration(seconds: float | None) -> str:
    """Return a duration such as `2 min 5 s`."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{amount(seconds) if seconds % 1 else f'{seconds:.0f}'} s"
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def clock(seconds: float | None) -> str:
    """Return a moment of the run, time since its start."""
    if seconds is None:
        return NONE
    if seconds < 120:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d} h" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d} min"


def moment(text: object) -> str:
    """Return an ISO time such as `2026-11-23T12:04:10.5+00:00` as `2026-11-23 12:04:10 UTC`; other text as it is."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at.tzinfo else str(text)


def with_unit(value: float | None, unit: str) -> str:
    """Return a threshold's figure with the unit of its statistic (`s`, `B`, `/s`, `share` or none)."""
    if value is None:
        return NONE
    if unit == "s":
        return f"{amount(value)} s" if value >= 10 else f"{amount(value * 1000)} ms"
    return (
        {"B": bytes_text, "share": percent}[unit](value)
        if unit in ("B", "share")
        else f"{amount(value) if value % 1 else count(value)}{' /s' if unit else ''}"
    )


FILTERS: Final[dict[str, Any]] = {
    "amount": amount,
    "bytes": bytes_text,
    "clock": clock,
    "count": count,
    "duration": duration,
    "moment": moment,
    "ms": milliseconds,
    "percent": percent,
    "rate": rate,
    "with_unit": with_unit,
}
