"""What the view on coordinated omission holds: counts of events, severities, and times with and without what was filled in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maid_lab.analysis.quantiles import TimeStats

__all__ = ["SEVERITIES", "CoEvent", "CoEvents", "CoStats", "CoordinatedOmission", "severity_of"]

#: Classes of events with the multiple of the cadence from which each begins; those are Goose's.
SEVERITIES: Final = {"minor": 0.0, "moderate": 5.0, "severe": 10.0, "critical": 20.0}


def severity_of(multiple: float) -> str:
    """Return the class of an event whose loop took `multiple` times the cadence.

    Examples
    --------
    >>> [severity_of(multiple) for multiple in (4.9, 5, 10, 20)]
    ['minor', 'moderate', 'severe', 'critical']
    """
    return [name for name, least in SEVERITIES.items() if multiple >= least][-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoEvent:
    """A loop that took more than twice its user's cadence; the start in seconds of the run, times in milliseconds, waits subtracted.

    `missing` is how many loops the user would have made in that time and did not.
    """

    start_s: float
    user: int
    scenario: str
    loop_ms: float
    cadence_ms: float
    multiple: float
    severity: str
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoEvents:
    """Events of one user, scenario or minute."""

    name: str
    events: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoStats:
    """One request name or transaction: service time of its good rows as measured, and with the synthetic rows."""

    name: str
    actual: int
    synthetic: int
    measured: TimeStats
    filled: TimeStats

    def to_json(self) -> dict[str, Any]:
        """Return JSON data; the flat keys are those with the synthetic rows."""
        counts = {"name": self.name, "actual": self.actual, "synthetic": self.synthetic}
        return {**counts, **self.filled.to_json(), "measured": self.measured.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatedOmission:
    """The view on one run.

    Attributes
    ----------
    mode : str
        What the cadence is: average, minimum or maximum.
    loops, judged : int
        Measured loops with a request, and those of them that came after more than three others of their user and scenario.
    events : int
        Loops of more than twice the cadence.
    per_minute : float
        Events per minute of measured time.
    actual, synthetic : int
        Good request rows that were measured, and those that were filled in.
    refused : str
        Why nothing was filled in although there are events; else empty.
    users, scenarios, minutes : tuple of CoEvents
        The same events by user (at most 100, those with most events first), by scenario, and by minute of the run.
    worst : tuple of CoEvent
        The 20 largest multiples.
    requests, transactions : tuple of CoStats
        Times by name; `overall` is over all requests.
    """

    mode: str
    loops: int
    judged: int
    events: int
    per_minute: float
    severities: dict[str, int]
    actual: int
    synthetic: int
    refused: str
    warnings: tuple[str, ...]
    users_hit: int
    users: tuple[CoEvents, ...]
    scenarios: tuple[CoEvents, ...]
    minutes: tuple[CoEvents, ...]
    worst: tuple[CoEvent, ...]
    overall: CoStats
    requests: tuple[CoStats, ...]
    transactions: tuple[CoStats, ...]

    @property
    def synthetic_share(self) -> float | None:
        """Synthetic rows divided by all rows of the view; None without rows."""
        rows = self.actual + self.synthetic
        return self.synthetic / rows if rows else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; keys are described in `docs/analysis.md`."""
        counts = (
            "mode",
            "loops",
            "judged",
            "events",
            "per_minute",
            "severities",
            "actual",
            "synthetic",
            "synthetic_share",
            "refused",
            "users_hit",
        )
        return {
            **{name: getattr(self, name) for name in counts},
            "warnings": list(self.warnings),
            **{name: [asdict(item) for item in getattr(self, name)] for name in ("users", "scenarios", "minutes", "worst")},
            "overall": self.overall.to_json(),
            "requests": [item.to_json() for item in self.requests],
            "transactions": [item.to_json() for item in self.transactions],
        }
