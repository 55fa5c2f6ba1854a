"""A run over REST, from plan to stop, by a client that knows nothing but the paths."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.jupyter import RunningServer, jupyter_server
from tests.support.processes import descendants

pytestmark = pytest.mark.server

HELLO: Final = {"recipe_id": "hello", "overrides": {"run_time": "2s", "users": 2}}
LONG: Final = {"recipe_id": "hello", "overrides": {"run_time": "60s", "users": 2}}
TEXT: Final = """schema: maid.recipe/v1
id: by-text
version: 1.0.0
title: By text
description: One user asks for the front page for a second.
target: {base_url: "demo:shop"}
load: {users: 1, run_time: 1s}
scenarios: [{name: front, steps: [{get: /}]}]
"""


def start(server: RunningServer, body: dict[str, Any] = LONG) -> str:
    reply = server.ask("run", method="POST", body=body)
    assert reply.status == 202, reply.body
    return str(reply.json["run_id"])


def wait_for_requests(server: RunningServer) -> dict[str, Any]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        status: dict[str, Any] = server.ask("status").json
        if status.get("requests"):
            return status
        time.sleep(0.05)
    raise AssertionError(f"no request was sent: {status}")


def test_a_plan_tells_what_would_happen_and_its_hash_starts_it(server: RunningServer) -> None:
    plan = server.ask("plan", method="POST", body=HELLO)
    assert plan.status == 200
    assert plan.json["peak_users"] == 2
    assert plan.json["duration_s"] == 2
    assert server.ask("status").json == {"state": "idle", "run_id": None}, "planning runs nothing"
    reply = server.ask("run", method="POST", body={"plan_hash": plan.json["plan_hash"], "name": "by hash", "tags": ["a"], "notes": "n"})
    assert (reply.status, reply.json["plan_hash"]) == (202, plan.json["plan_hash"])


def test_a_run_is_watched_changed_and_stopped(server: RunningServer) -> None:
    run_id = start(server)
    status = wait_for_requests(server)
    assert (status["state"], status["run_id"]) == ("running", run_id)
    assert 0 < status["progress"] < 1
    changed = server.ask(f"runs/{run_id}/control", method="PATCH", body={"users": 3})
    assert (changed.status, changed.json["applied"]["users"]) == (200, 3)
    assert server.ask("stop", method="POST", body={"run_id": run_id}).json == {"run_id": run_id, "status": "stopping"}
    server.wait_for("idle")
    again = server.ask("stop", method="POST", body={"run_id": run_id})
    assert (again.status, again.json) == (200, {"run_id": run_id, "status": "stopped"})
    assert server.ask("stop", method="POST", body={}).json == {"run_id": None, "status": "idle"}
    late = server.ask(f"runs/{run_id}/control", method="PATCH", body={"users": 3})
    assert (late.status, late.json["code"]) == (409, "conflict")


def test_one_of_fifty_simultaneous_starts_wins(server: RunningServer) -> None:
    barrier = threading.Barrier(50)

    def compete(_: int) -> int:
        barrier.wait(20)
        return server.ask("run", method="POST", body=LONG, timeout=60).status

    with ThreadPoolExecutor(50) as pool:
        statuses = sorted(pool.map(compete, range(50)))
    assert statuses == [202] + [409] * 49


def test_a_second_start_names_the_run_that_is_under_way(server: RunningServer) -> None:
    run_id = start(server)
    reply = server.ask("run", method="POST", body=HELLO)
    assert (reply.status, reply.headers["Content-Type"]) == (409, "application/problem+json")
    assert run_id in reply.json["detail"]


def test_an_idempotency_key_starts_one_run(server: RunningServer) -> None:
    keyed = {"Idempotency-Key": "one-and-the-same"}
    first = server.ask("run", method="POST", body=LONG, headers=keyed)
    second = server.ask("run", method="POST", body=LONG, headers=keyed)
    assert (first.status, second.status) == (202, 202)
    assert second.json == first.json
    assert second.headers["Idempotent-Replayed"] == "true"
    other = server.ask("run", method="POST", body=HELLO, headers=keyed)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "recipe_id"),
        ({"recipe_id": "hello", "recipe": TEXT}, "recipe_id and recipe"),
        ({"recipe_id": "../../etc/passwd"}, "recipe_id"),
        ({"recipe_id": "hello.yaml"}, "recipe_id"),
        ({"recipe_id": "hello", "overrides": {"userz": 3}}, "userz"),
        ({"recipe_id": "hello", "overrides": {"host": "http://169.254.169.254"}}, "E301"),
        ({"recipe_id": "hello", "overrides": {"host": "http://203.0.113.9"}}, "E302"),
        ({"recipe_id": "hallo"}, "hello"),
        ({"recipe": "/etc/passwd"}, "recipe"),
        ({"recipe": "load: [3"}, "recipe"),
        ({"recipe_id": "hello", "preset": "none-such"}, "none-such"),
        ({"plan_hash": "0" * 64}, "000000"),
    ],
)
def test_what_cannot_run_is_told_and_leaves_the_slot_free(server: RunningServer, body: dict[str, Any], named: str) -> None:
    reply = server.ask("run", method="POST", body=body)
    assert reply.status in (403, 404, 422), reply.body
    problem = reply.json
    assert named in f"{problem['detail']} {problem['hint']} {problem['diagnostics']}"
    assert problem["status"] == reply.status
    assert problem["request_id"] == reply.headers["X-Request-Id"]
    assert b"Traceback" not in reply.body
    assert b"root:" not in reply.body
    assert server.ask("status").json["state"] == "idle"


def test_a_recipe_is_taken_as_text_and_as_json(server: RunningServer) -> None:
    import yaml

    by_text = server.ask("plan", method="POST", body={"recipe": TEXT}).json
    by_json = server.ask("plan", method="POST", body={"recipe": yaml.safe_load(TEXT)}).json
    assert by_text["recipe_id"] == by_json["recipe_id"] == "by-text"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 422),
        (b"[1]", {}, 422),
        (b"\xff\xfe", {}, 422),
        (b"[" * 100_000, {}, 422),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b'"' + b"x" * (5 * 2**20) + b'"', {}, 413),
    ],
    ids=["cut", "list", "not utf-8", "deep", "form", "large"],
)
def test_garbage_is_answered_with_its_own_status(server: RunningServer, body: bytes, headers: dict[str, str], status: int) -> None:
    reply = server.ask("plan", method="POST", body=body, headers=headers)
    assert (reply.status, reply.json["status"]) == (status, status)


def test_sigterm_keeps_the_rows_of_the_run(tmp_path: Path) -> None:
    with jupyter_server(tmp_path) as server:
        run_id = start(server)
        wait_for_requests(server)
        server.end(signal.SIGTERM)
    assert (server.home / "runs" / run_id / "requests.parquet").stat().st_size
    with jupyter_server(tmp_path) as server:
        assert server.ask("stop", method="POST", body={"run_id": run_id}).json["status"] == "stopped"


def test_kill_of_the_server_stops_the_load_and_the_next_start_closes_the_run(tmp_path: Path) -> None:
    with jupyter_server(tmp_path) as server:
        run_id = start(server)
        wait_for_requests(server)
        before = descendants(server.process.pid)
        assert before
        server.end(signal.SIGKILL)
        deadline = time.monotonic() + 3
        left = before
        while left and time.monotonic() < deadline:
            left = {pid for pid in before if Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()}
            time.sleep(0.05)
        assert not left, "workers or targets outlived the server by three seconds"
    with jupyter_server(tmp_path) as server:
        record = server.ask("stop", method="POST", body={"run_id": run_id}).json
        assert record == {"run_id": run_id, "status": "failed"}
        assert (server.home / "runs" / run_id / "requests.parquet").stat().st_size
