from collections import Counter

import pytest

from maid_lab.engine.recording.histogram import bucket_of
from maid_lab.engine.supervision.guard import Guard, SecondOfLabel
from maid_lab.model.plan import HttpStep, Plan
from maid_lab.model.rows import Outcome
from tests.engine.running import plan_of


def plan_with(threshold: str, *, warmup_s: float = 0.0) -> Plan:
    return plan_of(
        "http://127.0.0.1:1", (HttpStep(label=2, method="GET", url="/"),), ("x",), thresholds=(threshold,), warmup_end_s=warmup_s
    )


def second(*, ok: int = 0, failed: int = 0, ms: float = 10.0) -> dict[int, SecondOfLabel]:
    outcomes = Counter({int(Outcome.OK): ok, int(Outcome.ERROR_STATUS): failed})
    return {2: SecondOfLabel(outcomes=outcomes, histogram=Counter({bucket_of(int(ms * 1e6)): ok}))}


def first_failure(guard: Guard, seconds: list[dict[int, SecondOfLabel]]) -> int | None:
    for number, counts in enumerate(seconds, start=1):
        if guard.second(float(number), counts):
            return number
    return None


def test_a_window_that_fails_aborts_as_soon_as_it_is_full() -> None:
    guard = Guard(plan_with("error_rate < 10% over 3s abort"))
    assert first_failure(guard, [second(ok=100)] * 4 + [second(ok=50, failed=50)] * 4) == 5


def test_without_a_window_the_whole_is_judged_from_ten_seconds_on() -> None:
    assert first_failure(Guard(plan_with("error_rate < 10% abort")), [second(ok=50, failed=50)] * 20) == 10


def test_the_warm_up_is_not_looked_at() -> None:
    guard = Guard(plan_with("error_rate < 10% over 1s abort", warmup_s=5.0))
    assert first_failure(guard, [second(failed=100)] * 5 + [second(ok=100)] * 3) is None


def test_too_few_samples_are_no_judgement() -> None:
    assert first_failure(Guard(plan_with("p95 < 5ms over 2s abort")), [second(ok=99)] * 10) is None
    assert first_failure(Guard(plan_with("p95 < 5ms over 2s abort")), [second(ok=100)] * 10) == 2


@pytest.mark.parametrize(
    ("threshold", "fails"),
    [
        ("p95 < 11ms over 1s abort", False),
        ("p95 < 9ms over 1s abort", True),
        ("avg < 9ms over 1s abort", True),
        ("max < 9ms over 1s abort", True),
        ("rate >= 400/s over 1s abort", False),
        ("rate >= 600/s over 1s abort", True),
        ("goodput >= 460/s over 1s abort", True),
        ("count(outcome:error_status) == 0 over 1s abort", True),
        ("count(outcome:timeout) == 0 over 1s abort", False),
        ("error_rate(request:other) < 1% over 1s abort", False),
        ("error_rate(request:x) < 1% over 1s abort", True),
        ("apdex(5ms, *) >= 0.9 over 1s abort", True),
        ("apdex(20ms, *) >= 0.9 over 1s abort", False),
        ("error_rate < 1% over 1s", False),
    ],
)
def test_each_statistic_is_watched(threshold: str, fails: bool) -> None:
    assert bool(Guard(plan_with(threshold)).second(1.0, second(ok=450, failed=50))) is fails
