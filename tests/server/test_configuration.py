"""Settings over REST: shown with their layer, changed whole or not at all, remembered."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.support.jupyter import RunningServer

pytestmark = pytest.mark.server


def setting(server: RunningServer, name: str) -> dict[str, Any]:
    return next(dict(each) for each in server.ask("config").json["items"] if each["name"] == name)


def put(server: RunningServer, **values: Any) -> dict[str, Any]:
    reply = server.ask("config", method="PUT", body=values)
    assert reply.status == 200, reply.body
    return dict(reply.json)


def test_a_change_is_in_force_for_the_next_run_and_can_be_taken_back(server: RunningServer) -> None:
    assert setting(server, "min_free_bytes")["layer"] == "built-in"
    assert put(server, min_free_bytes=2**60)["changed"] == ["min_free_bytes"]
    changed = setting(server, "min_free_bytes")
    assert (changed["value"], changed["layer"]) == (2**60, "config.runtime.json")
    refused = server.ask("run", method="POST", body={"recipe_id": "hello"})
    assert (refused.status, "E407" in refused.json["detail"]) == (503, True)
    put(server, min_free_bytes=None)
    assert setting(server, "min_free_bytes")["layer"] == "built-in"
    started = server.ask("run", method="POST", body={"recipe_id": "hello", "overrides": {"run_time": "1s"}})
    assert started.status == 202, started.body


def test_one_wrong_value_changes_nothing(server: RunningServer) -> None:
    for values in ({"workers": 1, "quiet": 9}, {"workers": 1, "quite": 1}, {"workers": "many"}):
        reply = server.ask("config", method="PUT", body=values)
        assert reply.status == 422, reply.body
    assert "quiet" in server.ask("config", method="PUT", body={"quite": 1}).json["hint"]
    assert setting(server, "workers")["layer"] == "built-in"


def test_a_wrong_value_that_somebody_wrote_into_the_file_can_be_taken_back(server: RunningServer) -> None:
    (server.home / "config.runtime.json").write_text('{"quiet": 9}')
    assert server.ask("config").status == 422
    assert put(server, quiet=None)["changed"] == ["quiet"]
    assert setting(server, "quiet")["layer"] == "built-in"


def test_changes_are_remembered_and_audited(server: RunningServer) -> None:
    put(server, quiet=1)
    put(server, quiet=2)
    page = server.ask("config/changes?limit=1").json
    assert (page["items"][0]["before"], page["items"][0]["after"]) == ({"quiet": 1}, {"quiet": 2})
    older = server.ask(f"config/changes?limit=1&cursor={page['next_cursor']}").json
    assert older["items"][0]["after"] == {"quiet": 1}
    entry = server.ask("audit?action=config.change&limit=1").json["items"][0]
    assert entry["detail"] == {"before": {"quiet": 1}, "after": {"quiet": 2}}
    put(server, quiet=None)


def test_a_key_may_not_change_what_lets_it_write_files_or_grow(server: RunningServer) -> None:
    key = server.ask("keys", method="POST", body={"name": "k", "scopes": ["maid.admin"]}).json["key"]
    with_key = {"as_owner": False, "headers": {"X-MAID-Key": key}}
    for values in ({"request_log": "/tmp/x"}, {"access_roles": {"eve": "admin"}}, {"agent_max_users": 10_000}, {"files_roots": ["/"]}):
        assert server.ask("config", method="PUT", body=values, **with_key).status == 403  # type: ignore[arg-type]
    assert server.ask("config", method="PUT", body={"workers": None}, **with_key).status == 200  # type: ignore[arg-type]


def test_the_schema_describes_every_setting_and_the_defaults_obey_it(server: RunningServer) -> None:
    schema = server.ask("config/schema").json
    items = server.ask("config").json["items"]
    assert set(schema["properties"]) == {each["name"] for each in items}
    assert all(part.get("description") for part in schema["properties"].values())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json.dumps({each["name"]: each["default"] for each in items})), schema)
