"""Commands to a test that runs and to one that waits, and the door through which other processes give them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import Conflict, InvalidInput, Missing
from maid_lab.services.commands import COMMANDS
from maid_lab.services.desk import ControlDesk
from maid_lab.services.door import Door, ask, knock
from maid_lab.services.runs import RunService
from maid_lab.services.waiting import WaitingTest
from tests.services.fakes import FakeEngine, service


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[tuple[ControlDesk, RunService, FakeEngine]]:
    engine = FakeEngine(waits=True)
    runs = service(home, engine)
    desk = ControlDesk(runs)
    run_id = await runs.start(await runs.plan("small"))
    try:
        yield desk, runs, engine
    finally:
        if runs.live_run_id is not None:
            runs.stop()
        await runs.wait(run_id)
        await runs.close()


async def test_changes_reach_the_supervisor_with_who_ordered_them(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, _, engine):
        await desk.do("users", {"users": "12"}, by="somebody")
        await desk.do("pause")
        await desk.do("Resume")
        await desk.do("throttle", {"rate": "50/s"})
        assert engine.supervisors[0].changes == [
            ({"users": 12}, "somebody"),
            ({"paused": True}, ""),
            ({"paused": False}, ""),
            ({"throttle": 50}, ""),
        ]


async def test_a_stop_ends_the_run_and_a_second_one_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, runs, engine):
        run_id = runs.live_run_id
        assert await desk.do("stop") == {"stopped": run_id}
        assert engine.supervisors[0].stops == [("graceful", "stopped by request")]
        await runs.wait(run_id or "")
        with pytest.raises(Conflict, match="no test is under way"):
            await desk.do("stop")


async def test_a_shutdown_cuts_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, _, engine):
        await desk.do("shutdown")
        assert engine.supervisors[0].stops[0][0] == "kill"


async def test_what_is_for_a_waiting_test_is_refused_while_one_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, _, _):
        for name, value in (("start", {}), ("host", {"url": "http://x"}), ("increase-time", {"seconds": 3})):
            with pytest.raises(Conflict, match="is for a test that waits"):
                await desk.do(name, value)
        with pytest.raises(InvalidInput, match="no argument 'rate'"):
            await desk.do("users", {"rate": 3})
        with pytest.raises(InvalidInput, match="needs users"):
            await desk.do("users")


async def test_help_lists_exactly_the_commands(tmp_path: Path) -> None:
    desk = ControlDesk(service(tmp_path, FakeEngine()))
    assert [entry["name"] for entry in (await desk.do("help"))["commands"]] == [command.name for command in COMMANDS]


async def test_config_and_metrics_are_those_of_the_run(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, runs, _):
        assert (await desk.do("config"))["plan"]["title"] == runs.live_plan.title  # type: ignore[union-attr]
        assert (await desk.do("metrics"))["status"]["run_id"] == runs.live_run_id


async def test_a_waiting_test_is_changed_started_and_waits_again(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine())
    desk = ControlDesk(runs)
    desk.waiting = WaitingTest(runs, "small", {}, {})
    await desk.waiting.prepare()
    assert (await desk.do("users", {"users": 7}))["users"] == 7
    records: list[Any] = []
    serving = asyncio.create_task(desk.waiting.serve(records.append))
    results = await asyncio.gather(*(desk.do("start") for _ in range(50)), return_exceptions=True)
    winners = [result for result in results if isinstance(result, dict)]
    assert len(winners) == 1
    assert all(isinstance(result, Conflict) for result in results if not isinstance(result, dict))
    await until(lambda: len(records) == 1)
    await desk.do("start")
    await until(lambda: len(records) == 2)
    assert records[0].id != records[1].id
    await desk.do("shutdown")
    await asyncio.wait_for(serving, 5)
    await runs.close()


async def until(condition: Any) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


# ---- the door


async def test_other_processes_come_in_while_a_run_lives_and_only_then(tmp_path: Path) -> None:
    runs = service(tmp_path, engine := FakeEngine(waits=True))
    runs.open_to(Door(tmp_path, ControlDesk(runs)))
    with pytest.raises(Missing, match="no test that could be controlled"):
        await knock(tmp_path)
    run_id = await runs.start(await runs.plan("small"))
    await until((tmp_path / "control.sock").exists)
    assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    reader, writer = await knock(tmp_path)
    other_reader, other_writer = await knock(tmp_path)
    assert await ask(reader, writer, "users 9") == {"users": 9}
    assert await ask(other_reader, other_writer, "PAUSE") == {"paused": True}
    with pytest.raises(InvalidInput, match="whole number"):
        await ask(reader, writer, "users many")
    other_writer.close()
    await ask(reader, writer, "stop")
    assert engine.supervisors[0].changes[0] == ({"users": 9}, "maid control")
    await runs.wait(run_id)
    writer.close()
    assert not (tmp_path / "control.sock").exists()
    await runs.close()


async def test_garbage_gets_an_answer_and_harms_nobody(tmp_path: Path) -> None:
    door = Door(tmp_path, ControlDesk(service(tmp_path, FakeEngine())))
    await door.open()
    reader, writer = await knock(tmp_path)
    for sent in (b"\n", b"{\n", b"[1]\n", b"7\n", b"\xff\xfe\n", b'{"id": 3, "args": 5, "name": "users"}\n', b'{"id": 4, "name": null}\n'):
        writer.write(sent)
        answer = json.loads(await reader.readline())
        assert answer["success"] is False
        assert answer["error"]["message"]
    writer.write(b"x" * 200_000 + b"\n")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    again, writer = await knock(tmp_path)
    assert (await ask(again, writer, "help"))["commands"]
    writer.close()
    await door.close()


async def test_a_door_that_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "control.sock"))
    left.close()  # as after kill -9: the file stays
    door = Door(tmp_path, ControlDesk(service(tmp_path, FakeEngine())))
    await door.open()
    with pytest.raises(Conflict, match="another program"):
        await Door(tmp_path, ControlDesk(service(tmp_path, FakeEngine()))).open()
    await door.close()


async def test_a_deep_home_folder_is_no_hindrance(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 20) / ("er" * 40)
    home.mkdir(parents=True)
    door = Door(home, ControlDesk(service(home, FakeEngine())))
    await door.open()
    _, writer = await knock(home)
    writer.close()
    await door.close()
