"""Durations, rates, sizes and percents as people write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

__all__ = [
    "format_duration", "format_number", "format_percent", "format_rate", "format_size", "parse_duration", "parse_percent", "parse_rate",
    "parse_size",
]  # fmt: skip

#: Decimals, so that 570ms is 0.57 and what is formatted is read again as the same number.
_SECONDS: Final = {"d": Decimal(86400), "h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_DURATION: Final = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?", re.ASCII
)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)", re.ASCII)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.ASCII)
_BYTES: Final = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)


def parse_duration(value: str | float) -> float:
    """Return a duration in seconds.

    Parameters
    ----------
    value : str or float
        Such as `500ms`, `1.5s`, `2m`, `1h30m5s`, `1d`, or a number of seconds.

    Raises
    ------
    ValueError
        If it is none of these or negative.
    """
    number = _plain_number(value)
    if number is not None:
        return number
    match = _DURATION.fullmatch(str(value).strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{value!r} is not a duration: write 500ms, 1.5s, 2m, 1h30m5s, 1d or a number of seconds")
    return float(sum(Decimal(part) * unit for part, unit in zip(match.groups(), _SECONDS.values(), strict=True) if part))


def parse_rate(value: str | float) -> float:
    """Return a rate per second from `200/s`, `30/m`, `5/h` or a number per second.

    Raises
    ------
    ValueError
        If it is none of these or negative.
    """
    number = _plain_number(value)
    if number is not None:
        return number
    match = _RATE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a rate: write 200/s, 30/m, 5/h or a number per second")
    return float(match.group(1)) / float(_SECONDS[match.group(2)])


def parse_size(value: str | float) -> int:
    """Return a size in bytes from `512`, `10KB` (1,000) or `2MiB` (1,024²).

    Raises
    ------
    ValueError
        If it is none of these or negative.
    """
    match = _SIZE.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError(f"{value!r} is not a size: write 512, 10KB, 2MiB")
    return int(Decimal(match.group(1)) * _BYTES[match.group(2) or "B"])


def parse_percent(value: str | float) -> float:
    """Return a fraction from `1%` or a number from 0 to 1.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    match = _PERCENT.fullmatch(str(value).strip())
    number = float(Decimal(match.group(1)) / 100) if match else _plain_number(value)
    if number is None or number > 1:
        raise ValueError(f"{value!r} is not a percentage: write 1% or a fraction from 0 to 1")
    return number


def format_duration(seconds: float) -> str:
    """Return a duration as `parse_duration` reads it, for example `1m30s`."""
    rest = Decimal(repr(seconds))
    if rest < 1:
        return f"{_plain(rest * 1000)}ms" if rest else "0s"
    text = ""
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _SECONDS[unit])
        text += f"{int(count)}{unit}" if count else ""
    return f"{text}{_plain(rest)}s" if rest or not text else text


def format_rate(per_second: float) -> str:
    """Return a rate as `parse_rate` reads it."""
    return f"{format_number(per_second)}/s"


def format_number(value: float) -> str:
    """Return a number in plain decimals, without an exponent and without losing a digit."""
    return _plain(Decimal(repr(value)))


def format_percent(fraction: float) -> str:
    """Return a fraction in percent as `parse_percent` reads it."""
    return f"{_plain(Decimal(repr(fraction)) * 100)}%"


def format_size(count: float) -> str:
    """Return a size for people, in powers of 1,000."""
    for unit in ("TB", "GB", "MB", "KB"):
        if count >= _BYTES[unit]:
            return f"{count / _BYTES[unit]:.3g} {unit}"
    return f"{int(count)} B"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain_number(value: str | float) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if value >= 0 and value == value and value != float("inf") else None
    return float(value) if _NUMBER.fullmatch(value.strip()) else None
