"""Hooks and sessions: on_start and on_stop of all models (H2), and that each start of an open load is a new visitor."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.supervision.supervisor import Supervisor
from tests.engine.whole import Whole, planned, run_whole
from tests.support.hostile import HostileServer, Received
from tests.support.wire import Action, Send, reply

HOOKED = """\
  - name: s
    on_start: [{get: "/ok?start"}]
    on_stop: [{get: "/ok?stop"}]
    steps: [{get: "/ok?step"}, {think: 10ms}]
"""
LOADS = {
    "users": "{users: 5, run_time: %s}",
    "rate": "{rate: 60/s, hold: %s, max_users: 6}",
    "requests": "{profile: constant-rate, rate: 60/s, duration: %s, max_users: 6, of: requests}",
}
both = pytest.mark.parametrize("workers", [1, 2])
each_load = pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)


def asked(run: Whole) -> Counter[str]:
    return Counter(row.label.url.partition("?")[2] for row in run.of("http", "ok"))


@both
@each_load
async def test_hooks_run_once_for_each_user(load: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    run = await run_whole(planned(hostile.url, load % "700ms", scenarios=HOOKED), tmp_path, workers=workers)
    hostile.settle()
    users = {row.user for row in run.of("http") if row.label.section == "on_start"}
    assert asked(run)["start"] == asked(run)["stop"] == len(users) > 0
    assert hostile.requests == len(run.sent)
    # The last thing that a user does is its on_stop.
    for user in users:
        rows = sorted((row for row in run.of("http") if row.user == user), key=lambda row: row.start)
        assert (rows[0].label.section, rows[-1].label.section) == ("on_start", "on_stop")


@both
@each_load
@pytest.mark.parametrize("mode", ["graceful", "kill"])
async def test_on_stop_runs_at_a_graceful_stop_and_not_when_stopped_now(
    mode: Any, load: str, workers: int, hostile: HostileServer, tmp_path: Path
) -> None:
    def stop(supervisor: Supervisor) -> None:
        supervisor.stop(mode=mode, reason="enough")

    run = await run_whole(planned(hostile.url, load % "20s", scenarios=HOOKED), tmp_path, workers=workers, during=stop)
    hostile.settle()
    assert asked(run)["start"] > 0
    assert asked(run)["stop"] == (asked(run)["start"] if mode == "graceful" else 0)


async def test_on_stop_that_hangs_is_cut_at_the_deadline(hostile: HostileServer, tmp_path: Path) -> None:
    plan = planned(
        hostile.url,
        "{users: 3, run_time: 300ms, graceful_stop: 300ms}",
        scenarios="  - {name: s, on_stop: [{get: /hang}], steps: [{get: /ok}, {think: 10ms}]}",
    )
    run = await run_whole(plan, tmp_path, workers=1)
    assert [row.outcome for row in run.of("http") if row.label.section == "on_stop"] == ["aborted"] * 3


async def test_each_start_is_a_new_visitor_on_an_open_connection(hostile: HostileServer, tmp_path: Path) -> None:
    seen: list[tuple[str, bytes]] = []

    def shop(request: Received) -> tuple[Action, ...]:
        seen.append((request.target, request.head))
        cookie = {"/login": "who=me", "/cart": "cart=full"}[request.path]
        return (Send(reply(b"ok", ("Set-Cookie", cookie))),)

    hostile.answer("/login", shop)
    hostile.answer("/cart", shop)
    scenarios = """\
  - name: s
    on_start: [{get: /login}, {set: {kept: of-the-user}}]
    steps:
      - {set: {seen: "{{ vars.visits | default(0) }}"}}
      - {get: "/cart?{{ kept }}-{{ seen }}"}
      - {set: {visits: 1}}
"""
    run = await run_whole(planned(hostile.url, "{rate: 20/s, hold: 500ms, max_users: 1}", scenarios=scenarios), tmp_path, workers=1)
    hostile.settle()
    visits = [(target, head) for target, head in seen if target != "/login"]
    assert len(visits) == len(run.of("iteration", "ok")) > 2
    # Cookies and variables are as after on_start each time; the connection is the one of the user.
    assert {target for target, _ in visits} == {"/cart?of-the-user-0"}
    assert all(b"who=me" in head and b"cart=" not in head for _, head in visits)
    assert hostile.connections == 1


@both
async def test_prewarmed_users_are_ready_when_the_first_start_is_due(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    load = "{profile: constant-rate, rate: 40/s, duration: 500ms, max_users: 8, prewarm: 4}"
    run = await run_whole(planned(hostile.url, load, scenarios=HOOKED), tmp_path, workers=workers)
    started = sorted(row.start for row in run.of("http") if row.label.section == "on_start")
    assert len(started) >= 4
    # Before the first start, but for what a busy machine takes to hear of it; made by their starts, the fourth would come after 75 ms.
    assert started[3] < 30_000_000
    assert asked(run)["stop"] == asked(run)["start"]


@both
async def test_a_start_whose_on_start_fails_is_a_row(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    scenarios = "  - {name: s, on_start: [{get: /500}], steps: [{get: /ok}]}"
    run = await run_whole(planned(hostile.url, "{rate: 20/s, hold: 500ms, max_users: 20}", scenarios=scenarios), tmp_path, workers=workers)
    assert Counter((row.outcome, row.error) for row in run.of("iteration")) == {("unsent", "on_start failed"): 10}
    assert hostile.requests == 10


@both
async def test_setup_and_teardown_run_once(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    more = 'setup: [{get: "/ok?setup"}]\nteardown: [{get: "/ok?teardown"}]'
    run = await run_whole(planned(hostile.url, "{users: 4, iterations: 3}", more=more), tmp_path, workers=workers)
    assert (asked(run)["setup"], asked(run)["teardown"]) == (1, 1)
    assert len(run.of("iteration")) == 12
