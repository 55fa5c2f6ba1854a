"""What a search for capacity found, from events and rows made by hand."""

from typing import Any

import pytest

from maid_lab.analysis.capacity import Capacity, capacity_of
from maid_lab.analysis.load_sentences import load_sentences
from maid_lab.model.plan import Load, Plan, Search, Segment
from tests.analysis.rows import a_plan, frame, near, row


def plan_of(*, whole: bool = True) -> Plan:
    search = Search(first=10, last=80, slo=("p95 < 200ms", "error_rate < 1%"), whole=whole)
    segment = Segment(start_s=0, end_s=100, level_from=10, level_to=10)
    load = Load(name="l", profile="find-capacity", model="users", segments=(segment,), order=(0,), search=search)
    return a_plan(loads=(load,), duration_s=100)


def probe(number: int, level: float, judged: str, *, bound: bool = False) -> dict[str, Any]:
    begin = number * 10.0
    return {
        "event": "probe", "number": number, "level": level, "from_s": begin, "to_s": begin + 5, "judged": judged, "generator_bound": bound,
    }  # fmt: skip


def end(best: dict[str, Any] | None, reason: str = "close enough") -> dict[str, Any]:
    return {"event": "capacity", "best": best, "reason": reason}


def found(*log: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> Capacity:
    capacity = capacity_of(frame(rows or [row(start_s=1)]), log, plan=plan_of())
    assert capacity is not None
    return capacity


def test_the_best_probe_is_the_capacity_and_the_next_bad_level_stands_beside_it() -> None:
    best = probe(2, 20, "pass")
    capacity = found(probe(1, 10, "pass"), best, probe(3, 40, "fail"), probe(4, 30, "fail"), {"message": "something else"}, end(best))
    assert (capacity.level, capacity.unit, capacity.next_bad, len(capacity.probes)) == (20, "users", 30, 4)
    (sentence,) = load_sentences({"capacity": capacity.to_json()})
    assert sentence == "Capacity: 20 users held p95 < 200ms and error_rate < 1%; 30 did not (after 4 probes: close enough)."


def test_figures_of_a_probe_come_from_the_rows_that_started_in_it() -> None:
    inside = [row(start_s=10 + at / 100, ms=at + 1) for at in range(400)] + [row(start_s=14.5, ms=9999, outcome="timeout")]
    outside = [
        row(start_s=9.99, ms=5000),
        row(start_s=15.0, ms=5000),
        row(start_s=12, ms=1, outcome="dropped"),
        row(start_s=12, section="setup"),
    ]
    (only,) = found(probe(1, 10, "pass"), rows=inside + outside).probes
    assert (only.requests, only.rate) == (401, near(80.2))
    assert only.error_rate == near(1 / 401)
    assert only.p50_ms == near(200.5)
    assert only.p95_ms == pytest.approx(380.05)
    assert only.p99_ms is None  # a thousand are needed


def test_nothing_that_held_and_a_limit_of_the_generator_are_said() -> None:
    capacity = found(probe(1, 10, "unknown", bound=True), end(None, "all 1 probes were made"))
    (sentence,) = load_sentences({"capacity": capacity.to_json()})
    assert sentence.startswith("Capacity: no level held p95 < 200ms and error_rate < 1% (after 1 probe: all 1 probes were made).")
    assert sentence.endswith("There the generator was at its limit, not the target.")


def test_a_run_that_was_stopped_keeps_what_its_probes_found() -> None:
    capacity = found(probe(1, 10, "pass"), probe(2, 20, "pass"))
    assert (capacity.level, capacity.reason) == (20, "the run ended before the search did")


def test_a_plan_without_a_search_has_none() -> None:
    assert capacity_of(frame([row(start_s=1)]), (), plan=a_plan()) is None
    assert load_sentences({"capacity": None}) == []
