"""`maid_lab.find_capacity`: the highest load that holds its objectives, as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final, Literal

from maid_lab.model.errors import EngineFailure, InvalidInput
from maid_lab.model.states import RunStatus
from maid_lab.running import run

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FoundCapacity", "find_capacity"]

#: What the search itself decides.
_DECIDED: Final = ("load", "users", "rate", "run_time", "iterations", "test_plan", "wait")
_COLUMNS: Final = (
    "number", "level", "judged", "requests", "rate", "error_rate", "p50_ms", "p95_ms", "p99_ms", "generator_bound", "from_s", "to_s",
)  # fmt: skip
#: Where a search ends that was not told: enough for a service on one machine, and below every default cap.
_LAST: Final = {"users": 1000, "rate": 5000}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FoundCapacity:
    """Result of `find_capacity`.

    Attributes
    ----------
    level : float or None
        The highest level that held its objectives, None when none did.
    unit : str
        `users` or `starts/s`.
    next_bad : float or None
        The lowest level above it that did not hold.
    sentence : str
        All this in a sentence, with the reason why the search ended.
    curve : DataFrame
        A row for each probe by its level: number, level, judged (pass, fail, unknown), requests, rate (requests per second), error_rate
        (fraction), p50_ms, p95_ms, p99_ms (null for too few samples), generator_bound, from_s, to_s (seconds of the run).
    run_ids : tuple of str
        Runs that the search made.
    reason : str
        Why it ended.
    limited_by_generator : bool
        Whether the generator, not the target, was the limit where it failed.
    objectives : tuple of str
        What had to hold.
    """

    level: float | None
    unit: str
    next_bad: float | None
    sentence: str
    curve: pl.DataFrame
    run_ids: tuple[str, ...]
    reason: str
    limited_by_generator: bool
    objectives: tuple[str, ...]

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.sentence)}</p>{self.curve._repr_html_()}"


def find_capacity(
    target: Any, *, slo: Sequence[str], unit: Literal["users", "rate"] = "users", start: float = 1, to: float | None = None,
    probe: Any = "30s", settle: Any = "5s", tolerance: Any = "5%", max_probes: int = 12, max_users: int | None = None, **options: Any,
) -> FoundCapacity:  # fmt: skip
    """Look for the highest load that holds its objectives, and wait until it is found.

    The level doubles from `start` until a probe fails or `to` holds; then the stretch between the highest good and the lowest bad level is
    halved until it is within `tolerance`. A probe is good when every objective passes over its rows, without the time to settle. All probes
    are stretches of one run, which is stored as any other. Ctrl-C stops it.

    Parameters
    ----------
    target
        What `run` takes: recipe, function, scenario, or a list of these.
    slo : sequence of str
        Objectives, in the words of thresholds: `p95 < 200ms`, `error_rate < 1%`.
    unit : str
        `users` who repeat their scenario (closed model), or `rate`: starts per second (open model).
    start, to : float
        First and last level; `to` is 1,000 users or 5,000 starts a second by default.
    probe, settle : duration
        How long a probe is measured, and how long it settles before; seconds, or text such as `30s`.
    tolerance : percentage
        How close the good and the bad level shall be.
    max_probes : int
        Most probes.
    max_users : int, optional
        With `unit="rate"`: most users at once; by default twice the last rate, at most 10,000.
    **options
        What `run` takes beside the load: host, parameters, preset, thresholds, name, tags, seed, …

    Raises
    ------
    InvalidInput
        If an objective or option cannot be understood.
    Refused
        If the target is not allowed, or the last level is over a cap.
    Conflict
        If another run is under way.
    EngineFailure
        If the run failed.

    Examples
    --------
    >>> def how_many():
    ...     return find_capacity("rest-api", slo=["p95 < 200ms", "error_rate < 1%"], to=400)
    """
    decided = [name for name in _DECIDED if name in options]
    if decided:
        raise InvalidInput(f"find_capacity has no option {decided[0]!r}: the search decides it.", hint="Give start, to and probe.")
    if isinstance(slo, str) or not slo:
        raise InvalidInput("slo is a list of objectives.", hint='Give for example slo=["p95 < 200ms", "error_rate < 1%"].')
    if unit not in _LAST:
        raise InvalidInput(f"there is no unit {unit!r}.", hint="There are users and rate.")
    last = _LAST[unit] if to is None else to
    load: dict[str, Any] = {
        "profile": "find-capacity", "unit": unit, "from": start, "to": last, "slo": list(slo), "probe": probe, "settle": settle,
        "tolerance": tolerance, "max_probes": max_probes,
    }  # fmt: skip
    if unit == "rate":
        load["max_users"] = max_users or min(10_000, max(10, int(2 * last)))
    elif max_users is not None:
        raise InvalidInput('max_users is for unit="rate".', hint="Give to: the most users.")
    started = run(target, load=load, **options)
    try:
        record = started.wait()
    except KeyboardInterrupt:
        started.stop("the search was interrupted")
        started.wait()
        raise
    found = record.metrics_json.get("capacity")
    if found is None or record.status == RunStatus.FAILED or not found["probes"]:
        raise EngineFailure(f"run {record.id} {record.status} before anything was found: {record.reason}.", hint=f"maid show {record.id}")
    return _value(found, dict(record.metrics_json), record.id)


def _value(found: Mapping[str, Any], summary: Mapping[str, Any], run_id: str) -> FoundCapacity:
    import polars as pl

    from maid_lab.analysis.load_sentences import load_sentences

    floats = {name: pl.Float64 for name in ("level", "rate", "error_rate", "p50_ms", "p95_ms", "p99_ms", "from_s", "to_s")}
    types: dict[str, Any] = {"number": pl.Int64, "judged": pl.String, "requests": pl.Int64, "generator_bound": pl.Boolean, **floats}
    rows = [{name: each[name] for name in _COLUMNS} for each in found["probes"]]
    return FoundCapacity(
        level=found["level"],
        unit=found["unit"],
        next_bad=found["next_bad"],
        sentence=load_sentences({"capacity": summary["capacity"]})[0],
        curve=pl.DataFrame(rows, schema={name: types[name] for name in _COLUMNS}).sort("level", "number"),
        run_ids=(run_id,),
        reason=found["reason"],
        limited_by_generator=found["limited_by_generator"],
        objectives=tuple(found["objectives"]),
    )
