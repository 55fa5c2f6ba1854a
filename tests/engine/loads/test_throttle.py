"""The throttle is a ceiling over all workers: no second has more starts, and setup and teardown are exempt."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.engine.loads.throttle import Throttle
from tests.engine.whole import planned, run_whole
from tests.support.hostile import HostileServer

NS = 1_000_000_000
both = pytest.mark.parametrize("workers", [1, 2])


def starts(rate: float, workers: int, *, seconds: int = 3, late_ns: int = 0) -> list[int]:
    """Return when requests start that are always waiting, on all workers, each woken late."""
    found = []
    for worker in range(workers):
        throttle, now = Throttle(rate, worker=worker, workers=workers), 0
        while now < seconds * NS:
            slot = throttle.take(now)
            now = max(now, slot + late_ns)
            if throttle.is_usable(slot, now):
                found.append(now)
    return [at for at in found if at < seconds * NS]


@given(
    rate=st.floats(0.5, 5000),
    workers=st.integers(1, 5),
    late_ns=st.integers(0, 20_000_000),
)
def test_no_second_has_more_starts_than_the_ceiling_however_late_workers_wake(rate: float, workers: int, late_ns: int) -> None:
    seconds = Counter(at // NS for at in starts(rate, workers, late_ns=late_ns))
    # A ceiling that is no whole number leaves one more in some seconds, never in the sum.
    assert max(seconds.values()) <= -(-rate // 1)
    assert sum(seconds.values()) <= rate * 3 + 1


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_ceiling_is_reached(workers: int) -> None:
    assert Counter(at // NS for at in starts(60, workers)) == {0: 60, 1: 60, 2: 60}


def test_slots_that_nobody_wanted_do_not_add_up_to_a_burst() -> None:
    throttle = Throttle(10, worker=0, workers=1)
    assert throttle.take(0) == 0
    # Nothing for two seconds: the slot that stands now goes at once, the next a tenth of a second later.
    assert [throttle.take(2_050_000_000) for _ in range(3)] == [2_000_000_000, 2_100_000_000, 2_200_000_000]


@both
@pytest.mark.parametrize(
    "load", ["{users: 8, run_time: 2s}", "{rate: 200/s, hold: 2s, max_users: 30}", "{profile: constant-rate, rate: 200/s, duration: 2s, "
    "max_users: 30, of: requests}"],
)  # fmt: skip
async def test_no_second_of_a_run_is_above_the_ceiling(load: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    scenarios = "  - {name: s, steps: [{get: /ok}, {get: /ok, name: b}]}"
    more = "throttle: 30/s\nsetup: [" + ", ".join("{get: /ok}" for _ in range(40)) + "]\nteardown: [{get: /ok}]"
    run = await run_whole(planned(hostile.url, load, scenarios=scenarios, more=more), tmp_path, workers=workers)
    hostile.settle()
    measured = [row for row in run.sent if row.label.section == "scenario"]
    seconds = Counter(row.start // NS for row in measured)
    assert max(seconds.values()) <= 30
    assert len(measured) >= 30
    assert hostile.requests == len(run.sent) == len(measured) + 41
    # Forty requests of setup would have taken more than a second below the ceiling.
    setup = [row for row in run.of("http") if row.label.section == "setup"]
    assert len(setup) == 40
    assert max(row.start for row in setup) - min(row.start for row in setup) < NS
    assert all(row.intended <= row.start for row in measured)


async def test_users_held_back_by_the_throttle_are_cut_without_a_failure(hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, "{users: 20, run_time: 20s}", scenarios="  - {name: s, steps: [{get: /ok}]}", more="throttle: 100/s")
    run = await run_whole(plan, tmp_path, workers=1, during=lambda supervisor: supervisor.stop(reason="enough"))
    # Who waited for a slot has sent nothing: that is no failure of the target.
    assert {row.outcome for row in run.of("http")} == {"ok", "unsent"}
    assert {row.outcome for row in run.of("iteration")} <= {"ok", "aborted", "unsent"}
