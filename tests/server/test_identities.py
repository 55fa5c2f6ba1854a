"""A hub-like server in Jupyter's strict mode: the owner, a runner, a viewer, a group's name, and an authorizer that writes down what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from maid_lab.server.operations import Operation, operations_of
from maid_lab.server.routes import ROUTES
from maid_lab.services.access.principal import ROLES, Scope
from tests.support.jupyter import RunningServer, jupyter_server

pytestmark = pytest.mark.server

OPERATIONS: Final = [(path, verb, spec) for path, handler in ROUTES.items() for verb, spec in operations_of(handler).items()]
SCOPES: Final = {
    "owner": ROLES["admin"],
    "runner": ROLES["write:loadtests"],
    "viewer": ROLES["read:loadtests"],
    "group:ops": ROLES["read:loadtests"],
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("hub")
    arguments = (
        "--ServerApp.identity_provider_class=tests.server.identities.HubLike", "--ServerApp.authorizer_class=tests.server.identities.Recording",
        "--ServerApp.allow_unauthenticated_access=False",
    )  # fmt: skip
    environment = {
        "JUPYTERHUB_USER": "owner", "MAID_ACCESS_ROLES": '{"runner": "write:loadtests", "group:ops": "admin"}', "ASKED": str(folder / "asked"),
        "PYTHONPATH": str(Path(__file__).parent.parent.parent),
    }  # fmt: skip
    with jupyter_server(folder, arguments=arguments, environment=environment) as server:
        yield server


def as_user(server: RunningServer, name: str, path: str, verb: str = "get", body: Any = b"") -> Any:
    headers = {"X-Test-User": name} if name else {}
    return server.ask(path, method=verb.upper(), body=None if verb == "get" else body, as_owner=False, headers=headers)


@pytest.mark.parametrize("user", [*SCOPES, ""])
@pytest.mark.parametrize(("path", "verb", "spec"), OPERATIONS, ids=[f"{verb} {path}" for path, verb, _ in OPERATIONS])
def test_each_user_may_do_what_the_role_says_on_each_route(hub: RunningServer, path: str, verb: str, spec: Operation, user: str) -> None:
    reply = as_user(hub, user, path.removeprefix("/").format(run_id="00000000", key_id="x"), verb)
    if spec.is_public:
        assert reply.status == 200
    elif not user:
        assert reply.status == 401
    elif spec.scope is not None and spec.scope not in SCOPES[user]:
        assert (reply.status, reply.json["code"]) == (403, "refused")
    else:
        assert reply.status not in (401, 405, 500), reply.body


def test_the_owner_is_the_user_of_the_terminal_and_others_are_themselves(hub: RunningServer) -> None:
    assert as_user(hub, "owner", "whoami").json["id"] == "local"
    viewer = as_user(hub, "viewer", "whoami").json
    assert (viewer["id"], viewer["scopes"], viewer["is_interactive"]) == ("viewer", [str(Scope.READ)], True)


def test_what_one_user_started_another_may_not_stop(hub: RunningServer) -> None:
    body = {"recipe_id": "hello", "overrides": {"run_time": "30s", "users": 1}}
    started = as_user(hub, "owner", "run", "post", body)
    assert started.status == 202, started.body
    assert as_user(hub, "runner", "stop", "post", {}).status == 403
    assert as_user(hub, "owner", "stop", "post", {"mode": "now"}).json["status"] == "stopping"


def test_each_route_asks_the_authorizer_for_its_own_resource_in_either_order(hub: RunningServer) -> None:
    asked = Path(hub.home.parent / "asked")
    before = len(asked.read_text().splitlines()) if asked.exists() else 0
    for path in ("status", "config", "status", "history", "config"):
        assert as_user(hub, "owner", path).status == 200
    mine = [line for line in asked.read_text().splitlines()[before:] if " maid:" in line]
    assert [line.split()[1:] for line in mine] == [
        ["read", "maid:runs"], ["read", "maid:config"], ["read", "maid:runs"], ["read", "maid:runs"], ["read", "maid:config"],
    ]  # fmt: skip


def test_whom_the_authorizer_refuses_is_refused_whatever_the_role(hub: RunningServer) -> None:
    reply = as_user(hub, "mallory", "status")
    assert (reply.status, "authorizer" in reply.json["detail"]) == (403, True)


def test_a_key_is_let_in_where_strict_mode_asks_for_a_login(hub: RunningServer) -> None:
    key = as_user(hub, "owner", "keys", "post", {"name": "k", "scopes": ["maid.read"]}).json["key"]
    assert hub.ask("status", as_owner=False, headers={"X-MAID-Key": key}).status == 200
    # Jupyter names each route that it cannot tell to be closed; others' extensions may have some.
    assert "registered for /a%40b/api/maid" not in hub.log.read_text()
