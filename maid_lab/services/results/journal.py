"""Answers from what a run wrote besides its rows: log lines and kept exchanges, page by page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.services.logs.tail import parsed
from maid_lab.services.reports.run_files import failure_samples

if TYPE_CHECKING:
    from maid_lab.services.results.sources import RunSource

__all__ = ["MAX_LINES", "logs_of", "samples_of"]

#: Most lines or samples of a page.
MAX_LINES: Final = 500

#: From grave to chatty.
_LEVELS: Final = ("error", "warning", "info", "debug", "trace")
#: A line longer than this is no log line; a page reads no further.
_LONGEST: Final = 1 << 20


def logs_of(source: RunSource, *, level: str | None = None, text: str = "", limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
    """Return log lines from oldest to newest.

    Parameters
    ----------
    level : str, optional
        Only lines of this level or a graver one.
    text : str
        Only lines that contain it, in upper or lower case.
    cursor : str, optional
        `next_cursor` of the page before. Of a run under way there is always one, also when all was read: more may come.
    """
    if level is not None and level not in _LEVELS:
        raise InvalidInput(f"there is no level {level[:80]!r}.", hint=f"Use one of {', '.join(_LEVELS)}.")
    _check_limit(limit)
    levels = _LEVELS if level is None else _LEVELS[: _LEVELS.index(level) + 1]
    wanted = text.lower()
    path = source.folder.path / "log.jsonl"
    items: list[dict[str, Any]] = []
    place, is_end = _place(cursor), True
    if path.is_file():
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if place > size or (place and (file.seek(place - 1), file.read(1))[1] != b"\n"):
                raise _no_cursor()
            file.seek(place)
            while (line := file.readline(_LONGEST)).endswith(b"\n"):
                if len(items) == limit:
                    is_end = False
                    break
                place += len(line)
                entry = parsed(line)
                if entry and entry.get("level", "info") in levels and wanted in line.decode("utf-8", "replace").lower():
                    items.append(entry)
    following = None if is_end and source.is_final else str(place)
    return {**source.told(), "items": items, "next_cursor": following}


def samples_of(
    source: RunSource, *, name: str | None = None, outcome: str | None = None, limit: int = 50, cursor: str | None = None
) -> dict[str, Any]:
    """Return kept exchanges that failed; they were masked and cut when they were written."""
    _check_limit(limit)
    found = [
        sample for sample in failure_samples(source.folder.path) if name in (None, sample["name"]) and outcome in (None, sample["outcome"])
    ]
    place = _place(cursor)
    following = str(place + limit) if place + limit < len(found) else None
    return {**source.told(), "items": found[place : place + limit], "next_cursor": following, "total": len(found)}


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LINES:
        raise InvalidInput(f"limit is {limit}, a page holds 1 to {MAX_LINES}.", hint="Follow next_cursor for more.")


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 15):
        raise _no_cursor()
    return int(cursor)


def _no_cursor() -> InvalidInput:
    return InvalidInput("the cursor is none of this list.", hint="Begin without a cursor, or use next_cursor as it came.")
