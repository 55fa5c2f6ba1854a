"""What a comparison of two runs holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = ["METRICS", "VERDICTS", "ComparedRow", "Comparison", "Delta"]

#: Metrics in order, with the sign that is good (0: not judged) and the unit.
METRICS: Final[dict[str, tuple[int, str]]] = {
    "count": (0, ""),
    "failures": (0, ""),
    "rate": (1, "/s"),
    "error_rate": (-1, "share"),
    "avg_ms": (-1, "ms"),
    "p50_ms": (-1, "ms"),
    "p95_ms": (-1, "ms"),
    "p99_ms": (-1, "ms"),
    "max_ms": (0, "ms"),
}

#: Verdicts, the one that outweighs the others first; empty when nothing could be judged.
VERDICTS: Final = ("worse", "better", "same", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """One metric of one name in both runs.

    Attributes
    ----------
    delta : float or None
        Candidate − baseline, in the metric's unit; shares as shares.
    change : float or None
        The same as a share of the baseline; None when that is 0.
    low, high : float or None
        Interval of the delta with a confidence of 95 %.
    verdict : str
        better, worse, same; empty when it cannot be judged, `reason` then says why.
    """

    metric: str
    baseline: float | None
    candidate: float | None
    delta: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """One line of a table: `table` is all, request, transaction or scenario; `note` says when only one run has the name."""

    table: str
    name: str
    deltas: tuple[Delta, ...]
    verdict: str
    note: str = ""

    def of(self, metric: str) -> Delta:
        """Return the delta of a metric."""
        return next(delta for delta in self.deltas if delta.metric == metric)

    def to_json(self) -> dict[str, Any]:
        """Return JSON data: the deltas by metric."""
        deltas = {delta.metric: {key: value for key, value in asdict(delta).items() if key != "metric"} for delta in self.deltas}
        return {"table": self.table, "name": self.name, "verdict": self.verdict, "note": self.note, "deltas": deltas}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run against its baseline.

    Attributes
    ----------
    baseline, candidate : str
        What they are called.
    latency : str
        Which time is compared: service or response.
    intervals : bool
        Whether both have rows, so that there are intervals and verdicts.
    judged : int
        How many deltas have a verdict; the level of each is 5 % divided by it.
    notes : tuple of str
        What a reader must know before the figures.
    """

    baseline: str
    candidate: str
    latency: str
    intervals: bool
    verdict: str
    judged: int
    notes: tuple[str, ...]
    rows: tuple[ComparedRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; keys are described in `docs/analysis.md`."""
        names = ("baseline", "candidate", "latency", "intervals", "verdict", "judged")
        return {**{name: getattr(self, name) for name in names}, "notes": list(self.notes), "rows": [row.to_json() for row in self.rows]}
