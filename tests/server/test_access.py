"""Who gets in: Jupyter's own login, and nobody else without a credential."""

from __future__ import annotations

import json
from typing import Any

import pytest

from maid_lab.server.operations import Operation, operation, operations_of
from maid_lab.server.routes import ROUTES
from maid_lab.services.access.principal import Scope
from tests.support.jupyter import RunningServer

OPERATIONS = [(path, verb, spec) for path, handler in ROUTES.items() for verb, spec in operations_of(handler).items()]
IDS = [f"{verb} {path}" for path, verb, _ in OPERATIONS]


def ask(server: RunningServer, path: str, verb: str, **options: Any) -> int:
    body: dict[str, Any] | None = None if verb == "get" else {}
    return server.ask(path.removeprefix("/").format(run_id="last", key_id="x"), method=verb.upper(), body=body, **options).status


@pytest.mark.parametrize(("path", "verb", "spec"), OPERATIONS, ids=IDS)
def test_every_operation_declares_what_it_needs(path: str, verb: str, spec: Operation) -> None:
    assert (spec.scope is not None) is not (spec.is_public or spec.any_credential)
    assert spec.resource.startswith("maid:")
    assert spec.summary
    assert verb == "get" or spec.scope != Scope.READ or path in ("/plan", "/ws-ticket", "/query"), (
        "what changes something needs more than reading"
    )


@pytest.mark.server
@pytest.mark.parametrize(("path", "verb", "spec"), OPERATIONS, ids=IDS)
def test_nobody_gets_in_without_a_credential(server: RunningServer, path: str, verb: str, spec: Operation) -> None:
    assert (ask(server, path, verb, as_owner=False) == 200) is spec.is_public
    if not spec.is_public:
        assert ask(server, path, verb, as_owner=False) == 401
        assert ask(server, path, verb, as_owner=False, headers={"Authorization": "token wrong"}) == 401
        assert ask(server, path, verb, as_owner=False, headers={"Authorization": "Bearer wrong"}) == 401
        assert ask(server, path, verb) not in (401, 403), "the owner of the server may do all"


@pytest.mark.server
def test_a_login_cookie_needs_the_xsrf_token_to_change_something(server: RunningServer) -> None:
    login = server.ask(f"{server.url}lab", headers={})
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    with_cookie = {"Cookie": cookie}
    assert server.ask("whoami", as_owner=False, headers=with_cookie).status == 200
    refused = server.ask("stop", method="POST", body={}, as_owner=False, headers=with_cookie)
    assert (refused.status, refused.json["status"]) == (403, 403)


def test_a_verb_without_a_declaration_is_found() -> None:
    class Open:
        __module__ = "maid_lab.server.rest.planted"

        async def get(self) -> None: ...

    with pytest.raises(TypeError, match=r"Open\.get declares no operation"):
        operations_of(Open)


def test_an_operation_without_a_scope_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="declares a scope"):
        operation(summary="s", resource="maid:x", answers={})


@pytest.mark.server
def test_the_document_describes_every_operation(server: RunningServer) -> None:
    document = server.ask("openapi.json", as_owner=False).json
    described = {(path, verb) for path, verbs in document["paths"].items() for verb in verbs}
    assert described == {(path, verb) for path, verb, _ in OPERATIONS}
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    assert all(name in schemas for name in _references(document))


def _references(document: dict[str, Any]) -> set[str]:
    text = json.dumps(document)
    return {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
