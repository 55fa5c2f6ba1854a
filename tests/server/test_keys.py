"""API keys over REST: made, used, limited, exchanged, rotated, revoked; and what each credential may do on each route."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from maid_lab.server.operations import Operation, operations_of
from maid_lab.server.routes import ROUTES
from maid_lab.services.access.principal import Scope
from tests.support.jupyter import Reply, RunningServer

pytestmark = pytest.mark.server

OPERATIONS: Final = [(path, verb, spec) for path, handler in ROUTES.items() for verb, spec in operations_of(handler).items()]
SHORT: Final = {"recipe_id": "hello", "overrides": {"run_time": "1s", "users": 1}}


def make(server: RunningServer, *scopes: str, **fields: Any) -> dict[str, Any]:
    reply = server.ask("keys", method="POST", body={"name": "a key", "scopes": list(scopes), **fields})
    assert reply.status == 201, reply.body
    assert reply.headers["Cache-Control"] == "no-store"
    return dict(reply.json)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def with_key(server: RunningServer, key: str, path: str, **options: Any) -> Reply:
    return server.ask(path, as_owner=False, headers={"X-MAID-Key": key}, **options)


@pytest.fixture(scope="module")
def keys(shared_server: RunningServer) -> dict[str, str]:
    """One key for each scope alone, and one of each kind that must not get in."""
    found = {str(scope): make(shared_server, str(scope), limits={"requests_per_minute": 100_000})["key"] for scope in Scope}
    revoked = make(shared_server, "maid.read")
    shared_server.ask(f"keys/{revoked['id']}", method="DELETE")
    wrong = make(shared_server, "maid.read")["key"]
    return found | {"revoked": revoked["key"], "wrong": wrong[:-1] + ("0" if wrong[-1] != "0" else "1")}


@pytest.mark.parametrize("credential", [*map(str, Scope), "revoked", "wrong"])
@pytest.mark.parametrize(("path", "verb", "spec"), OPERATIONS, ids=[f"{verb} {path}" for path, verb, _ in OPERATIONS])
def test_each_credential_may_do_what_its_scope_says_on_each_route(
    server: RunningServer, keys: dict[str, str], path: str, verb: str, spec: Operation, credential: str
) -> None:
    reply = with_key(
        server, keys[credential], path.removeprefix("/").format(run_id="00000000", key_id="x"), method=verb.upper(),
        body=None if verb == "get" else b"",
    )  # fmt: skip
    if credential in ("revoked", "wrong"):
        assert reply.status == 401
    elif spec.is_public:
        assert reply.status == 200
    elif spec.scope is not None and (credential != spec.scope or spec.interactive_only):
        assert (reply.status, reply.json["code"]) == (403, "refused")
    else:
        # 403 as well where the thing itself says no, such as a token that a key without the right kind asks for.
        assert reply.status not in (401, 405, 429, 500), reply.body
    assert "Set-Cookie" not in reply.headers or credential in ("revoked", "wrong")
    assert "Access-Control-Allow-Origin" not in reply.headers or not reply.headers["Access-Control-Allow-Origin"]


@pytest.mark.parametrize("path", ["api/contents", "api/kernels", "api/sessions", "api/terminals", "metrics"])
def test_jupyters_own_interfaces_stay_closed_to_our_keys(server: RunningServer, keys: dict[str, str], path: str) -> None:
    for headers in ({"X-MAID-Key": keys["maid.admin"]}, {"Authorization": f"Bearer {keys['maid.admin']}"}):
        reply = server.ask(f"{server.url}{path}", as_owner=False, headers=headers)
        assert reply.status in (401, 403) or b"password" in reply.body.lower() or "login" in reply.headers.get("Location", "")
        assert b'"content"' not in reply.body


def test_the_text_of_a_key_is_shown_once(server: RunningServer) -> None:
    made = make(server, "maid.read")
    listed = server.ask("keys").json
    assert made["id"] in {each["id"] for each in listed["items"]}
    assert made["key"].rpartition("_")[2] not in str(listed)


def test_a_key_that_is_revoked_is_no_longer_let_in_nor_is_its_token(server: RunningServer) -> None:
    made = make(server, "maid.read")
    token = with_key(server, made["key"], "auth/token", method="POST").json["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert server.ask("whoami", as_owner=False, headers=bearer).json["key_id"] == made["id"]
    again = server.ask("auth/token", method="POST", as_owner=False, headers=bearer)
    assert again.status == 403, "a token does not prolong itself"
    assert server.ask(f"keys/{made['id']}", method="DELETE").json["revoked_at"]
    assert with_key(server, made["key"], "whoami").status == 401
    assert server.ask("whoami", as_owner=False, headers=bearer).status == 401


def test_a_rotated_key_has_a_new_secret_and_the_old_one_lives_for_the_overlap(server: RunningServer) -> None:
    made = make(server, "maid.read")
    with_overlap = server.ask(f"keys/{made['id']}/rotate", method="POST", body={"overlap_s": 60}).json["key"]
    assert with_key(server, made["key"], "whoami").status == with_key(server, with_overlap, "whoami").status == 200
    at_once = server.ask(f"keys/{made['id']}/rotate", method="POST", body={}).json["key"]
    assert with_key(server, with_overlap, "whoami").status == 401
    assert with_key(server, at_once, "whoami").status == 200


def test_a_key_runs_no_more_recipes_and_no_more_users_than_its_limits(server: RunningServer) -> None:
    made = make(server, "maid.read", "maid.write", limits={"recipe_limit": 1, "max_users": 2})
    many = with_key(server, made["key"], "run", method="POST", body={"recipe_id": "hello", "overrides": {"users": 3}})
    assert (many.status, "E303" in many.json["detail"]) == (403, True)
    first = with_key(server, made["key"], "run", method="POST", body=SHORT)
    assert first.status == 202, first.body
    server.wait_for("idle")
    other = with_key(server, made["key"], "run", method="POST", body={"recipe_id": "sse-llm-stream", "overrides": {"users": 1}})
    assert other.status == 429, other.body
    assert int(other.headers["Retry-After"]) >= 1
    assert "recipe_limit" in other.json["detail"]


def test_what_one_key_started_another_may_not_stop(server: RunningServer) -> None:
    writer = make(server, "maid.read", "maid.write")
    run_id = with_key(
        server, writer["key"], "run", method="POST", body={"recipe_id": "hello", "overrides": {"run_time": "30s", "users": 1}}
    ).json["run_id"]
    reader = make(server, "maid.read")
    assert with_key(server, reader["key"], "stop", method="POST", body={}).status == 403
    assert with_key(server, writer["key"], "stop", method="POST", body={"run_id": run_id, "mode": "now"}).json["status"] == "stopping"


def test_a_ticket_is_made_for_who_may_read(server: RunningServer, keys: dict[str, str]) -> None:
    reply = with_key(server, keys["maid.read"], "ws-ticket", method="POST", body={"topics": ["maid:status"]})
    assert (reply.status, reply.json["expires_in_s"]) == (201, 30)
    assert len(reply.json["ticket"]) > 20


def test_starts_stops_keys_and_refusals_are_in_the_audit_log(server: RunningServer, keys: dict[str, str]) -> None:
    made = make(server, "maid.read", "maid.write")
    assert server.ask(f"keys/{made['id']}/rotate", method="POST", body={"overlap_s": 60}).status == 200
    assert with_key(server, made["key"], "auth/token", method="POST").status == 201
    assert with_key(server, made["key"], "run", method="POST", body=SHORT).status == 202
    with_key(server, made["key"], "stop", method="POST", body={"mode": "now"})
    server.wait_for("idle")
    server.ask(f"keys/{made['id']}", method="DELETE")
    with_key(server, keys["maid.read"], "keys")
    wait_until(lambda: '"access.refused"' in (server.home / "audit.jsonl").read_text())
    text = (server.home / "audit.jsonl").read_text()
    for action in ("key.create", "key.revoke", "key.rotate", "token.issue", "run.start", "run.stop", "access.refused"):
        assert f'"{action}"' in text, f"{action} is missing"
    assert "maid_live_" not in text or all(len(part) < 20 for part in text.split("maid_live_")[1:] if part[10:11] == "_")


def test_a_key_that_is_revoked_at_a_terminal_is_no_longer_let_in(server: RunningServer) -> None:
    made = make(server, "maid.read")
    assert with_key(server, made["key"], "whoami").status == 200
    command = [sys.executable, "-m", "maid_lab", "keys", "revoke", made["id"]]
    done = subprocess.run(
        command, env={**os.environ, "MAID_HOME": str(server.home)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert with_key(server, made["key"], "whoami").status == 401
