"""Loops that connections step by themselves give the same rows as the script would."""

from collections import Counter
from pathlib import Path

from maid_lab.engine.shard import Shard
from maid_lab.model.plan import HttpStep
from tests.engine.running import Row, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Close, Reset, Send, reply

STEPS = tuple(HttpStep(label=2 + n, method="GET", url=url) for n, url in enumerate(("/ok", "/flaky", "/empty")))
NAMES = ("first", "flaky", "last")


async def journeys(hostile: HostileServer, folder: Path, *, seconds: float = 0.4) -> list[Row]:
    load = {"model": "users", "users": 3.0, "duration_s": seconds}
    leapt: list[object] = []

    def look(shard: Shard, elapsed: float) -> bool:
        leapt.extend(user.flat for load in shard.loads for user in getattr(load, "_live", {}).values() if user.flat is not None)
        return elapsed > seconds / 2

    rows = await run_shard(plan_of(hostile.url, STEPS, NAMES, load=load), folder, during=look)
    assert leapt, "no user went the quick way"
    hostile.settle()
    return rows


def by_iteration(rows: list[Row]) -> dict[tuple[int, int], list[Row]]:
    found: dict[tuple[int, int], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.end, row.label.kind == "iteration")):
        found.setdefault((row.user, row.iteration), []).append(row)
    return found


async def test_every_iteration_has_its_requests_in_order_and_its_row(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/flaky", Send(reply()))
    rows = await journeys(hostile, tmp_path)
    assert hostile.requests == len(requests(rows)) > 60
    for journey in by_iteration(rows).values():
        assert [row.name for row in journey] == [*NAMES, "s"]
        assert journey[-1].start <= journey[0].start
        assert journey[-1].end == journey[2].end
    for user in range(3):
        iterations = sorted(row.iteration for row in rows if row.user == user and row.name == "s")
        assert iterations == list(range(len(iterations)))


async def test_what_goes_wrong_in_the_middle_ends_only_that_iteration(hostile: HostileServer, tmp_path: Path) -> None:
    good, busy = (Send(reply()),), (Send(reply(b"busy", status=503)),)
    hostile.in_turn("/flaky", *([good] * 9 + [busy] + [good] * 9 + [(Reset(),)] + [good] * 9 + [(Send(reply()), Close())]), good)
    rows = await journeys(hostile, tmp_path)
    outcomes = Counter(row.outcome for row in requests(rows) if row.name == "flaky")
    assert outcomes["error_status"] == 1
    assert outcomes["reset"] >= 1
    for journey in by_iteration(rows).values():
        failed = [row.outcome for row in journey if row.outcome != "ok"]
        assert [row.name for row in journey] == ([*NAMES, "s"] if not failed else [*NAMES[: len(journey) - 1], "s"])
        assert journey[-1].outcome == (failed[0] if failed else "ok")


async def test_a_cookie_ends_the_quick_way(hostile: HostileServer, tmp_path: Path) -> None:
    plain = (Send(reply()),)
    hostile.in_turn("/flaky", *[plain] * 30, (Send(reply(b"x", ("Set-Cookie", "seen=1; Path=/"))),), plain)
    await journeys(hostile, tmp_path)
    cookies = [request.header("cookie") for request in hostile.received]
    assert "seen=1" in cookies
    assert cookies[:90] == [None] * 90
