"""Branches of a user at the same time: overlap, limits, failures, shared session, and every way to end."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.shard import Shard
from maid_lab.model.plan import Extract, HttpStep, LogStep, ParallelStep, SetStep, Step, ThinkStep, TransactionStep
from tests.engine.running import Row, labels, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Pause, Send, reply

OK = HttpStep(label=2, method="GET", url="/ok")


def at(url: str, **changes: Any) -> HttpStep:
    return HttpStep(label=2, method="GET", url=url, **changes)


def together(*branches: tuple[Step, ...], limit: int = 6) -> ParallelStep:
    return ParallelStep(branches=branches, limit=limit)


def most_at_once(rows: list[Row]) -> int:
    steps = sorted([(row.start, 1) for row in rows] + [(row.end, -1) for row in rows])
    level = most = 0
    for _, change in steps:
        level += change
        most = max(most, level)
    return most


@pytest.mark.parametrize(("limit", "most"), [(6, 5), (2, 2), (1, 1)])
async def test_branches_overlap_up_to_the_limit(hostile: HostileServer, tmp_path: Path, limit: int, most: int) -> None:
    hostile.on("/slow", Pause(0.1), Send(reply()))
    steps = (together(*[(at("/slow"),)] * 5, limit=limit), OK)
    rows = requests(await run_shard(plan_of(hostile.url, steps, ("r",)), tmp_path))
    assert [row.outcome for row in rows] == ["ok"] * 6
    assert most_at_once(rows[:5]) == most
    assert rows[5].start >= max(row.end for row in rows[:5])
    assert hostile.requests == 6


async def test_steps_of_a_branch_follow_each_other_and_connections_are_used_again(hostile: HostileServer, tmp_path: Path) -> None:
    steps = (together((OK, OK, OK), (OK, OK, OK)),)
    rows = requests(await run_shard(plan_of(hostile.url, steps, ("r",), load={"iterations": 4}), tmp_path))
    assert len(rows) == 24 == hostile.requests
    assert hostile.connections == 2


async def test_cookies_and_variables_are_those_of_the_user(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/login", Send(reply(b"{}", ("Set-Cookie", "sid=7"))))
    seen: list[bool] = []

    def answer(request: Any) -> Any:
        seen.append(b"Cookie: sid=7" in request.head)
        return (Send(reply(b'{"v": 3}')),)

    hostile.answer("/value", answer)
    lines: list[str] = []
    take = at("/value", extract=(Extract(name="v", source="json", expr="$.v"),))
    steps = (
        together((at("/login"), take), (SetStep(values=(("w", 4),)), OK)),
        at("/value"),
        LogStep(text="{{ vars.v + vars.w }}", sample=1.0),
    )
    rows = await run_shard(plan_of(hostile.url, steps, ("r",)), tmp_path, log=lambda _level, text: lines.append(text))
    assert {row.outcome for row in requests(rows)} == {"ok"}
    assert (seen, lines) == ([True, True], ["7"])


@pytest.mark.parametrize(("on_error", "after", "iterations"), [("continue", 2, 2), ("iteration", 0, 2), ("user", 0, 1)])
async def test_a_failed_branch_reaches_as_far_as_it_says(
    hostile: HostileServer, tmp_path: Path, on_error: Any, after: int, iterations: int
) -> None:
    hostile.on("/slow", Pause(0.05), Send(reply()))
    hostile.on("/bad", Send(reply(b"", status=500)))
    names = labels("r", "after")
    steps = (together((at("/bad", on_error=on_error), OK), (at("/slow"), OK)), HttpStep(label=3, method="GET", url="/ok"))
    rows = await run_shard(plan_of(hostile.url, steps, (), labels=names, load={"iterations": 2}), tmp_path)
    loops = [row for row in rows if row.label.kind == "iteration"]
    assert [row.outcome for row in loops] == ["error_status"] * iterations
    assert sum(row.name == "after" for row in rows) == after
    assert hostile.requests == len(requests(rows))
    if on_error != "continue":
        # What was under way was finished, nothing more began.
        assert len(requests(rows)) == 2 * iterations


async def test_a_transaction_around_branches_lasts_as_long_as_the_longest(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/slow", Pause(0.15), Send(reply()))
    names = (*labels("r"), labels("t")[2].__class__(scenario="s", transaction="", name="t", kind="transaction"))
    steps = (TransactionStep(label=3, steps=(together((at("/slow"),), (OK,)),)),)
    rows = await run_shard(plan_of(hostile.url, steps, (), labels=names), tmp_path)
    (span,) = [row for row in rows if row.label.kind == "transaction"]
    assert span.outcome == "ok"
    assert span.end - span.start >= 0.15e9
    assert span.end >= max(row.end for row in requests(rows))


async def test_empty_branches_and_thinking_ones_end(hostile: HostileServer, tmp_path: Path) -> None:
    steps = (together((SetStep(values=(("a", 1),)),), ()), together((ThinkStep(low=0.05, high=0.05), OK), (OK,)))
    rows = requests(await run_shard(plan_of(hostile.url, steps, ("r",)), tmp_path))
    assert [row.outcome for row in rows] == ["ok", "ok"]
    first, second = sorted(rows, key=lambda row: row.start)
    assert second.start - first.start >= 0.04e9


@pytest.mark.parametrize("way", ["kill", "stop"])
async def test_branches_are_cut_or_finished_at_the_end(hostile: HostileServer, tmp_path: Path, way: str) -> None:
    hostile.on("/slow", Pause(0.3), Send(reply()))

    def during(shard: Shard, elapsed_s: float) -> bool:
        if hostile.requests < 3 or elapsed_s < 0.1:
            return False
        if way == "kill":
            shard.kill()
        else:
            shard.stop(5.0)
        return True

    load = {"model": "users", "duration_s": 9.0}
    steps = (together(*[(at("/slow"), OK)] * 3),)
    rows = await run_shard(plan_of(hostile.url, steps, ("r",), load=load), tmp_path, during=during)
    await asyncio.sleep(0.35 if way == "kill" else 0)
    assert [row.outcome for row in requests(rows)] == ["aborted" if way == "kill" else "ok"] * 3
    assert hostile.requests == 3


async def test_branches_wait_at_the_throttle(hostile: HostileServer, tmp_path: Path) -> None:
    began = time.monotonic()
    rows = requests(await run_shard(plan_of(hostile.url, (together(*[(OK,)] * 10),), ("r",), throttle_per_s=50.0), tmp_path))
    assert len(rows) == 10
    assert time.monotonic() - began >= 0.15
    starts = sorted(row.start for row in rows)
    assert all(later > earlier for earlier, later in pairwise(starts))
