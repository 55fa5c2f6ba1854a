"""Dates of cookies, read as user agents read them (RFC 6265, section 5.1.1): in any order, with any words between."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["cookie_date"]

_DELIMITERS: Final = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME: Final = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?!\d)", re.ASCII)
_DAY: Final = re.compile(r"(\d{1,2})(?!\d)", re.ASCII)
_YEAR: Final = re.compile(r"(\d{2,4})(?!\d)", re.ASCII)
_MONTHS: Final = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}


def cookie_date(text: str) -> float | None:
    """Return a date as seconds since 1970, in UTC whatever zone it names; None for what is no date."""
    clock: tuple[int, int, int] | None = None
    day = month = year = 0
    has_year = False
    for token in _DELIMITERS.split(text):
        if clock is None and (match := _TIME.match(token)):
            clock = int(match.group(1)), int(match.group(2)), int(match.group(3))
        elif not day and (match := _DAY.match(token)):
            day = int(match.group(1))
        elif not month and token[:3].lower() in _MONTHS:
            month = _MONTHS[token[:3].lower()]
        elif not has_year and (match := _YEAR.match(token)):
            year, has_year = int(match.group(1)), True
    if 70 <= year <= 99:
        year += 1900
    elif year <= 69:
        year += 2000
    if clock is None or not (day and month and has_year) or year < 1601:
        return None
    try:
        return datetime(year, month, day, *clock, tzinfo=UTC).timestamp()
    except ValueError:
        return None
