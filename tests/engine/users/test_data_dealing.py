"""Rows of data sets over several workers: none twice in a pass, none left over, no two live users with the same where that is asked."""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from maid_lab.engine.users.data import DataFeed
from maid_lab.model.dealing import drawing_workers
from maid_lab.model.plan import DataSet
from tests.engine.whole import Whole, planned, run_whole
from tests.support.hostile import HostileServer, Received
from tests.support.wire import Action, Send, reply

ROWS = [{"k": number} for number in range(30)]
SCENARIO = '  - {name: s, data: keys, steps: [{get: "/ok?{{ k }}"}, {think: 5ms}]}'
both = pytest.mark.parametrize("workers", [1, 2, 3])


class Asked:
    """What the target was asked for, in order of arrival."""

    def __init__(self, hostile: HostileServer) -> None:
        self.keys: list[int] = []
        hostile.answer("/ok", self._take)

    def _take(self, request: Received) -> tuple[Action, ...]:
        self.keys.append(int(request.target.partition("?")[2]))
        return (Send(reply()),)


async def run(
    hostile: HostileServer, folder: Path, load: str, rules: str = "", *, workers: int, scenarios: str = SCENARIO, rows: Any = ROWS
) -> Whole:
    source = ", ".join(f"{{k: {row['k']}}}" for row in rows)
    more = f"data: [{{name: keys, rows: [{source}]{rules}}}]"
    whole = await run_whole(planned(hostile.url, load, scenarios=scenarios, more=more), folder, workers=workers)
    hostile.settle()
    return whole


@both
@pytest.mark.parametrize("order", ["sequential", "shuffle"])
async def test_a_pass_uses_each_row_once(order: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    asked = Asked(hostile)
    await run(hostile, tmp_path, "{users: 6, iterations: 10}", f", order: {order}", workers=workers)
    assert Counter(asked.keys) == dict.fromkeys(range(30), 2)


@both
async def test_random_rows_are_drawn_from_all(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    asked = Asked(hostile)
    await run(hostile, tmp_path, "{users: 6, iterations: 50}", ", order: random", workers=workers)
    assert len(asked.keys) == 300
    assert set(asked.keys) == set(range(30))
    assert len(set(Counter(asked.keys).values())) > 1


@both
@pytest.mark.parametrize("order", ["sequential", "shuffle", "random"])
async def test_users_that_must_not_share_have_rows_of_their_own(order: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    Asked(hostile)
    whole = await run(hostile, tmp_path, "{users: 30, iterations: 3}", f", per: user, unique: true, order: {order}", workers=workers)
    assert len(whole.of("iteration", "ok")) == 90


@both
async def test_live_users_never_share_a_row_while_others_come_and_go(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    asked = Asked(hostile)
    scenarios = '  - {name: s, data: keys, on_start: [{get: "/ok?{{ k }}"}], steps: [{get: "/ok?{{ k }}"}, {think: 5ms}]}'
    load = "{profile: ramping-users, start: 6, stages: [{duration: 300ms, target: 2}, {duration: 300ms, target: 6}, {duration: 300ms, target: 1}]}"
    whole = await run(hostile, tmp_path, load, ", per: user, unique: true", workers=workers, scenarios=scenarios, rows=ROWS[:6])
    assert not whole.of("iteration", "unsent")
    assert set(asked.keys) <= set(range(6))


@both
@pytest.mark.parametrize(("on_end", "reason"), [("stop-user", ""), ("stop-run", "data set keys has no rows left")])
async def test_rows_that_are_not_recycled_are_used_exactly_once(
    on_end: str, reason: str, workers: int, hostile: HostileServer, tmp_path: Path
) -> None:
    asked = Asked(hostile)
    whole = await run(hostile, tmp_path, "{users: 5, run_time: 20s}", f", on_end: {on_end}", workers=workers)
    assert sorted(asked.keys) == list(range(30))
    assert (whole.end.status, whole.end.reason) == ("completed", reason)
    assert Counter(row.outcome for row in whole.of("iteration")) == {"ok": 30, "unsent": 5}


@both
async def test_all_rows_fall_to_the_one_user_there_is(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    asked = Asked(hostile)
    whole = await run(hostile, tmp_path, "{users: 1, run_time: 20s}", ", on_end: stop-run", workers=workers)
    assert sorted(asked.keys) == list(range(30))
    assert whole.end.reason == "data set keys has no rows left"


@both
async def test_rows_are_dealt_to_the_workers_of_the_scenario_that_draws(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    asked = Asked(hostile)
    scenarios = f'{SCENARIO}\n  - {{name: other, steps: [{{get: "/ok?99"}}, {{think: 20ms}}]}}'
    await run(hostile, tmp_path, "{users: 4, run_time: 20s}", ", on_end: stop-run", workers=workers, scenarios=scenarios)
    assert sorted(key for key in asked.keys if key != 99) == list(range(30))


async def test_on_start_sees_the_row_of_the_first_iteration(hostile: HostileServer, tmp_path: Path) -> None:
    asked = Asked(hostile)
    scenarios = '  - {name: s, data: keys, on_start: [{get: "/ok?{{ k }}"}], steps: [{get: "/ok?{{ k }}"}]}'
    await run(hostile, tmp_path, "{users: 1, iterations: 3}", workers=1, scenarios=scenarios)
    assert asked.keys == [0, 0, 1, 2]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
async def test_files_of_each_format_feed_users(kind: str, hostile: HostileServer, tmp_path: Path) -> None:
    asked, frame = Asked(hostile), pl.DataFrame(ROWS)
    file = tmp_path / f"keys.{kind}"
    writers: dict[str, Callable[[Path], Any]] = {
        "csv": frame.write_csv,
        "jsonl": frame.write_ndjson,
        "json": frame.write_json,
        "parquet": frame.write_parquet,
    }
    writers[kind](file)
    plan = planned(
        hostile.url, "{users: 2, iterations: 15}", scenarios=SCENARIO, more=f"data: [{{name: keys, path: keys.{kind}}}]", folder=tmp_path
    )
    (tmp_path / "run").mkdir()
    await run_whole(plan, tmp_path / "run", workers=2)
    hostile.settle()
    assert sorted(asked.keys) == list(range(30))


# ---- without a run


def feeds(workers: int, **rules: Any) -> list[DataFeed]:
    data = DataSet(name="keys", path="", rows=tuple(ROWS[: rules.pop("rows", 30)]), **rules)
    return [DataFeed(data, worker=worker, drawing=range(workers), seed=7) for worker in range(workers)]


def test_fewer_rows_than_workers_are_shared_unless_they_must_not_be() -> None:
    user: Any = object()
    assert all(feed.row_for(user) is not None for feed in feeds(4, rows=2))
    assert [feed.row_for(user) is not None for feed in feeds(4, rows=2, per="user", unique=True)] == [True, True, False, False]
    assert [feed.row_for(user) is not None for feed in feeds(4, rows=2, on_end="stop-user")] == [True, True, False, False]


def test_unique_random_rows_go_back_when_their_user_ends() -> None:
    (feed,) = feeds(1, rows=3, per="user", unique=True, order="random")
    users: list[Any] = [object() for _ in range(4)]
    held = [feed.row_for(user) for user in users]
    assert sorted(row["k"] for row in held[:3] if row) == [0, 1, 2]
    assert held[3] is None
    assert feed.row_for(users[0]) is held[0]
    feed.release(users[1])
    assert feed.row_for(users[3]) == held[1]


def test_who_draws_is_known_from_the_plan() -> None:
    def plan(load: str) -> Any:
        scenarios = f"{SCENARIO}\n  - {{name: other, steps: [{{get: /ok}}]}}"
        return planned("http://127.0.0.1:9", load, scenarios=scenarios, more="data: [{name: keys, rows: [{k: 1}]}]")

    found = defaultdict(tuple, {load: drawing_workers(plan(load), "keys", 4) for load in (
        "{users: 2, run_time: 1s}", "{users: 3, run_time: 1s}", "{users: 9, run_time: 1s}", "{rate: 5/s, hold: 1s, max_users: 3}",
        "{rate: 5/s, hold: 1s, max_users: 9}", "{users: 2, run_time: 1s, assignment: per-iteration}",
    )})  # fmt: skip
    assert list(found.values()) == [(0,), (0, 2), (0, 2), (0, 1, 2), (0, 2), (0, 1)]
    assert drawing_workers(plan("{users: 2, run_time: 1s}"), "unknown", 4) == ()
