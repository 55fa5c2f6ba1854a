"""Pages of the history: filtered, sorted, and with a place to go on from that stays right while runs come and go."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.model.run_record import RunRecord
from maid_lab.store.runs import record_of

if TYPE_CHECKING:
    from maid_lab.store.catalogue import Catalogue

__all__ = ["MAX_PAGE", "SORTS", "HistoryPage", "HistoryPages", "RunFilter"]

#: Most runs of one page.
MAX_PAGE: Final = 500

_TIMES: Final = ("start_time", "end_time", "created_at", "updated_at")
#: What a history can be sorted by → type of its values in a place to go on from; times are microseconds.
SORTS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("created_at", "start_time", "end_time", "total_requests", "failed_requests"), int),
    **dict.fromkeys(
        (
            "duration_seconds",
            "avg_response_time_ms",
            "p50_response_time_ms",
            "p95_response_time_ms",
            "p99_response_time_ms",
            "throughput_rps",
        ),
        float,
    ),
    **dict.fromkeys(("name", "recipe_id", "status", "verdict"), str),
}
#: Plan and summary are large and stand in the answer for one run, so a page leaves them out.
_COLUMNS: Final = tuple(spec.name for spec in fields(RunRecord) if spec.name not in ("config_json", "metrics_json"))
_SELECT: Final = ", ".join(f"epoch_us({name}) as {name}" if name in _TIMES else name for name in _COLUMNS)
_SEARCHED: Final = ("id::varchar", "name", "recipe_id", "notes", "reason", "array_to_string(tags, ' ')")
_LONGEST_CURSOR: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs; what is None does not matter.

    Attributes
    ----------
    recipe, status, verdict, tag, user : str or None
        Equal to these.
    since, until : datetime or None
        Created at or after, and before.
    text : str or None
        Contained in id, name, recipe, notes, reason or tags, in upper or lower case.
    """

    recipe: str | None = None
    status: str | None = None
    verdict: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Some runs; their records lack plan and summary.

    Attributes
    ----------
    next_cursor : str or None
        Where the next page begins; None on the last one.
    total : int
        Runs that the filter lets through, on all pages.
    """

    items: tuple[RunRecord, ...]
    next_cursor: str | None
    total: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        rows = [{name: value for name, value in run.to_json().items() if name in _COLUMNS} for run in self.items]
        return {"items": rows, "next_cursor": self.next_cursor, "total": self.total}


class HistoryPages:
    """Reads pages.

    Parameters
    ----------
    catalogue : Catalogue
        Where the records are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def page(self, chosen: RunFilter, *, sort: str = "-created_at", limit: int = 50, cursor: str | None = None) -> HistoryPage:
        """Return one page.

        Parameters
        ----------
        sort : str
            One of `SORTS`; `-` before it for the largest first. Runs without a value come last, equal ones in order of id.
        limit : int
            1 to `MAX_PAGE`.
        cursor : str, optional
            `next_cursor` of the page before, of the same filter and order.

        Raises
        ------
        InvalidInput
            If the order, the limit or the cursor is none.
        """
        column, is_down = _order(sort)
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput(f"limit is {limit}, a page holds 1 to {MAX_PAGE} runs.", hint="Follow next_cursor for more.")
        conditions, values = _conditions(chosen)
        where = " and ".join(conditions)
        total = int(self._catalogue.read(f"select count(*) as n from maid_runs where {where}", values)[0]["n"])
        asked = _digest(chosen, sort)
        key = f"epoch_us({column})" if column in _TIMES else column
        beyond, more = _beyond(key, *_place(cursor, asked, SORTS[column]), is_down=is_down) if cursor else ("true", [])
        way = "desc" if is_down else "asc"
        rows = self._catalogue.read(
            f"select {_SELECT}, {key} as sort_key from maid_runs where {where} and {beyond} "
            f"order by {key} is null, {key} {way}, id {way} limit ?",
            [*values, *more, limit + 1],
        )
        keys = [row.pop("sort_key") for row in rows]
        items = tuple(record_of({**row, "config_json": None, "metrics_json": None}) for row in rows[:limit])
        following = _cursor(asked, keys[limit - 1], items[-1].id) if len(rows) > limit else None
        return HistoryPage(items=items, next_cursor=following, total=total)


def _order(sort: str) -> tuple[str, bool]:
    column = sort.removeprefix("-").removeprefix("+")
    if column not in SORTS or sort not in (column, f"+{column}", f"-{column}"):
        raise InvalidInput(
            f"a history cannot be sorted by {sort[:80]!r}.", hint=f"Use one of {', '.join(SORTS)}, with - for the largest first."
        )
    return column, sort.startswith("-")


def _conditions(chosen: RunFilter) -> tuple[list[str], list[Any]]:
    for moment in (chosen.since, chosen.until):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"the time {moment.isoformat()} has no zone.", hint="Write it with Z or an offset, as 2026-03-01T12:00:00Z.")
    conditions: list[str] = ["true"]
    values: list[Any] = []
    for text, value in (
        ("recipe_id = ?", chosen.recipe),
        ("status = ?", chosen.status),
        ("verdict = ?", chosen.verdict),
        ("list_contains(tags, ?)", chosen.tag),
        ("user_id = ?", chosen.user),
        ("created_at >= ?", chosen.since),
        ("created_at < ?", chosen.until),
    ):
        if value is not None:
            conditions.append(text)
            values.append(value)
    if chosen.text:
        conditions.append(f"contains(lower(concat_ws(chr(10), {', '.join(_SEARCHED)})), lower(?))")
        values.append(chosen.text)
    return conditions, values


def _beyond(key: str, value: Any, run_id: str, *, is_down: bool) -> tuple[str, Sequence[Any]]:
    """Return the condition for rows after a place, which need not be there any more."""
    sign = "<" if is_down else ">"
    if value is None:
        return f"({key} is null and id {sign} ?::uuid)", [run_id]
    return f"({key} {sign} ? or ({key} = ? and id {sign} ?::uuid) or {key} is null)", [value, value, run_id]


def _digest(chosen: RunFilter, sort: str) -> str:
    asked = [str(getattr(chosen, spec.name)) for spec in fields(RunFilter)]
    return hashlib.sha256(json.dumps([sort.removeprefix("+"), *asked]).encode()).hexdigest()[:16]


def _cursor(asked: str, value: Any, run_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([asked, value, run_id]).encode()).decode().rstrip("=")


def _place(cursor: str, asked: str, kind: type) -> tuple[Any, str]:
    """Return value and id of the last run of the page before."""
    wrong = InvalidInput("the cursor is none of this list.", hint="Begin without a cursor; next_cursor belongs to one filter and order.")
    try:
        padded = cursor[:_LONGEST_CURSOR].encode("ascii") + b"=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        digest, value, run_id = found
        run_id = str(uuid.UUID(run_id))
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise wrong from None
    fits = value is None or (type(value) is kind and not (isinstance(value, int) and abs(value) >= 2**63))
    if digest != asked or not fits:
        raise wrong
    return value, run_id
