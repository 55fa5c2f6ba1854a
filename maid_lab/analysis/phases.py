"""The course of a run as a table: its phases, when they began and ended, and how many users there were."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["PhaseSpan", "phases_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpan:
    """One phase of a run, or one change of its load while it ran.

    Attributes
    ----------
    what : str
        increase, maintain, decrease or shutdown; for a change its words.
    start_s, end_s : float
        Seconds since the start of the run; equal for a change.
    users_from, users_to : int or None
        Users at its beginning and end; unknown for a change.
    """

    what: str
    start_s: float
    end_s: float
    users_from: int | None = None
    users_to: int | None = None

    @property
    def elapsed_s(self) -> float:
        """Its length in seconds."""
        return self.end_s - self.start_s

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        return {**asdict(self), "elapsed_s": round(self.elapsed_s, 3)}


def phases_of(log: Iterable[Mapping[str, Any]]) -> tuple[PhaseSpan, ...]:
    """Return the phases and changes of a run in time order, from the events of its log (`log.jsonl`)."""
    events = [entry for entry in log if "t_s" in entry]
    begun = [entry for entry in events if entry.get("event") == "phase"]
    last_s = max((float(entry["t_s"]) for entry in events), default=0.0)
    spans = [
        PhaseSpan(
            what=str(entry["phase"]),
            start_s=float(entry["t_s"]),
            end_s=float(after["t_s"]) if after is not None else last_s,
            users_from=entry.get("users"),
            users_to=after.get("users") if after is not None else 0,
        )
        for entry, after in zip_longest(begun, begun[1:])
    ]
    spans += [
        PhaseSpan(what=str(entry["message"]), start_s=float(entry["t_s"]), end_s=float(entry["t_s"]))
        for entry in events
        if entry.get("event") == "control"
    ]
    return tuple(sorted(spans, key=lambda span: span.start_s))
