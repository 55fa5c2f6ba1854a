"""Every load profile, from its recipe to the target's counts: users and starts follow it, with one worker and with two.

What the plan makes exact (numbers of users, of starts, of loops, due times) is checked exactly; what depends on how busy the machine is
(when a user was there) by its integral over the run.
"""

import math
from collections import Counter
from pathlib import Path

import pytest

from maid_lab.model.schedules import arrivals, user_lifetimes
from tests.engine.whole import QUICK, due_uniform, planned, planned_user_seconds, run_whole, user_seconds
from tests.support.hostile import HostileServer, Received
from tests.support.wire import Action, Send, reply

#: Loads by users, each about a second long.
CLOSED = {
    "constant-users": "{profile: constant-users, users: 6, ramp: 300ms, duration: 500ms, ramp_down: 300ms}",
    "ramping-users": "{profile: ramping-users, start: 2, stages: [{duration: 400ms, target: 8}, {duration: 0s, target: 3}, "
    "{duration: 400ms, target: 3}]}",
    "steps": "{profile: steps, from: 2, to: 7, step: 2, step_duration: 250ms, ramp: 100ms}",
    "spike": "{profile: spike, base: 2, peak: 8, at: 300ms, rise: 100ms, hold: 300ms, fall: 100ms, duration: 1100ms}",
    "soak": "{profile: soak, users: 5, ramp: 200ms, hold: 700ms, ramp_down: 200ms}",
    "wave": "{profile: wave, min: 1, max: 7, period: 600ms, duration: 1200ms}",
    "wave points": "{profile: wave, points: [{at: 0%, value: 2}, {at: 50%, value: 6}, {at: 100%, value: 2}], period: 1s, duration: 1s}",
    "short form": "{users: 6, increase_rate: 20/s, run_time: 500ms, decrease_time: 300ms}",
    "test plan": '{test_plan: "6,300ms;6,500ms;0,300ms"}',
}
#: Loads by rate, each about a second long.
OPEN = {
    "constant-rate": "{profile: constant-rate, rate: 60/s, ramp: 300ms, duration: 500ms, ramp_down: 300ms, max_users: 60}",
    "ramping-rate": "{profile: ramping-rate, start: 20/s, stages: [{duration: 500ms, target: 80/s}, {duration: 500ms, target: 10/s}], "
    "max_users: 60}",
    "steps": "{profile: steps, unit: rate, from: 20, to: 70, step: 20, step_duration: 250ms, ramp: 100ms, max_users: 60}",
    "spike": "{profile: spike, unit: rate, base: 20, peak: 90, at: 300ms, rise: 100ms, hold: 300ms, fall: 100ms, duration: 1100ms, "
    "max_users: 60}",
    "soak": "{profile: soak, rate: 50/s, ramp: 200ms, hold: 700ms, ramp_down: 200ms, max_users: 60}",
    "wave": "{profile: wave, unit: rate, min: 10, max: 70, period: 600ms, duration: 1200ms, max_users: 60}",
    "short form": "{rate: 60/s, increase_time: 300ms, run_time: 500ms, decrease_rate: 200/s, max_users: 60}",
}
OF_REQUESTS = {name: f"{load[:-1]}, of: requests}}" for name, load in OPEN.items() if name not in ("soak", "short form")}
both = pytest.mark.parametrize("workers", [1, 2])


@both
@pytest.mark.parametrize("load", CLOSED.values(), ids=CLOSED)
async def test_users_follow_the_profile(load: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, load)
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    segments = plan.loads[0].segments
    lives = {number: len(spans) for number, spans in user_lifetimes(segments, 0, 1)}
    assert (run.end.status, run.end.reason) == ("completed", "")
    assert {row.user for row in run.of("http")} == set(lives) == set(range(math.ceil(max(s.level_to for s in segments))))
    assert hostile.requests == len(run.sent) == len(run.of("iteration"))
    # A user opens one connection in each of its lives; one that is due back before it has left goes on as if it had not been told to leave.
    assert len(lives) <= hostile.connections <= sum(lives.values())
    live = user_seconds(run.users, segments[-1].end_s)
    wanted = planned_user_seconds(segments)
    # Who is told to leave ends its loop first: up to a think time and an answer for each end of a life.
    assert -0.1 * wanted - 0.1 < live - wanted < 0.05 * sum(lives.values()) + 0.1 * wanted + 0.1


@both
@pytest.mark.parametrize("load", OPEN.values(), ids=OPEN)
async def test_starts_follow_the_profile(load: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, load, scenarios=QUICK)
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    due = due_uniform(plan.loads[0].segments)
    starts = sorted(row.intended / 1e9 for row in run.of("iteration"))
    assert (run.end.status, run.end.reason) == ("completed", "")
    assert len(starts) == len(due)
    assert max(abs(at - wanted) for at, wanted in zip(starts, due, strict=True)) < 0.0005
    assert [row for row in run.of("iteration") if row.start < row.intended] == []
    assert hostile.requests == len(run.sent) == len(starts) - len(run.dropped)


@both
@pytest.mark.parametrize("load", OF_REQUESTS.values(), ids=OF_REQUESTS)
async def test_requests_follow_the_profile(load: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, load, scenarios="  - {name: s, steps: [{get: /ok}, {get: /ok, name: b}, {think: 10ms}]}")
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    due = due_uniform(plan.loads[0].segments)
    slots = sorted(row.intended / 1e9 for row in [*run.of("http"), *run.dropped])
    assert (run.end.status, run.end.reason) == ("completed", "")
    assert len(slots) == len(due)
    assert max(abs(at - wanted) for at, wanted in zip(slots, due, strict=True)) < 0.0005
    assert hostile.requests == len(run.sent) == len(due) - len(run.dropped)


@both
async def test_random_arrivals_are_the_same_for_any_number_of_workers(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, "{profile: constant-rate, rate: 80/s, duration: 1s, max_users: 80, arrivals: poisson}", scenarios=QUICK)
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    due = sorted(row.intended / 1e9 for row in run.of("iteration"))
    alone = [at for _, at in arrivals(plan.loads[0].segments, "poisson", "7/load1", 0, 1)]
    assert due == pytest.approx(alone, abs=1e-6)
    assert hostile.requests == len(run.sent) == len(due)


@both
@pytest.mark.parametrize(("share", "loops"), [("per-user", {7: 5}), ("shared", None)])
async def test_loops_are_counted(share: str, loops: dict[int, int] | None, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, f"{{profile: iterations, users: 7, iterations: 5, share: {share}}}", scenarios=QUICK)
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    each = Counter(row.user for row in run.of("iteration"))
    assert hostile.requests == len(run.sent) == (35 if share == "per-user" else 5)
    assert share == "shared" or each == dict.fromkeys(range(7), 5)


@both
async def test_a_pool_of_loops_is_not_dealt_to_workers_without_users(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, "{profile: iterations, users: 1, iterations: 9, share: shared}", scenarios=QUICK)
    assert len((await run_whole(plan, tmp_path, workers=workers)).of("iteration", "ok")) == 9


@both
async def test_one_user_takes_all_starts_on_any_number_of_workers(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, "{profile: constant-rate, rate: 5/s, duration: 1s, max_users: 1}", scenarios=QUICK)
    run = await run_whole(plan, tmp_path, workers=workers)
    assert [row.outcome for row in run.of("iteration")] == ["ok"] * 5


RECORDING = """\
offset,scenario,sku
0,front,lamp
0.1,buy,chair
0.1,front,desk
0.35,buy,sofa
0.6,front,rug
"""


@both
@pytest.mark.parametrize(("speed", "last"), [(1.0, 0.6), (2.0, 0.3)])
async def test_a_recording_is_replayed_as_it_was(speed: float, last: float, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text(RECORDING)
    plan = planned(
        hostile.url,
        f"{{profile: replay, path: day.csv, max_users: 10, speed: {speed}}}",
        scenarios='  - {name: front, steps: [{get: "/ok?front={{ row.sku }}"}]}\n  - {name: buy, steps: [{get: "/ok?buy={{ sku }}"}]}',
        folder=tmp_path,
    )
    asked: list[str] = []

    def note(request: Received) -> tuple[Action, ...]:
        asked.append(request.target)
        return (Send(reply()),)

    hostile.answer("/ok", note)
    (tmp_path / "run").mkdir()
    run = await run_whole(plan, tmp_path / "run", workers=workers)
    hostile.settle()
    assert sorted(asked) == ["/ok?buy=chair", "/ok?buy=sofa", "/ok?front=desk", "/ok?front=lamp", "/ok?front=rug"]
    starts = sorted(row.intended / 1e9 for row in run.of("iteration"))
    assert starts == pytest.approx([offset / speed for offset in (0, 0.1, 0.1, 0.35, 0.6)], abs=1e-6)
    assert starts[-1] == pytest.approx(last)
