"""Coordinated omission against tables that were computed by hand; times in milliseconds, one loop after the other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from maid_lab.analysis.coordinated_omission import MODES, coordinated_omission, events_of, loops_of, synthetic_rows
from maid_lab.analysis.coordinated_omission_values import CoordinatedOmission, severity_of
from maid_lab.analysis.quantiles import quantiles
from maid_lab.analysis.times import response, service
from maid_lab.demo.launch import DemoProcess
from maid_lab.lab import Lab
from maid_lab.model.errors import InvalidInput
from maid_lab.model.plan import Plan, Scenario
from tests.analysis.rows import MS, a_plan, frame, near, row

#: A loop is what its requests are: (name, ms) each; a wait of 50 ms follows each of them.
Loop = Sequence[tuple[str, float]]
WAIT_S = 0.05


def rows_of(loops: Sequence[Loop], *, begin_s: float = 0.0, **values: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of requests and of iterations of one user."""
    requests, iterations, at = [], [], begin_s
    for number, loop in enumerate(loops):
        begin = at
        for name, ms in loop:
            requests.append(row(start_s=at, ms=ms, name=name, iteration=number, **values))
            at += ms / 1000 + WAIT_S
        iterations.append(row(start_s=begin, ms=(at - begin) * 1000, name="loop", kind="iteration", iteration=number, **values))
    return requests, iterations


def singles(*times: float) -> list[Loop]:
    return [[("GET /", ms)] for ms in times]


def view(*users: Sequence[Loop], mode: str = "average", plan: Plan | None = None, **options: Any) -> CoordinatedOmission:
    requests: list[dict[str, Any]] = []
    iterations: list[dict[str, Any]] = []
    for number, loops in enumerate(users):
        made = rows_of(loops, user=number)
        requests, iterations = requests + made[0], iterations + made[1]
    return coordinated_omission(frame(requests), frame(iterations), plan=plan or a_plan(duration_s=60), mode=mode, **options)


def judged(times: Sequence[float], mode: str) -> pl.DataFrame:
    requests, iterations = rows_of(singles(*times))
    return events_of(loops_of(frame(iterations), frame(requests)), mode)


# loop:            1   2   3   4    5    6
TABLE = (10.0, 20.0, 10.0, 20.0, 31.0, 75.0)


@pytest.mark.parametrize(
    ("mode", "cadences", "missing"),
    [
        # 15 = 60/4 and 18.2 = 91/5; 31 > 2 × 15, ⌊31/15⌋ − 1 = 1; ⌊75/18.2⌋ − 1 = 3
        ("average", (15.0, 18.2), (1, 3)),
        ("minimum", (10.0, 10.0), (2, 6)),
        # 31 is not above 2 × 20; ⌊75/31⌋ − 1 = 1
        ("maximum", (20.0, 31.0), (0, 1)),
    ],
)
def test_cadences_and_missing_loops_are_those_of_the_table(mode: str, cadences: tuple[float, ...], missing: tuple[int, ...]) -> None:
    found = judged(TABLE, mode)
    assert found["busy"].to_list() == [ms * MS for ms in TABLE]
    assert found["cadence"].to_list() == [None, None, None, None, *(near(ms * MS) for ms in cadences)]
    assert found["missing"].to_list() == [0, 0, 0, 0, *missing]


def test_a_cadence_is_used_after_more_than_three_loops() -> None:
    assert judged([10, 10, 10, 500], "average")["missing"].to_list() == [0, 0, 0, 0]
    assert judged([10, 10, 10, 10, 500], "average")["missing"].to_list() == [0, 0, 0, 0, 49]


@pytest.mark.parametrize(("ms", "events"), [(20.0, 0), (20.001, 1)])
def test_an_event_is_longer_than_twice_the_cadence(ms: float, events: int) -> None:
    assert view(singles(10, 10, 10, 10, ms)).events == events


def test_waits_are_subtracted_and_requests_side_by_side_count_once() -> None:
    requests = [row(start_s=0.0, ms=30), row(start_s=0.01, ms=10), row(start_s=0.02, ms=30), row(start_s=1.0, ms=5)]
    loops = loops_of(frame([row(start_s=0, ms=2000, kind="iteration")]), frame(requests))
    assert loops["busy"].to_list() == [55 * MS]


def test_loops_without_a_request_and_other_sections_teach_nothing() -> None:
    requests, iterations = rows_of(singles(10, 10, 10, 10, 10))
    empty = [row(start_s=9, kind="iteration", iteration=99), row(start_s=9, kind="iteration", iteration=98, outcome="dropped")]
    setup = [row(start_s=0, ms=900, section="on_start", iteration=0), row(start_s=0, ms=900, outcome="aborted", iteration=1)]
    assert loops_of(frame([*iterations, *empty]), frame([*requests, *setup]))["busy"].to_list() == [10 * MS] * 5


@pytest.mark.parametrize(
    ("multiple", "severity"),
    [
        (2.1, "minor"),
        (4.999, "minor"),
        (5, "moderate"),
        (9.999, "moderate"),
        (10, "severe"),
        (19.999, "severe"),
        (20, "critical"),
        (500, "critical"),
    ],
)
def test_severities_begin_at_five_ten_and_twenty(multiple: float, severity: str) -> None:
    assert severity_of(multiple) == severity


def test_severities_of_loops_at_the_boundaries() -> None:
    users = [singles(10, 10, 10, 10, ms) for ms in (30, 49.9, 50, 99.9, 100, 199.9, 200)]
    assert view(*users).severities == {"minor": 2, "moderate": 2, "severe": 2, "critical": 1}


def test_synthetic_rows_are_the_loops_that_were_not_made() -> None:
    requests, iterations = rows_of(singles(10, 10, 10, 10, 45))
    made = synthetic_rows(frame(requests), events_of(loops_of(frame(iterations), frame(requests)), "average"))
    begin = requests[-1]["start"]
    # 45 − 10k while at least 10
    assert made.select("start", took=service()).rows() == [(begin + k * 10 * MS, ms * MS) for k, ms in ((1, 35), (2, 25), (3, 15))]
    assert made["synthetic"].all()
    assert made["iteration"].to_list() == [4, 4, 4]


def test_a_missing_loop_of_several_requests_is_the_stalled_one_shrunk() -> None:
    usual: Loop = [("a", 4.0), ("b", 6.0)]
    found = view([usual, usual, usual, usual, [("a", 4.0), ("b", 36.0)]])
    # b = 40, c = 10: loops of 30, 20 and 10; a takes a tenth, b the rest
    assert [(item.name, item.actual, item.synthetic) for item in found.requests] == [("a", 5, 3), ("b", 5, 3)]
    a, b = (item.filled for item in found.requests)
    assert (a.min, a.avg) == (near(1.0, abs=1e-6), near((5 * 4 + 3 + 2 + 1) / 8, abs=1e-6))
    assert (b.max, b.avg) == (36.0, near((4 * 6 + 36 + 27 + 18 + 9) / 8, abs=1e-6))


def test_times_and_standard_deviation_are_those_of_all_rows() -> None:
    found = view(singles(*[10.0] * 40, 60))
    # 60 − 10k: 50, 40, 30, 20, 10
    values = np.array([*[10.0] * 40, 60, 50, 40, 30, 20, 10])
    filled = found.overall.filled
    assert (found.actual, found.synthetic, found.synthetic_share) == (41, 5, near(5 / 46))
    assert (filled.samples, filled.p50, filled.max) == (46, 10.0, 60.0)
    assert filled.stdev == near(float(values.std(ddof=1)), abs=1e-6)
    assert filled.avg == near(float(values.mean()), abs=1e-6)
    assert found.overall.measured.stdev == near(float(values[:41].std(ddof=1)), abs=1e-6)


def test_counts_by_user_scenario_and_minute_sum_up_to_the_events() -> None:
    requests, iterations = rows_of(singles(10, 10, 10, 10, 45, 45), user=1)
    for user, begin_s, scenario in ((2, 70.0, "buy"), (3, 10.0, "buy")):
        made = rows_of(singles(10, 10, 10, 10, 250), user=user, begin_s=begin_s, scenario=scenario)
        requests, iterations = requests + made[0], iterations + made[1]
    found = coordinated_omission(frame(requests), frame(iterations), plan=a_plan(duration_s=120))
    assert (found.events, found.users_hit, found.loops, found.judged) == (4, 3, 16, 4)
    # The last request, that of user 2, ends at 70 + 4 × 0.06 + 0.25 s.
    assert found.per_minute == near(4 / 70.49 * 60)
    assert [(item.name, item.events) for item in found.users] == [("user 1", 2), ("user 2", 1), ("user 3", 1)]
    assert [(item.name, item.events, item.missing) for item in found.scenarios] == [("browse", 2, 4), ("buy", 2, 48)]
    assert [(item.name, item.events) for item in found.minutes] == [("0", 3), ("1", 1)]
    assert sum(item.missing for item in found.users) == sum(item.missing for item in found.minutes) == found.synthetic == 52
    assert (found.worst[0].start_s, found.worst[0].multiple, found.worst[0].severity) == (10.24, 25.0, "critical")
    assert found.to_json()["synthetic_share"] == near(52 / 68)


def test_the_warm_up_teaches_and_is_not_counted() -> None:
    # Loops of 60 ms with their wait: the stall at 0.24 s is in the warm-up, the one at 0.475 s is not.
    found = view(singles(10, 10, 10, 10, 125, 10, 200), plan=a_plan(warmup_s=0.25, duration_s=10))
    assert (found.loops, found.judged, found.events, found.actual) == (2, 2, 1, 2)
    assert found.worst[0].cadence_ms == near(175 / 6)


def test_transactions_are_covered() -> None:
    requests, iterations = rows_of(singles(10, 10, 10, 10, 45), transaction="pay")
    rows = [{**each, "kind": "transaction", "name": "transaction"} for each in requests]
    found = coordinated_omission(frame(requests), frame(iterations), plan=a_plan(), transactions=frame(rows))
    (pay,) = found.transactions
    assert (pay.name, pay.actual, pay.synthetic, pay.filled.max) == ("pay", 5, 3, 45.0)
    assert pay.filled.avg == near((40 + 45 + 35 + 25 + 15) / 8, abs=1e-6)


def test_failed_requests_make_events_and_no_times() -> None:
    requests, iterations = rows_of(singles(10, 10, 10, 10, 500))
    requests[-1]["outcome"] = iterations[-1]["outcome"] = "timeout"
    found = coordinated_omission(frame(requests), frame(iterations), plan=a_plan())
    assert (found.events, found.synthetic, found.overall.filled.max) == (1, 0, 10.0)


def test_a_view_that_would_be_too_large_is_refused_and_says_so() -> None:
    found = view(singles(10, 10, 10, 10, 500), most=48)
    assert (found.events, found.synthetic, found.refused) == (1, 0, "49 rows would have to be filled in, more than 48")


def test_the_rows_are_the_same_before_and_after() -> None:
    requests, iterations = (frame(rows) for rows in rows_of(singles(*TABLE)))
    before = requests.collect(), iterations.collect()
    views = {mode: coordinated_omission(requests, iterations, plan=a_plan(), mode=mode) for mode in MODES}
    assert requests.collect().equals(before[0])
    assert iterations.collect().equals(before[1])
    assert [views[mode].synthetic for mode in ("average", "minimum", "maximum")] == [4, 8, 1]


def test_a_random_scheduler_and_an_open_load_are_warned_of() -> None:
    random = a_plan(scenarios=(Scenario(name="browse", label=0, weight=1, steps=(), scheduler="random"),))
    assert "scheduler is random" in view(singles(10), plan=random).warnings[0]
    assert "open model" in view(singles(10), plan=a_plan(model="rate")).warnings[0]
    assert view(singles(10)).warnings == ()


def test_an_unknown_mode_is_refused_and_a_run_without_rows_has_no_events() -> None:
    with pytest.raises(InvalidInput, match="average, minimum, maximum"):
        view(singles(10), mode="median")
    found = view(plan=a_plan())
    assert (found.events, found.synthetic_share, found.requests) == (0, None, ())


STALLED = """schema: maid.recipe/v1
id: stalled
title: Stalled
description: An open load on a target that stands still from time to time.
target: {{base_url: "{url}"}}
load: {{profile: constant-rate, rate: 200/s, duration: 1600ms, max_users: 200}}
scenarios: [{{name: look, steps: [{{name: front page, get: /}}]}}]
thresholds: [error_rate < 50%]
"""


async def test_a_stall_is_seen_in_the_response_times_of_an_open_run_and_not_in_the_median_service_time(
    tmp_path: Path, shop: DemoProcess
) -> None:
    path = tmp_path / "stalled.yaml"
    path.write_text(STALLED.format(url=shop.url))
    shop.calm()
    shop.switch(stall_every_s=1, stall_ms=250)
    try:
        async with Lab.open() as lab:
            run_id = await lab.runs.start(await lab.runs.plan(str(path)))
            await lab.runs.wait(run_id)
            rows = pl.read_parquet(lab.history.folder(run_id) / "requests.parquet")
            stalls = shop.stats()["stalls"]
    finally:
        shop.calm()
    times = rows.filter(pl.col("outcome").cast(pl.String) == "ok").select(service(), response())
    (median,) = quantiles(times["service"].to_numpy(), [0.5])
    (slow,) = quantiles(times["response"].to_numpy(), [0.99])
    assert stalls >= 1
    assert slow > 150 * MS
    assert median < 50 * MS
