"""Scenarios of several transactions, their data, and requests that nobody awaited: run against the shop by `maid_lab.run`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import maid_lab
from maid_lab import running
from maid_lab.demo.launch import DemoProcess
from maid_lab.model.errors import InvalidInput
from maid_lab.model.journeys import Scenario
from maid_lab.services.code import code_source
from maid_lab.services.home import home_folder
from maid_lab.store.folders import RunFolder


@maid_lab.transaction(sequence=1)
async def log_in(user: Any) -> None:
    await user.get("/", name="log in")


@maid_lab.transaction(weight=3)
async def look(user: Any) -> None:
    await user.get("/", name="look")


@maid_lab.transaction(name="buying")
async def buy(user: Any) -> None:
    await user.get("/", name="buy")


@maid_lab.transaction(weight=0)
async def never(user: Any) -> None:
    await user.get("/", name="never")


async def arrive(user: Any) -> None:
    await user.get("/", name="arrive")


shopper = maid_lab.Scenario("shopper", [look, log_in, buy, never], weight=2, on_start=arrive)
thinker = maid_lab.Scenario("thinker", [look, log_in, buy], scheduler="serial", think=0.001)
drawer = maid_lab.Scenario("drawer", [look, log_in, buy], scheduler="random", random="each-loop")


@drawer.on_stop
async def leave(user: Any) -> None:
    await user.get("/", name="leave")


@pytest.fixture(autouse=True)
def closed() -> Any:
    """End the labs of a test with it."""
    yield
    running._background.close()


@pytest.fixture
def target(shop: DemoProcess) -> DemoProcess:
    shop.calm()
    return shop


def finished(*scenarios: Any, target: DemoProcess, **options: Any) -> maid_lab.Run:
    run = maid_lab.run(list(scenarios), host=target.url, wait=True, **options)
    assert (run.record.status, run.record.failed_requests) == ("completed", 0), run.record.reason
    return run


def orders(run: maid_lab.Run) -> dict[tuple[int, int], list[str]]:
    """Names of the transactions of each iteration, as they began."""
    rows = run.transactions.sort("start").select("user", "iteration", pl.col("name").cast(pl.String)).collect()
    found: dict[tuple[int, int], list[str]] = {}
    for user, iteration, name in rows.iter_rows():
        found.setdefault((user, iteration), []).append(name)
    return found


def names(run: maid_lab.Run) -> Counter[str]:
    return Counter(str(name) for name in run.requests.collect()["name"])


@pytest.mark.parametrize(
    ("scenario", "order"),
    [(shopper, ["log_in", "look", "buying", "look", "look"]), (thinker, ["log_in", "look", "look", "look", "buying"])],
    ids=["round-robin", "serial"],
)
def test_transactions_run_by_sequence_scheduler_and_weight(scenario: Any, order: list[str], target: DemoProcess) -> None:
    run = finished(scenario, target=target, load={"profile": "iterations", "users": 2, "iterations": 3})
    assert orders(run) == {(user, iteration): order for user in range(2) for iteration in range(3)}
    assert {str(name) for name in run.transactions.collect()["scenario"]} == {scenario.name}
    assert names(run)["look"] == 18
    assert names(run)["arrive"] == (2 if scenario is shopper else 0)
    inside = run.requests.filter(pl.col("section") == "scenario").collect()
    assert {str(row["transaction"]) for row in inside.to_dicts()} == {"log_in", "look", "buying"}


def test_a_random_order_is_drawn_and_repeated_by_the_seed(target: DemoProcess) -> None:
    load = {"profile": "iterations", "users": 3, "iterations": 6}
    first, second = (orders(finished(drawer, target=target, load=load, seed=5)) for _ in range(2))
    assert first == second
    assert all(order[0] == "log_in" and Counter(order) == {"log_in": 1, "look": 3, "buying": 1} for order in first.values())
    assert len({tuple(order) for order in first.values()}) > 1


def test_scenarios_of_transactions_share_users_with_functions_and_have_hosts_of_their_own(target: DemoProcess) -> None:
    other = target.url.replace("127.0.0.1", "localhost")
    elsewhere = Scenario("elsewhere", [look], host=other)

    async def plain(user: Any) -> None:
        await user.get("/", name=user.base_url)

    async def shows(user: Any) -> None:
        await user.get("/", name=user.base_url)

    elsewhere = Scenario("elsewhere", [shows], host=other)
    run = finished(shopper, plain, elsewhere, target=target, users=8, load={"profile": "iterations", "users": 8, "iterations": 1})
    users = run.iterations.collect().group_by("scenario").agg(pl.col("user").n_unique()).rows()
    assert {str(name): count for name, count in users} == {"shopper": 4, "plain": 2, "elsewhere": 2}
    seen = {name.rstrip("/") for name in names(run) if name.startswith("http")}
    assert seen == {target.url, other}


def test_a_scenario_that_makes_no_sense_is_refused() -> None:
    for build, said in (
        (lambda: Scenario("s", []), "has no transaction"),
        (lambda: Scenario("s", [look, look]), "the name 'look'"),
        (lambda: Scenario("s", [never]), "weight 0"),
        (lambda: Scenario("s", [look], scheduler="roundrobin"), "no scheduler 'roundrobin'"),
        (lambda: Scenario("s", [look], wait=3), "'wait'"),
        (lambda: Scenario("s", [print]), "async function"),
        (lambda: maid_lab.transaction(weight=-1)(arrive), "weight -1"),
        (lambda: maid_lab.transaction(sequence="a")(arrive), "sequence 'a'"),  # type: ignore[call-overload]
        (lambda: maid_lab.data([], order="up"), "no order 'up'"),
        (lambda: maid_lab.data([], unique=True), 'per="user"'),
        (lambda: code_source([maid_lab.scenario(data="nothing.csv")(arrive)]), "nothing.csv"),
    ):
        with pytest.raises(InvalidInput, match=said):
            build()


def test_workers_import_a_scenario_from_its_module() -> None:
    code = code_source([shopper]).code["shopper"]
    assert (code.module, code.function, code.pickle) == (__name__, "shopper", "")


# ---- data


async def shows_row(user: Any) -> None:
    await user.get("/", name=f"{user.data['name']}")


def test_rows_of_a_frame_are_dealt_in_order_and_stop_the_run(target: DemoProcess) -> None:
    frame = pl.DataFrame({"name": [f"n{number}" for number in range(25)]})
    scenario = maid_lab.scenario(data=maid_lab.data(frame, on_end="stop-run"))(shows_row)
    run = finished(scenario, target=target, users=3, run_time="20s")
    assert run.record.reason == "data set rows has no rows left"
    assert names(run) == Counter({f"n{number}": 1 for number in range(25)})


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_files_are_read_with_their_types(suffix: str, target: DemoProcess, tmp_path: Path) -> None:
    file = tmp_path / f"people.{suffix}"
    frame = pl.DataFrame({"name": ["ada", "bob"], "age": [1, 2]})
    writers: dict[str, Any] = {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}
    writers[suffix](file)

    @maid_lab.scenario(data=maid_lab.data(file, types={"age": "integer"}, per="user", unique=True))
    async def typed(user: Any) -> None:
        await user.get("/", name=f"{user.data['name']} {user.data['age'] + 1}")

    @typed.on_start
    async def begins(user: Any) -> None:
        user.session["mine"] = user.data["name"]

    @typed.on_stop
    async def ends(user: Any) -> None:
        assert user.session["mine"] == user.data["name"]
        await user.get("/", name="end")

    run = finished(typed, target=target, load={"profile": "iterations", "users": 2, "iterations": 3})
    assert names(run) == Counter({"ada 2": 3, "bob 3": 3, "end": 2})


def test_several_sets_and_one_that_two_scenarios_share(target: DemoProcess) -> None:
    shared = maid_lab.data([{"key": f"k{number}"} for number in range(8)], name="keys")
    things = maid_lab.data([{"thing": "t"}])

    @maid_lab.scenario(data={"keys": shared, "things": things})
    async def both(user: Any) -> None:
        await user.get("/", name=f"{user.data['keys']['key']}{user.data['things']['thing']}")

    @maid_lab.scenario(data=shared)
    async def one(user: Any) -> None:
        await user.get("/", name=f"{user.data['key']}-")

    run = finished(both, one, target=target, load={"profile": "iterations", "users": 2, "iterations": 4})
    assert sorted(name[:2] for name in names(run).elements()) == [f"k{number}" for number in range(8)]
    assert {name[2:] for name in names(run)} == {"t", "-"}


def test_a_scenario_without_data_says_how_to_give_it_some(target: DemoProcess) -> None:
    run = maid_lab.run(shows_row, host=target.url, iterations=1, wait=True)
    assert "give it some by" in str(run.iterations.collect()["error"][0])


# ---- requests that nobody awaited


async def forgets(user: Any) -> None:
    for _ in range(3):
        user.get("/", name="forgotten")
    user.graphql("{ a }")
    await user.get("/", name="sent")
    user.post("/", name="last")


def test_a_request_without_await_is_said_once_in_log_and_on_the_console(target: DemoProcess, caplog: pytest.LogCaptureFixture) -> None:
    run = finished(forgets, target=target, load={"profile": "iterations", "users": 2, "iterations": 3})
    assert names(run) == Counter({"sent": 6})
    said = [record.getMessage() for record in caplog.records if "await" in record.getMessage()]
    for word in ("request forgotten", "request last", "graphql"):
        found = [line for line in said if word in line]
        assert 1 <= len(found) <= 2, "once by each worker"
        assert "await" in found[0]
    entries = RunFolder(home_folder(), run.id).read_log()
    assert any(entry["level"] == "warning" and "request forgotten" in entry["message"] for entry in entries)


async def gathers(user: Any) -> None:
    import asyncio

    await asyncio.gather(user.get("/", name="a"), user.get("/", name="b"))
    kept = user.get("/", name="c")
    await user.get("/", name="d")
    await kept


def test_requests_that_are_awaited_later_are_not_forgotten(target: DemoProcess, caplog: pytest.LogCaptureFixture) -> None:
    run = finished(gathers, target=target, load={"profile": "iterations", "users": 2, "iterations": 3})
    assert names(run) == Counter(dict.fromkeys("abcd", 6))
    assert not [record for record in caplog.records if "await" in record.getMessage()]
