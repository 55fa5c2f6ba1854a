"""What a scenario in Python can do: each on one worker, its rows compared with what the server got."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import maid_lab
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.plan import Code, Target
from tests.engine.python import users
from tests.engine.python.running import code_plan
from tests.engine.running import Row, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.nginx import Nginx
from tests.support.wire import Hang, Pause, Send, reply


@pytest.fixture
def server(hostile: HostileServer) -> HostileServer:
    hostile.on("/slow", Pause(0.2), Send(reply()))
    hostile.on("/silent", Hang())
    hostile.on("/status/404", Send(reply(b"nothing", status=404)))
    hostile.on("/graphql/good", Send(reply(b'{"data":{"a":1}}')))
    hostile.on("/graphql/bad", Send(reply(b'{"data":null,"errors":[{"message":"no b"}]}')))
    return hostile


async def run(server: HostileServer, folder: Path, function: Any, *, said: list[str] | None = None, **options: Any) -> list[Row]:
    lines = said if said is not None else []
    during = options.pop("during", None)
    plan = code_plan(server.url, function, **options)
    rows = await run_shard(plan, folder, log=lambda _level, text: lines.append(text), during=during)
    server.settle()
    return rows


def iterations(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.label.kind == "iteration"]


def told(rows: list[Row]) -> list[tuple[str, str, str]]:
    return [(row.name, row.outcome, row.error) for row in rows]


async def test_one_request_is_one_row(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.gets, load="{profile: iterations, users: 3, iterations: 20}")
    assert Counter(told(rows)) == {("GET /ok", "ok", ""): 60, ("gets", "ok", ""): 60}
    assert server.requests == 60
    assert server.connections == 3
    assert sum(row.reused for row in requests(rows)) == 57


async def test_every_method_and_body(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.echoes, load="{profile: iterations, users: 1, iterations: 3}")
    assert {row.outcome for row in rows} == {"ok"}, told(rows)
    assert len(requests(rows)) == server.requests == 30
    assert {row.label.method for row in requests(rows)} == {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"}


async def test_it_is_a_real_task(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.sleeps, load="{profile: iterations, users: 2, iterations: 3}")
    assert Counter(row.outcome for row in rows) == {"ok": 12}, told(rows)


async def test_an_exception_fails_the_iteration_and_the_user_goes_on(server: HostileServer, tmp_path: Path) -> None:
    said: list[str] = []
    rows = await run(server, tmp_path, users.breaks, said=said, load="{profile: iterations, users: 2, iterations: 4}")
    assert told(iterations(rows)) == [("breaks", "check_failed", "ValueError: it is broken")] * 8
    assert Counter(row.outcome for row in requests(rows)) == {"ok": 8}
    assert len(said) == 1
    assert "ValueError: it is broken" in said[0]
    assert "tests/engine/python/users.py:" in said[0]
    assert 'raise ValueError("it is broken")' in said[0]


async def test_gathered_requests_overlap_on_connections_of_their_own(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.gathers)
    slow = requests(rows)
    assert server.connections == 3
    assert max(row.start for row in slow) < min(row.end for row in slow)
    assert sorted(told(slow)) == [("slow 0", "ok", ""), ("slow 1", "check_failed", "the middle one"), ("slow 2", "ok", "")]
    assert told(iterations(rows)) == [("gathers", "check_failed", "the middle one")]


async def test_the_code_judges_its_answers(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.judges)
    assert told(rows) == [
        ("made good", "ok", ""),
        ("made bad", "check_failed", "not what I wanted"),
        ("checked", "check_failed", "check two below one: does not hold"),
        ("late", "ok", ""),
        ("last", "ok", ""),
        ("judges", "check_failed", "not what I wanted"),
    ]
    assert rows[0].status == 404
    assert all(row.end > row.start for row in rows)
    assert server.requests == 5


async def test_expectations_timeouts_and_raising(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.expects)
    assert told(requests(rows)) == [
        ("GET /status/{id}", "ok", ""),
        ("list", "ok", ""),
        ("wrong", "check_failed", "HTTP 200 instead of 201"),
        ("raises", "error_status", "HTTP 404"),
        ("slow", "timeout", "timeout (total) while waiting for the answer"),
        ("ends", "error_status", "HTTP 404"),
    ]
    assert [row.outcome for row in iterations(rows)] == ["check_failed"]


async def test_a_request_that_the_code_cancels_is_a_row(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.gives_up)
    assert [(row.name, row.outcome) for row in requests(rows)] == [("GET /silent", "timeout"), ("GET /ok", "ok")]
    assert server.requests == 2


async def test_transactions_are_rows_and_name_their_requests(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.transacts)
    assert [(row.label.kind, row.label.transaction, row.name) for row in rows] == [
        ("http", "shop", "GET /ok"),
        ("http", "inner", "GET /ok"),
        ("transaction", "", "inner"),
        ("transaction", "", "shop"),
        ("http", "", "GET /ok"),
        ("iteration", "", "transacts"),
    ]
    shop = rows[3]
    assert shop.end - shop.start < 50_000_000 + (rows[0].end - rows[0].start) + (rows[1].end - rows[1].start)


async def test_own_measurements_are_rows_of_kind_custom(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.records)
    assert [(row.label.kind, *told([row])[0]) for row in rows] == [
        ("custom", "own work", "ok", ""),
        ("custom", "own trouble", "check_failed", "it hurt"),
        ("iteration", "records", "check_failed", "it hurt"),
    ]
    assert rows[0].end - rows[0].start == pytest.approx(0.5e9, abs=1000)
    assert rows[0].bytes_in == 7


async def test_graphql_errors_fail_the_request(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.asks_graphql)
    assert [(row.label.kind, *told([row])[0]) for row in rows[:2]] == [
        ("graphql", "POST /graphql/good", "ok", ""),
        ("graphql", "bad", "check_failed", "GraphQL: no b"),
    ]
    assert b'"variables":{"x":1}' in server.received[0].body


async def test_the_session_lives_as_long_as_the_user(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.keeps, load="{profile: iterations, users: 2, iterations: 3}")
    assert {row.outcome for row in rows} == {"ok"}, told(rows)
    assert Counter(row.label.section for row in requests(rows)) == {"scenario": 6, "on_start": 2, "on_stop": 2}
    assert {row.name for row in requests(rows)} == {"start", "stop", *(f"keeps {user} {loop}" for user in range(2) for loop in range(3))}


async def test_names_are_made_while_running(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.names_all, load="{profile: iterations, users: 2, iterations: 2}")
    assert Counter(row.name for row in requests(rows)) == {
        "GET /ok/{id}": 12, **{f"page {number} of {user}": 2 for number in range(3) for user in range(2)},
    }  # fmt: skip


@pytest.mark.parametrize("order", ["stop", "kill"])
@pytest.mark.parametrize("function", [users.gets, users.lingers, users.thinks, users.hangs, users.gathers])
@pytest.mark.parametrize(
    "load",
    [
        "{users: 4, run_time: 20s}",
        "{rate: 50/s, hold: 20s, max_users: 6}",
        "{profile: constant-rate, rate: 50/s, duration: 20s, max_users: 6, of: requests}",
    ],
)
async def test_every_end_leaves_one_row_for_each_request(
    order: str, function: Any, load: str, server: HostileServer, tmp_path: Path
) -> None:
    def end(shard: Any, seconds: float) -> bool:
        if not shard.connections or seconds < 0.3:
            return False
        if order == "stop":
            shard.stop(0.5)
        else:
            shard.kill()
        return True

    rows = await run(server, tmp_path, function, load=load, during=end)
    sent = [row for row in requests(rows) if row.outcome not in ("unsent", "dropped")]
    aborted = sum(row.outcome == "aborted" for row in sent)
    assert len(sent) - aborted <= server.requests <= len(sent)
    if order == "stop" and function is users.gets:
        assert aborted == 0
    begun = {(row.user, row.iteration) for row in sent}
    ended = {(row.user, row.iteration) for row in iterations(rows) if row.outcome != "dropped"}
    assert begun <= ended


async def test_the_base_url_can_change_and_strangers_are_refused(server: HostileServer, tmp_path: Path) -> None:
    plan = code_plan(server.url, users.moves)
    plan = replace(
        plan, targets=(*plan.targets, Target(base_url=server.url.replace("127.0.0.1", "localhost"), weight=0, addresses=("127.0.0.1",)))
    )
    rows = await run_shard(plan, tmp_path)
    hosts = [received.header("host") for received in server.received]
    assert [str(host).partition(":")[0] for host in hosts] == ["127.0.0.1", "localhost"]
    assert [(row.name, row.outcome) for row in requests(rows)] == [("GET /ok", "ok"), ("GET /ok", "ok"), ("stranger", "connect_error")]
    assert "127.0.0.2 is not a target of this plan" in rows[2].error


async def test_debug_lines_hold_request_and_answer(server: HostileServer, tmp_path: Path) -> None:
    plan = code_plan(server.url, users.notes)
    await run_shard(plan, tmp_path, keeps=CaptureOptions(debug=True))
    lines = [json.loads(line) for line in (tmp_path / "debug-0-0.jsonl").read_text().splitlines()]
    (line,) = [line for line in lines if line["tag"] == "look here"]
    assert line["request"]["method"] == "POST"
    assert line["request"]["url"] == "/status/404"
    assert line["header"].startswith("HTTP 404\n")
    assert line["body"] == "nothing"
    # The failure itself is there too, under the name that was made while running.
    assert [line["name"] for line in lines if line["tag"] == "HTTP 404"] == ["noted"]


async def test_the_time_of_the_code_itself_is_nobodys_waiting(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.naps)
    second = next(row for row in rows if row.name == "second")
    assert second.start - second.intended < 100_000_000
    (iteration,) = iterations(rows)
    assert iteration.end - iteration.start > 300_000_000


async def test_a_start_that_is_late_shows_in_its_first_request(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.naps, load="{rate: 20/s, hold: 500ms, max_users: 30}")
    starts = sorted(row.intended for row in requests(rows) if row.name == "first")
    assert len(starts) == 10
    # What the code itself takes before it asks is no lateness: on a busy machine that is some milliseconds.
    assert all(abs(later - earlier - 50_000_000) < 25_000_000 for earlier, later in pairwise(starts))


async def test_cookies_and_redirects(server: HostileServer, tmp_path: Path) -> None:
    server.on("/login", Send(reply(b"in", ("Set-Cookie", "sid=s1; Path=/"))))
    rows = await run(server, tmp_path, users.logs_in)
    assert [(row.name, row.outcome, row.status) for row in requests(rows)] == [
        ("GET /login", "ok", 200), ("GET /echo", "ok", 200), ("followed", "ok", 302), ("followed", "ok", 302), ("followed", "ok", 200),
        ("stayed", "ok", 302),
    ]  # fmt: skip
    assert {row.outcome for row in iterations(rows)} == {"ok"}
    assert server.requests == 6


async def test_an_iteration_can_be_left(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.leaves, load="{profile: iterations, users: 1, iterations: 4}")
    assert [(row.outcome, row.error) for row in iterations(rows)] == [("ok", ""), ("check_failed", "enough of this one")] * 2
    assert len(requests(rows)) == 4


async def test_branches_judge_their_own_answers(server: HostileServer, tmp_path: Path) -> None:
    rows = await run(server, tmp_path, users.forks, load="{profile: iterations, users: 1, iterations: 2}")
    assert Counter(told(requests(rows))) == {
        ("single", "check_failed", "judged last"): 2,
        ("branch 0", "ok", ""): 2,
        ("branch 0 again", "ok", ""): 2,
        ("branch 1", "check_failed", "check branch 1: does not hold"): 2,
        ("branch 1 again", "ok", ""): 2,
    }
    assert server.requests == 10


async def test_code_that_awaits_nothing_lets_the_others_live(server: HostileServer, tmp_path: Path) -> None:
    def end(shard: Any, seconds: float) -> bool:
        if seconds > 0.2:
            shard.stop(1.0)
        return seconds > 0.2

    rows = await run(server, tmp_path, users.idles, load="{users: 2, run_time: 20s}", during=end)
    assert {row.user for row in iterations(rows)} == {0, 1}


async def test_wrong_options_are_said(server: HostileServer, tmp_path: Path) -> None:
    said: list[str] = []
    rows = await run(server, tmp_path, users.mistakes, said=said)
    assert server.requests == 0
    assert [row.outcome for row in rows] == ["ok"]
    for text in (
        "no option 'naem'",
        "expect is a status",
        "timeout is a number",
        "one body",
        "line break",
        "data is text or bytes",
        "no method 'TRACE'",
    ):
        assert text in said[0]


async def test_https(tmp_path: Path, nginx: Nginx) -> None:
    plan = code_plan(nginx.tls.rstrip("/"), users.root, load="{profile: iterations, users: 3, iterations: 10}")
    before = nginx.requests()
    trusting = replace(plan.scenarios[0], code=Code(module=users.__name__, function="trusting"))
    users.trusting = maid_lab.scenario(ca=str(nginx.ca))(users.root)  # type: ignore[attr-defined]
    rows = await run_shard(replace(plan, scenarios=(trusting,)), tmp_path)
    assert {row.outcome for row in rows} == {"ok"}, told(rows)
    assert len(requests(rows)) == nginx.requests() - before - 1 == 30
