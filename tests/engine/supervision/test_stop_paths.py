"""However a run ends, for every model and with one worker and with two: what the rows count is what the target counted."""

from pathlib import Path

import pytest

from maid_lab.engine.supervision.supervisor import Supervisor
from tests.engine.whole import QUICK, Whole, planned, run_whole
from tests.support.hostile import HostileServer

MODELS = {
    "users": "{{users: 6, run_time: {long}}}",
    "iterations": "{{profile: iterations, users: 6, iterations: {loops}, max_duration: 20s}}",
    "rate": "{{rate: 150/s, hold: {long}, max_users: 20}}",
    "requests": "{{profile: constant-rate, rate: 150/s, duration: {long}, max_users: 20, of: requests}}",
}
TWO_STEPS = "  - {name: s, steps: [{get: /ok}, {think: 5ms}, {get: /ok, name: again}]}"
pytestmark = pytest.mark.parametrize("workers", [1, 2])
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
ROWS = "data: [{name: keys, rows: [%s], on_end: stop-run}]" % ", ".join(f"{{k: {number}}}" for number in range(41))  # noqa: UP031 - braces
DRAWING = '  - {name: s, data: keys, steps: [{get: "/ok?k={{ k }}"}]}'


def accounted(run: Whole, hostile: HostileServer) -> bool:
    """Whether each request that the target saw is a row, and each row that was not cut was seen."""
    hostile.settle()
    cut = sum(row.outcome == "aborted" for row in run.of("http"))
    return len(run.sent) - cut <= hostile.requests <= len(run.sent) > 0


@each_model
async def test_natural_end(model: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, model.format(long="800ms", loops=10), scenarios=TWO_STEPS)
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    assert (run.end.status, run.end.reason, run.end.interrupted) == ("completed", "", False)
    assert (
        hostile.requests == len(run.sent) == run.supervisor.status["requests"] - len([r for r in run.of("http") if r.outcome == "dropped"])
    )
    assert not run.of("http", "aborted")
    assert sum(health.requests for health in run.supervisor._health.values()) == len(run.sent)


@each_model
async def test_graceful_stop(model: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    def stop(supervisor: Supervisor) -> None:
        supervisor.stop(reason="enough")

    run = await run_whole(
        planned(hostile.url, model.format(long="20s", loops=9999), scenarios=TWO_STEPS), tmp_path, workers=workers, during=stop
    )
    hostile.settle()
    assert (run.end.status, run.end.reason) == ("stopped", "enough")
    assert hostile.requests == len(run.sent)
    assert not run.of("http", "aborted")
    assert {row.outcome for row in run.of("iteration")} <= {"ok", "aborted", "dropped"}


@each_model
async def test_kill(model: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    def kill(supervisor: Supervisor) -> None:
        supervisor.stop(mode="kill", reason="now")

    run = await run_whole(
        planned(hostile.url, model.format(long="20s", loops=9999), scenarios=TWO_STEPS), tmp_path, workers=workers, during=kill
    )
    assert (run.end.status, run.end.reason) == ("stopped", "now")
    assert accounted(run, hostile)


async def test_a_target_that_fails_most_requests_is_left_alone(
    workers: int, hostile: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maid_lab.engine.supervision.auto_stop._SPAN_S", 1)
    failing = "  - {name: s, steps: [{get: /none}, {think: 5ms}]}"
    plan = planned(hostile.url, MODELS["users"].format(long="20s"), scenarios=failing)
    run = await run_whole(plan, tmp_path, workers=workers, auto_stop=True)
    assert run.end.reason.startswith("stopped automatically: ")
    assert (run.end.status, run.end.interrupted) == ("stopped", True)
    assert accounted(run, hostile)


@each_model
async def test_threshold_abort(model: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    threshold = '"count(*) < 10 over 1s abort"'
    plan = planned(hostile.url, model.format(long="20s", loops=9999), scenarios=TWO_STEPS, thresholds=threshold)
    run = await run_whole(plan, tmp_path, workers=workers)
    assert "says abort" in run.end.reason
    assert (run.end.status, run.end.condemned, run.end.interrupted) == ("stopped", True, False)
    assert accounted(run, hostile)


@each_model
async def test_max_requests(model: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, model.format(long="20s", loops=9999), scenarios=TWO_STEPS, more="limits: {max_requests: 50}")
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    assert (run.end.status, run.end.reason) == ("completed", "max_requests 50 reached")
    assert hostile.requests == len(run.sent) >= 25
    assert hostile.requests <= 50 + 20, "what was in flight at the ceiling may finish, nothing more begins"


async def test_max_requests_of_users_who_do_not_think(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, "{users: 4, run_time: 20s}", scenarios=QUICK, more="limits: {max_requests: 600}")
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    assert run.end.reason == "max_requests 600 reached"
    assert 300 <= hostile.requests == len(run.sent) <= 600 + 4


async def test_a_ceiling_is_that_of_the_workers_with_users(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, "{users: 1, run_time: 20s}", scenarios=QUICK, more="limits: {max_requests: 40}")
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    assert 40 <= hostile.requests == len(run.sent) <= 41


async def test_a_ceiling_below_the_number_of_workers(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, "{users: 4, run_time: 20s}", scenarios=QUICK, more="limits: {max_requests: 1}")
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    assert run.end.reason == "max_requests 1 reached"
    assert 1 <= hostile.requests == len(run.sent) <= 4, "what was in flight at the ceiling may finish"


@each_model
async def test_data_used_up(model: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(hostile.url, model.format(long="20s", loops=9999), scenarios=DRAWING, more=ROWS)
    run = await run_whole(plan, tmp_path, workers=workers)
    hostile.settle()
    assert (run.end.status, run.end.reason) == ("completed", "data set keys has no rows left")
    assert hostile.requests == len(run.sent) == len(run.of("iteration", "ok")) == 41
    assert {row.outcome for row in run.of("iteration")} <= {"ok", "unsent", "dropped", "aborted"}
