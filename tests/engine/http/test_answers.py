"""Every kind of answer, right or wrong: the row it becomes, and that the user goes on."""

from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.plan import Check, Extract, HttpStep, Retry, Timeouts
from tests.engine.running import plan_of, requests, run_shard
from tests.support.cases import CASES
from tests.support.hostile import HostileServer

QUICK = Timeouts(total_s=0.4)
WHOLE_BODY = (Check(kind="body_matches", op="matches", value="(?s).*", text="any"),)


def step(label: int, url: str, **fields: Any) -> HttpStep:
    return HttpStep(label=label, method=fields.pop("method", "GET"), url=url, timeouts=QUICK, on_error="continue", **fields)


@pytest.mark.parametrize("path", sorted(CASES))
@pytest.mark.parametrize("reads_body", [False, True], ids=["counted", "read"])
async def test_an_answer_becomes_its_row_and_the_user_goes_on(hostile: HostileServer, tmp_path: Path, path: str, reads_body: bool) -> None:
    case = CASES[path]
    checks = WHOLE_BODY if reads_body and case.body is not None else ()
    if path == "/gzip-garbage" and not reads_body:
        pytest.skip("a body that no step reads is not decoded")
    checks = WHOLE_BODY if path == "/gzip-garbage" else checks
    default = (Check(kind="status", op="in", value=["2xx", "3xx"], text="status"),) if checks and case.outcome == "error_status" else ()
    steps = (step(2, path, method=case.method, check=checks), step(3, "/ok"))
    rows = requests(await run_shard(plan_of(hostile.url, steps, ("tested", "after"), load={"iterations": 2}), tmp_path))
    hostile.settle()
    assert not default or case.status >= 400
    # A server that closes without saying so may do it while the next request is on its way: then that one was reset, and the row says so.
    after = {"ok", "reset"} if path == "/close-unannounced" else {"ok"}
    assert [row.name for row in rows] == ["tested", "after"] * 2
    assert [row.outcome for row in rows[::2]] == [case.outcome] * 2
    assert {row.outcome for row in rows[1::2]} <= after
    assert hostile.requests == sum(row.outcome != "reset" or row.name == "tested" for row in rows)
    assert hostile.connections == (1 if case.reusable else 3) or path.startswith("/close-late") or not case.reusable
    assert all((row.error == "") == (row.outcome == "ok") for row in rows)
    if case.outcome in ("ok", "error_status"):
        assert rows[0].status == case.status


@pytest.mark.parametrize("cut", range(1, 60, 3))
async def test_an_answer_in_two_reads_is_the_same_wherever_it_is_cut(hostile: HostileServer, tmp_path: Path, cut: int) -> None:
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, f"/cut/{cut}"),), ("cut",), load={"iterations": 3}), tmp_path))
    assert [row.outcome for row in rows] == ["ok"] * 3
    assert hostile.connections == 1
    assert len({row.bytes_in for row in rows}) == 1


async def test_a_refused_connection_is_a_row_that_says_what_to_do(free_port: int, tmp_path: Path) -> None:
    rows = requests(await run_shard(plan_of(f"http://127.0.0.1:{free_port}", (step(2, "/"),), ("x",), load={"iterations": 3}), tmp_path))
    assert [row.outcome for row in rows] == ["connect_error"] * 3
    assert rows[0].error == f"http://127.0.0.1:{free_port}: connection refused: nothing listens there"


async def test_a_port_that_resets_is_a_row(resetting_port: int, tmp_path: Path) -> None:
    rows = requests(
        await run_shard(plan_of(f"http://127.0.0.1:{resetting_port}", (step(2, "/"),), ("x",), load={"iterations": 3}), tmp_path)
    )
    assert {row.outcome for row in rows} <= {"reset", "connect_error"}
    assert len(rows) == 3


async def test_a_port_that_never_answers_times_out(silent_port: int, tmp_path: Path) -> None:
    rows = requests(await run_shard(plan_of(f"http://127.0.0.1:{silent_port}", (step(2, "/"),), ("x",)), tmp_path))
    assert [(row.outcome, row.error.startswith("timeout (total)")) for row in rows] == [("timeout", True)]
    assert 0.4 <= (rows[0].end - rows[0].start) / 1e9 < 1.0


async def test_a_stranger_is_not_a_target(hostile: HostileServer, tmp_path: Path) -> None:
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, "http://example.test/"),), ("x",)), tmp_path))
    assert [(row.outcome, row.error) for row in rows] == [("connect_error", "host example.test is not a target of this plan")]
    assert hostile.requests == 0


async def test_each_hop_of_a_redirect_is_a_row(hostile: HostileServer, tmp_path: Path) -> None:
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, "/redirect/3"),), ("r",)), tmp_path))
    assert [(row.outcome, row.redirected) for row in rows] == [("ok", False), ("ok", True), ("ok", True), ("ok", True)]
    assert rows[-1].status == 200
    assert hostile.requests == 4


async def test_redirects_end_at_their_limit(hostile: HostileServer, tmp_path: Path) -> None:
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, "/loop", redirects=5),), ("r",)), tmp_path))
    assert [row.outcome for row in rows] == ["ok"] * 5 + ["protocol_error"]
    assert rows[-1].error == "more than 5 redirects"


async def test_a_redirect_that_is_not_followed_is_the_answer(hostile: HostileServer, tmp_path: Path) -> None:
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, "/redirect/1", redirects=0),), ("r",)), tmp_path))
    assert [(row.outcome, row.status) for row in rows] == [("ok", 302)]


async def test_cookies_go_back_to_the_server(hostile: HostileServer, tmp_path: Path) -> None:
    await run_shard(plan_of(hostile.url, (step(2, "/cookies"), step(3, "/ok")), ("set", "ok")), tmp_path)
    hostile.settle()
    assert [request.header("cookie") for request in hostile.received] == [None, "a=1"]


async def test_each_attempt_of_a_retry_is_a_row(hostile: HostileServer, tmp_path: Path) -> None:
    retry = Retry(times=2, wait_s=0.01, on=("5xx", "reset"))
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, "/500", retry=retry),), ("r",)), tmp_path))
    assert [(row.outcome, row.attempt) for row in rows] == [("error_status", 0), ("error_status", 1), ("error_status", 2)]


async def test_a_value_found_in_an_answer_goes_into_the_next_request(hostile: HostileServer, tmp_path: Path) -> None:
    extract = (Extract(name="word", source="regex", expr="(h[a-z]+)"),)
    steps = (step(2, "/ok", extract=extract), step(3, "/echo?w={{ vars.word | default('none') }}"))
    await run_shard(plan_of(hostile.url, steps, ("a", "b")), tmp_path)
    hostile.settle()
    assert hostile.received[1].target.startswith("/echo?w=")
    assert not hostile.received[1].target.endswith("none")


async def test_a_failed_check_names_what_was_wanted(hostile: HostileServer, tmp_path: Path) -> None:
    check = (Check(kind="status", op="in", value=[201], text="status 201"),)
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, "/ok", check=check),), ("c",)), tmp_path))
    assert [(row.outcome, row.error) for row in rows] == [("check_failed", "check status 201: got 200")]


async def test_an_extract_that_finds_nothing_says_so(hostile: HostileServer, tmp_path: Path) -> None:
    extract = (Extract(name="sku", source="json", expr="$.sku"),)
    rows = requests(await run_shard(plan_of(hostile.url, (step(2, "/ok", extract=extract),), ("c",)), tmp_path))
    assert [(row.outcome, row.error) for row in rows] == [
        ("extract_miss", "extract sku: nothing found by json $.sku (the body is not JSON)")
    ]
