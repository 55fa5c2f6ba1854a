"""Commands and wrong messages, without a network."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from maid_lab.server.sockets.messages import OPS
from maid_lab.services.access.principal import CredentialKind, Principal
from maid_lab.services.bus import LOGS, STATUS
from maid_lab.services.commands import COMMANDS
from maid_lab.services.waiting import WaitingTest
from tests.server.sockets.support import ADMIN, READER, House, drained, house

#: Command → its arguments and what the run is told; those of Goose's controllers.
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "users": ({"users": 20}, {"users": 20}),
    "increase-rate": ({"rate": "2"}, {"increase_rate": 2.0}),
    "decrease-rate": ({"rate": "4"}, {"decrease_rate": 4.0}),
    "run-time": ({"seconds": "30s"}, {"run_time": 30.0}),
    "throttle": ({"rate": 100}, {"throttle": 100.0}),
    "pause": ({}, {"paused": True}),
    "resume": ({}, {"paused": False}),
}


async def started(at: House) -> str:
    run_id = await at.runs.start(await at.runs.plan("small"))
    async with asyncio.timeout(10):
        while not at.engine.supervisors:
            await asyncio.sleep(0.005)
    return run_id


@pytest.mark.parametrize("name", CHANGES)
async def test_a_command_changes_the_run(tmp_path: Path, name: str) -> None:
    args, change = CHANGES[name]
    async with house(tmp_path) as at:
        await started(at)
        session = at.hub.join(ADMIN)
        answer = await at.say(session, op="command", name=name, args=args, id=5)
        assert (answer["op"], answer["id"], answer["success"]) == ("answer", 5, True), answer
        ((said, by),) = at.engine.supervisors[0].changes
        assert (said, by) == (change, "ada")
        assert at.audited == [("ada", name, args, "")]


async def test_every_command_is_answered_over_the_socket(tmp_path: Path) -> None:
    args: dict[str, dict[str, Any]] = {name: given for name, (given, _) in CHANGES.items()}
    args |= {
        "rate": {"rate": 5}, "test-plan": {"plan": "10,1s;10,5s;0,1s"}, "host": {"url": "http://127.0.0.1:9"}, "increase-time": {"seconds": 3},
        "decrease-time": {"seconds": 3},
    }  # fmt: skip
    async with house(tmp_path) as at:
        at.desk.waiting = WaitingTest(at.runs, "small", {}, {})
        await at.desk.waiting.prepare()
        session = at.hub.join(ADMIN)
        serving = asyncio.create_task(at.desk.waiting.serve(lambda record: None))
        idle = [command for command in COMMANDS if command.when != "running" and command.name not in ("start", "shutdown")]
        for command in (*idle, *(c for c in COMMANDS if c.name == "start")):
            answer = await at.say(session, op="command", name=command.name, args=args.get(command.name, {}))
            assert answer["success"], (command.name, answer)
        async with asyncio.timeout(10):
            while at.runs.live_run_id is None:
                await asyncio.sleep(0.005)
        running = [c for c in COMMANDS if c.when != "idle" and c.name not in ("stop", "shutdown")]
        for command in (*running, *(c for c in COMMANDS if c.name in ("stop", "shutdown"))):
            answer = await at.say(session, op="command", name=command.name, args=args.get(command.name, {}))
            assert answer["success"], (command.name, answer)
        await asyncio.wait_for(serving, 20)
        assert {name for _, name, _, _ in at.audited} == {command.name for command in COMMANDS if command.scope == "maid.write"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
async def test_a_command_needs_its_scope(tmp_path: Path, command: Any) -> None:
    async with house(tmp_path) as at:
        await started(at)
        nobody = Principal(kind=CredentialKind.KEY, id="eve")
        for principal, may in ((nobody, False), (READER, command.scope == "maid.read")):
            answer = await at.say(at.hub.join(principal), op="command", name=command.name, args={})
            refused = not answer["success"] and answer["error"]["code"] == "refused"
            assert refused is not may, answer
        assert at.engine.supervisors[0].changes == []
        assert at.engine.supervisors[0].stops == []
        if command.scope == "maid.write":
            assert at.audited == [("eve", command.name, {}, "refused"), ("bob", command.name, {}, "refused")]


async def test_aliases_and_spellings_of_goose_are_understood(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await started(at)
        session = at.hub.join(ADMIN)
        for name in ("hatch_rate", "HatchRate", "increaserate"):
            assert (await at.say(session, op="command", name=name, args={"rate": 3}))["success"]
        assert {name for _, name, _, _ in at.audited} == {"increase-rate"}


async def test_nobody_reads_without_the_scope(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        session = at.hub.join(Principal(kind=CredentialKind.KEY, id="eve"))
        answer = await at.say(session, op="subscribe", topics=[STATUS])
        assert (answer["op"], answer["error"]["code"], session.topics) == ("error", "refused", set())


async def test_a_ticket_covers_its_topics_only(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        session = at.hub.join(ADMIN, allowed=[STATUS])
        assert (await at.say(session, op="subscribe", topics=[STATUS]))["op"] == "subscribed"
        answer = await at.say(session, op="subscribe", topics=[LOGS, STATUS], id=2)
        assert (answer["id"], answer["error"]["code"]) == (2, "refused")
        assert "maid:logs" in answer["error"]["message"]
        assert session.topics == {STATUS}


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("users", {"users": "many"}, "invalid-input"),
        ("users", {}, "invalid-input"),
        ("users", {"users": {"a": [1]}}, "invalid-input"),
        ("users", {"users": 10**400}, "invalid-input"),
        ("users", {"user": 3}, "invalid-input"),
        ("usres", {}, "invalid-input"),
        ("host", {"url": "http://127.0.0.1"}, "conflict"),
        ("start", {}, "conflict"),
        ("stop", {"mode": ["now"]}, "invalid-input"),
    ],
)
async def test_what_cannot_be_done_is_told(tmp_path: Path, name: str, args: dict[str, Any], code: str) -> None:
    async with house(tmp_path) as at:
        await started(at)
        answer = await at.say(at.hub.join(ADMIN), op="command", name=name, args=args, id="x")
        assert (answer["op"], answer["id"], answer["success"], answer["error"]["code"]) == ("answer", "x", False, code)
        assert at.engine.supervisors[0].changes == []


async def test_garbage_is_answered_and_the_client_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with house(tmp_path) as at:
        session = at.hub.join(ADMIN)
        for said in ("", "{", "[1]", "[" * 9000, "7", b"\x00", '{"op": "\\ud800"}', '{"op":"command","name":"\\u0000","id":1}'):
            await at.talk.hear(session, said)
            (answer,) = drained(session)
            assert answer["error"]["code"] == "invalid-input"
        assert session.outbox.ending is None
        assert await at.say(session, op="ping", id=9) == {"op": "pong", "id": 9}
    assert "Traceback" not in caplog.text


async def test_every_op_is_understood(tmp_path: Path) -> None:
    fields: dict[str, dict[str, Any]] = {"subscribe": {"topics": [STATUS]}, "command": {"name": "help"}}
    async with house(tmp_path) as at:
        session = at.hub.join(ADMIN)
        answers = [json.dumps((await at.say(session, op=op, **fields.get(op, {})))["op"]) for op in OPS]
        assert answers == ['"subscribed"', '"unsubscribed"', '"pong"', '"answer"']
