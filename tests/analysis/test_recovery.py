from typing import Any

import numpy as np
import polars as pl
import pytest

from maid_lab.analysis.load_sentences import load_sentences
from maid_lab.analysis.measured import MeasuredWindow
from maid_lab.analysis.recovery import Recovery, recoveries
from maid_lab.analysis.summary import summarise
from maid_lab.model import profiles
from maid_lab.model.plan import Load, Plan, Scenario
from tests.analysis.rows import a_plan, frame, near, row

#: Base until 30 s, 5 s up, 20 s peak, 5 s down: back at 60 s.
SEGMENTS = profiles.spike(10, 100, 30, 20, 120)


def plan_of(**changes: Any) -> Plan:
    load = Load(name="main", profile="spike", model="users", segments=SEGMENTS, order=(0,), **changes)
    return a_plan(loads=(load,), scenarios=(Scenario(name="browse", label=0, weight=1, steps=()),), duration_s=load.end_s)


def rows(*pieces: tuple[float, float, float], per_s: int = 40, **values: Any) -> list[dict[str, Any]]:
    """Return rows at an even rate in pieces (from, until, ms); of twenty rows one takes a tenth longer, so that p95 is between."""
    found = []
    for begin, end, ms in pieces:
        count = round((end - begin) * per_s)
        found += [row(start_s=begin + at / per_s, ms=ms * (1.1 if at % 20 == 0 else 1), **values) for at in range(count)]
    return found


def judged(items: list[dict[str, Any]], *, end_s: float = 120.0) -> Recovery:
    (found,) = recoveries(frame(items), plan=plan_of(), window=MeasuredWindow(start_s=0, end_s=end_s))
    return found


def test_the_first_ten_good_seconds_after_the_fall_end_the_recovery() -> None:
    found = judged(rows((0, 30, 10), (30, 60, 80), (60, 73, 40), (73, 120, 11)))
    assert found.status == "recovered"
    # 5 % of a window may be slow: the window from 73 s is good at the latest, one that still holds more slow rows is not.
    assert found.after_s == 13
    assert (found.at_s, found.fall_end_s, found.windows, found.windows_skipped) == (30, 60, 14, 0)
    assert found.before_p95_ms == near(10.05, rel=0.01)
    assert found.limit_ms == near(10.05 * 1.2, rel=0.01)
    assert found.p95_ms is not None
    assert found.p95_ms <= 10.05 * 1.21


def test_who_was_never_slow_has_recovered_at_once() -> None:
    assert judged(rows((0, 120, 10))).after_s == 0


def test_not_recovered_within_the_run_is_said() -> None:
    found = judged(rows((0, 30, 10), (60, 120, 12.5)))
    assert (found.status, found.reason, found.after_s, found.windows) == ("not recovered", "not recovered within the run", None, 51)


@pytest.mark.parametrize(
    ("items", "end_s", "reason"),
    [
        (rows((0, 30, 10), per_s=6) + rows((60, 120, 10)), 120.0, "too few samples before the spike: a p95 needs 200, there are 180"),
        (rows((0, 30, 10)) + rows((60, 120, 10), per_s=19), 120.0, "too few samples after the fall: no 10 s have 200 good answers"),
        (rows((0, 66.5, 10)), 66.5, "the run went on for 6.5 s after the fall; 10 s are needed"),
        (rows((0, 20, 10)), 20.0, "the run went on for 0.0 s after the fall; 10 s are needed"),
    ],
)
def test_too_few_samples_are_no_answer(items: list[dict[str, Any]], end_s: float, reason: str) -> None:
    found = judged(items, end_s=end_s)
    assert (found.status, found.reason, found.after_s) == ("unknown", reason, None)


def test_failures_and_other_scenarios_do_not_count() -> None:
    good = rows((0, 30, 10), (60, 120, 30))
    foreign = rows((60, 120, 10), scenario="search") + rows((60, 120, 10), outcome="error_status", status=503)
    assert judged(good + foreign).status == "not recovered"


def test_a_scaled_and_shifted_spike_is_found_in_its_segments() -> None:
    shifted = plan_of(start_at_s=5.0)
    (found,) = recoveries(frame(rows((0, 125, 10))), plan=shifted, window=MeasuredWindow(start_s=0, end_s=125))
    assert (found.at_s, found.fall_end_s) == (35, 65)


def test_a_window_is_computed_as_numpy_does() -> None:
    rng = np.random.default_rng(3)
    times = rng.gamma(2, 10, 1200)
    items = rows((0, 30, 100)) + [row(start_s=60 + at / 20, ms=float(ms)) for at, ms in enumerate(times)]
    found = judged(items)
    assert (found.status, found.after_s) == ("recovered", 0)
    assert found.p95_ms == near(float(np.quantile(np.round(times[:200] * 1e6) / 1e6, 0.95)), rel=1e-6)


def test_the_summary_and_the_sentence_say_it() -> None:
    summary = summarise(frame(rows((0, 30, 10), (30, 60, 80), (60, 73, 40), (73, 120, 11))), plan=plan_of()).to_json()
    assert [item["status"] for item in summary["recoveries"]] == ["recovered"]
    (sentence,) = load_sentences(summary)
    assert sentence.startswith("Recovery after the spike of load main: 13 s after the fall, with a p95 of 1")
    summary = summarise(frame(rows((0, 30, 10), (60, 120, 30))), plan=plan_of()).to_json()
    assert load_sentences(summary) == [
        "Recovery after the spike of load main: not recovered within the run (p95 before it 10.0 ms, limit 12.1 ms)."
    ]
    assert load_sentences(summarise(pl.LazyFrame(frame(rows((0, 9, 10))).collect()), plan=a_plan()).to_json()) == []
