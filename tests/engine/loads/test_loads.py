"""Loads on one shard: counts, shares, times, stops. All figures are counts, never latencies."""

import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.shard import Shard
from maid_lab.model.plan import (
    Check,
    DataSet,
    Extract,
    HttpStep,
    IfStep,
    Label,
    LoopStep,
    RandomStep,
    Scenario,
    Segment,
    SetStep,
    SwitchStep,
    ThinkStep,
    Timeouts,
    TransactionStep,
    WhileStep,
)
from tests.engine.running import labels, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Pause, Send, reply

OK = HttpStep(label=2, method="GET", url="/ok")


def of_kind(rows: Any, kind: str) -> list[Any]:
    return [row for row in rows if row.label.kind == kind]


async def test_every_user_does_its_iterations(hostile: HostileServer, tmp_path: Path) -> None:
    rows = await run_shard(plan_of(hostile.url, (OK,), ("ok",), load={"users": 7.0, "iterations": 5}), tmp_path)
    hostile.settle()
    assert Counter(row.user for row in requests(rows)) == dict.fromkeys(range(7), 5)
    assert hostile.requests == len(requests(rows)) == len(of_kind(rows, "iteration"))
    assert hostile.connections == 7


async def test_a_shared_pool_is_emptied_exactly(hostile: HostileServer, tmp_path: Path) -> None:
    rows = await run_shard(plan_of(hostile.url, (OK,), ("ok",), load={"users": 7.0, "iterations": 50, "share": "shared"}), tmp_path)
    assert len(requests(rows)) == 50


async def test_users_come_and_go_as_planned(hostile: HostileServer, tmp_path: Path) -> None:
    segments = (
        Segment(start_s=0, end_s=0.4, level_from=0, level_to=4),
        Segment(start_s=0.4, end_s=0.6, level_from=4, level_to=4),
        Segment(start_s=0.6, end_s=1.0, level_from=4, level_to=0),
    )
    steps = (OK, ThinkStep(low=0.01, high=0.01))
    load = {"model": "users", "users": 4.0, "duration_s": 1.0, "segments": segments}
    rows = requests(await run_shard(plan_of(hostile.url, steps, ("ok",), load=load), tmp_path))
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    for row in rows:
        first.setdefault(row.user, row.start / 1e9)
        last[row.user] = row.end / 1e9
    for user, (began, left) in {0: (0.0, 1.0), 1: (0.1, 0.9), 2: (0.2, 0.8), 3: (0.3, 0.7)}.items():
        assert began <= first[user] < began + 0.09
        assert left - 0.09 < last[user] < left + 0.09


async def test_a_user_that_is_due_back_before_it_has_left_stays(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/slow", Pause(0.3), Send(reply()))
    segments = tuple(
        Segment(start_s=at, end_s=at + length, level_from=level, level_to=level)
        for at, length, level in ((0, 0.1, 2), (0.1, 0.1, 1), (0.2, 0.6, 2))
    )
    load = {"model": "users", "users": 2.0, "duration_s": 0.8, "segments": segments}
    plan = plan_of(hostile.url, (HttpStep(label=2, method="GET", url="/slow"),), ("slow",), load=load)
    rows = requests(await run_shard(plan, tmp_path))
    assert Counter(row.user for row in rows) == {0: 3, 1: 3}


@pytest.mark.parametrize("arrivals", ["uniform", "poisson"])
async def test_arrivals_start_when_they_are_due(hostile: HostileServer, tmp_path: Path, arrivals: str) -> None:
    segments = (Segment(start_s=0, end_s=1.0, level_from=200, level_to=200),)
    load = {"model": "rate", "users": 1.0, "duration_s": 1.0, "segments": segments, "max_users": 50, "arrivals": arrivals}
    rows = requests(await run_shard(plan_of(hostile.url, (OK,), ("ok",), load=load), tmp_path))
    intended = sorted(row.intended / 1e9 for row in rows)
    if arrivals == "uniform":
        assert intended == pytest.approx([n / 200 for n in range(200)], abs=1e-6)
    assert 140 <= len(rows) <= 260
    assert all(row.start >= row.intended for row in rows)
    assert hostile.connections <= 50


async def test_a_dropped_start_is_a_row(hostile: HostileServer, tmp_path: Path) -> None:
    segments = (Segment(start_s=0, end_s=0.5, level_from=100, level_to=100),)
    load = {"model": "rate", "users": 1.0, "duration_s": 0.5, "segments": segments, "max_users": 2}
    steps = (OK, ThinkStep(low=0.2, high=0.2))
    rows = await run_shard(plan_of(hostile.url, steps, ("ok",), load=load), tmp_path)
    outcomes = Counter(row.outcome for row in of_kind(rows, "iteration"))
    assert outcomes["ok"] + outcomes["dropped"] == 50
    assert outcomes["dropped"] >= 30
    assert hostile.requests == len(requests(rows)) == outcomes["ok"]


async def test_shares_of_weighted_scenarios_match(hostile: HostileServer, tmp_path: Path) -> None:
    plan = plan_of(hostile.url, (OK,), ("ok",), load={"users": 8.0, "iterations": 3})
    second = Scenario(name="t", label=3, weight=1, steps=(HttpStep(label=4, method="GET", url="/empty"),))
    more = (
        *labels("ok"),
        Label(scenario="t", transaction="", name="t", kind="iteration"),
        Label(scenario="t", transaction="", name="e", kind="http"),
    )
    from dataclasses import replace

    plan = replace(plan, scenarios=(*plan.scenarios, second), labels=more, loads=(replace(plan.loads[0], order=(0, 1, 0, 0)),))
    rows = requests(await run_shard(plan, tmp_path))
    assert Counter(row.name for row in rows) == {"ok": 18, "e": 6}


async def test_a_throttle_is_a_ceiling(hostile: HostileServer, tmp_path: Path) -> None:
    load = {"model": "users", "users": 10.0, "duration_s": 1.0}
    rows = requests(await run_shard(plan_of(hostile.url, (OK,), ("ok",), load=load, throttle_per_s=100.0), tmp_path))
    starts = sorted(row.start for row in rows)
    most = max(sum(first <= start < first + 500_000_000 for start in starts) for first in starts)
    assert 60 <= len(rows) <= 112
    assert most <= 52


async def test_pacing_keeps_iterations_apart(hostile: HostileServer, tmp_path: Path) -> None:
    load = {"users": 1.0, "iterations": 4, "pace_s": 0.1}
    rows = of_kind(await run_shard(plan_of(hostile.url, (OK,), ("ok",), load=load), tmp_path), "iteration")
    gaps = [(later.start - earlier.start) / 1e9 for earlier, later in pairwise(rows)]
    assert gaps == pytest.approx([0.1] * 3, abs=1e-6)


async def test_a_stop_lets_answers_arrive_and_starts_nothing_more(hostile: HostileServer, tmp_path: Path) -> None:
    path = "/slow-body"
    plan = plan_of(
        hostile.url, (HttpStep(label=2, method="GET", url=path),), ("slow",), load={"model": "users", "users": 5.0, "duration_s": 8.0}
    )

    def stop(shard: Shard, elapsed: float) -> bool:
        if elapsed > 0.12:
            shard.stop(2.0)
        return elapsed > 0.12

    rows = await run_shard(plan, tmp_path, during=stop)
    hostile.settle()
    assert {row.outcome for row in requests(rows)} == {"ok"}
    assert hostile.requests == len(requests(rows))


async def test_a_kill_cuts_at_once_and_says_so_in_the_rows(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=3, method="GET", url="/hang")
    inner = TransactionStep(label=4, steps=(step,))
    more = (*labels("ok", "hang"), Label(scenario="s", transaction="tx", name="tx", kind="transaction"))
    plan = plan_of(hostile.url, (OK, inner), (), load={"model": "users", "users": 3.0, "duration_s": 8.0}, labels=more)
    killed = 0.0

    def kill(shard: Shard, elapsed: float) -> bool:
        nonlocal killed
        if elapsed > 0.2:
            killed = time.monotonic()
            shard.kill()
        return elapsed > 0.2

    rows = await run_shard(plan, tmp_path, during=kill)
    hostile.settle()
    assert time.monotonic() - killed < 1.0
    assert Counter((row.name, row.outcome) for row in rows) == {
        ("ok", "ok"): 3,
        ("hang", "aborted"): 3,
        ("tx", "aborted"): 3,
        ("s", "aborted"): 3,
    }
    assert hostile.requests == 6


async def test_a_graceful_period_of_nothing_cuts_at_the_end(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=2, method="GET", url="/hang", timeouts=Timeouts(total_s=5))
    load = {"model": "users", "users": 2.0, "duration_s": 0.3, "graceful_stop_s": 0.0}
    rows = requests(await run_shard(plan_of(hostile.url, (step,), ("hang",), load=load), tmp_path))
    assert [row.outcome for row in rows] == ["aborted", "aborted"]


async def test_control_flow_sends_what_it_says(hostile: HostileServer, tmp_path: Path) -> None:
    def echo(word: str) -> HttpStep:
        return HttpStep(label=2, method="GET", url=f"/echo?w={word}")

    steps = (
        SetStep(values=(("n", 2), ("words", ["a", "b"]))),
        LoopStep(steps=(echo("loop"),), count="{{ vars.n }}"),
        LoopStep(steps=(echo("{{ vars.w }}"),), over="vars.words", name="w"),
        IfStep(condition="vars.n > 1", then=(echo("then"),), otherwise=(echo("else"),)),
        SwitchStep(expression="vars.n", cases=(("1", (echo("one"),)), ("2", (echo("two"),)))),
        WhileStep(condition="vars.n < 5", steps=(SetStep(values=(("n", "{{ vars.n + 1 }}"),)), echo("while")), limit=2),
        RandomStep(branches=((0.0, (echo("never"),)), (1.0, (echo("always"),)))),
        HttpStep(label=2, method="GET", url="/echo?w=skipped", when="vars.n == 99"),
    )
    await run_shard(plan_of(hostile.url, steps, ("echo",)), tmp_path)
    hostile.settle()
    words = [request.target.partition("w=")[2] for request in hostile.received]
    assert words == ["loop", "loop", "a", "b", "then", "two", "while", "while", "always"]


async def test_an_expression_without_value_is_a_row_and_the_user_goes_on(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=2, method="GET", url="/x/{{ vars.missing }}")
    rows = await run_shard(plan_of(hostile.url, (step,), ("x",), load={"iterations": 3}), tmp_path)
    assert [(row.outcome, row.error) for row in requests(rows)] == [("extract_miss", "vars.missing has no value")] * 3
    assert [row.outcome for row in of_kind(rows, "iteration")] == ["extract_miss"] * 3
    assert hostile.requests == 0


@pytest.mark.parametrize(("on_error", "sent"), [("continue", 6), ("iteration", 3), ("user", 1), ("run", 1)])
async def test_on_error_says_how_far_a_failure_reaches(hostile: HostileServer, tmp_path: Path, on_error: Any, sent: int) -> None:
    bad = HttpStep(label=2, method="GET", url="/500", on_error=on_error)
    after = HttpStep(label=3, method="GET", url="/ok")
    await run_shard(plan_of(hostile.url, (bad, after), ("bad", "after"), load={"iterations": 3}), tmp_path)
    hostile.settle()
    assert hostile.requests == sent


async def test_rows_of_data_are_dealt_in_order_and_run_out(hostile: HostileServer, tmp_path: Path) -> None:
    data = DataSet(name="d", path="", rows=({"w": "a"}, {"w": "b"}, {"w": "c"}), on_end="stop-user")
    step = HttpStep(label=2, method="GET", url="/echo?w={{ row.w }}")
    plan = plan_of(hostile.url, (step,), ("x",), load={"iterations": 10}, data=(data,), scenario={"data": "d"})
    await run_shard(plan, tmp_path)
    hostile.settle()
    assert [request.target[-1] for request in hostile.received] == ["a", "b", "c"]


async def test_what_on_start_finds_lasts_and_what_an_iteration_finds_does_not(hostile: HostileServer, tmp_path: Path) -> None:
    login = HttpStep(label=2, method="GET", url="/ok", extract=(Extract(name="token", source="status"),))
    use = HttpStep(label=3, method="GET", url="/echo?t={{ vars.token }}&o={{ vars.own | default('none') }}")
    find = HttpStep(label=3, method="GET", url="/ok", extract=(Extract(name="own", source="status"),))
    plan = plan_of(hostile.url, (use, find), ("login", "use"), load={"iterations": 2}, scenario={"on_start": (login,)})
    await run_shard(plan, tmp_path)
    hostile.settle()
    assert [request.target for request in hostile.received if "echo" in request.target] == ["/echo?t=200&o=none"] * 2


async def test_a_secret_reaches_the_wire(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=2, method="GET", url="/ok", auth=("basic", "me", "{{ secrets.password }}"))
    await run_shard(plan_of(hostile.url, (step,), ("x",)), tmp_path, secrets={"password": "geheim"})
    hostile.settle()
    assert hostile.received[0].header("authorization") == "Basic bWU6Z2VoZWlt"


async def test_a_header_with_a_line_break_is_never_sent(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=2, method="GET", url="/ok", headers=(("X-A", "{{ vars.bad }}"),))
    rows = requests(await run_shard(plan_of(hostile.url, (step,), ("x",), variables=(("bad", "a\r\nX-B: 1"),)), tmp_path))
    assert [row.error for row in rows] == ["the value of header X-A holds a line break or another control character"]
    assert hostile.requests == 0


async def test_a_body_goes_out_as_it_was_written(hostile: HostileServer, tmp_path: Path) -> None:
    from maid_lab.model.plan import Body

    steps = (
        HttpStep(label=2, method="POST", url="/ok", body=Body(kind="json", value={"n": "{{ vars.n }}", "t": "x{{ vars.n }}"})),
        HttpStep(label=2, method="POST", url="/ok", body=Body(kind="form", value={"a": "ä b", "n": "{{ vars.n }}"})),
        HttpStep(label=2, method="POST", url="/ok", body=Body(kind="text", value="plain")),
        HttpStep(label=2, method="POST", url="/ok", params=(("q", "a b"), ("q", "c&d"))),
    )
    await run_shard(plan_of(hostile.url, steps, ("x",), variables=(("n", 5),)), tmp_path)
    hostile.settle()
    assert [request.body for request in hostile.received] == [b'{"n":5,"t":"x5"}', b"a=%C3%A4+b&n=5", b"plain", b""]
    assert hostile.received[3].target == "/ok?q=a%20b&q=c%26d"
    assert [request.header("content-type") for request in hostile.received[:2]] == ["application/json", "application/x-www-form-urlencoded"]


async def test_checks_hold_or_say_what_was_found(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.answer("/json", lambda _request: _json_answer())
    checks = {
        "json $.a equals 1": Check(kind="json", op="equals", subject="$.a", value=1, text="json $.a equals 1"),
        "json $.b count 2": Check(kind="json", op="count", subject="$.b[*]", value=2, text="json $.b count 2"),
        "json $.b contains y": Check(kind="json", op="contains", subject="$.b", value="y", text="json $.b contains y"),
        "not json $.z": Check(kind="json", op="exists", subject="$.z", value=True, negated=True, text="not json $.z"),
        "header": Check(kind="header", op="matches", subject="content-type", value="^application/", text="header"),
        "size": Check(kind="size", op="lt", value=100.0, text="size"),
        "latency": Check(kind="latency", op="lt", value=5.0, text="latency"),
        "body": Check(kind="body_contains", op="contains", value='"x"', text="body"),
    }
    step = HttpStep(label=2, method="GET", url="/json", check=tuple(checks.values()), on_error="continue")
    wrong = tuple(
        HttpStep(
            label=2, method="GET", url="/json", check=(Check(**{**_fields(check), "negated": not check.negated}),), on_error="continue"
        )
        for check in checks.values()
    )
    rows = requests(await run_shard(plan_of(hostile.url, (step, *wrong), ("j",)), tmp_path))
    assert [row.outcome for row in rows] == ["ok"] + ["check_failed"] * len(checks)
    assert [row.error.split(":")[0] for row in rows[1:]] == [f"check {name}" for name in checks]


def _json_answer() -> Any:
    return (Send(reply(b'{"a":1,"b":["x","y"]}', ("Content-Type", "application/json"))),)


def _fields(check: Check) -> dict[str, Any]:
    return {name: getattr(check, name) for name in ("kind", "op", "value", "subject", "negated", "text")}


async def test_who_meets_an_error_thinks_before_the_next_iteration(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/down", Send(reply(status=503)))
    step = HttpStep(label=2, method="GET", url="/down")
    plan = plan_of(
        hostile.url,
        (step,),
        ("r",),
        scenario={"think": ThinkStep(low=0.1, high=0.1)},
        load={"model": "users", "users": 2.0, "duration_s": 0.45},
    )
    rows = requests(await run_shard(plan, tmp_path))
    assert {row.outcome for row in rows} == {"error_status"}
    # A start at once, then one in a tenth of a second: without the pause there would be hundreds.
    assert 4 <= len(rows) == hostile.requests <= 12
