"""The policy over REST."""

from urllib.parse import urlsplit

import pytest

from tests.support.jupyter import RunningServer

pytestmark = pytest.mark.server

APPROVE = {"host": "10.1.1.1", "typed_host": "10.1.1.1", "why": "mine"}


def decision(server: RunningServer, target: str) -> tuple[str, str]:
    reply = server.ask("policy/explain", method="POST", body={"target": target})
    assert reply.status == 200, reply.body
    (told,) = reply.json["addresses"]
    return told["decision"], told["code"]


def test_an_approval_is_given_explained_and_withdrawn(server: RunningServer) -> None:
    assert decision(server, "10.1.1.1") == ("refused", "E302")
    given = server.ask("policy/targets", method="PUT", body={"approve": [APPROVE]})
    assert given.status == 200, given.body
    approval = given.json["approvals"][0]
    assert (approval["host"], approval["max_users"], approval["withdrawn_at"]) == ("10.1.1.1", 50, None)
    assert decision(server, "http://10.1.1.1/") == ("allowed", "")
    taken = server.ask("policy/targets", method="PUT", body={"withdraw": [approval["id"]]})
    assert taken.json["approvals"][0]["withdrawn_at"]
    assert server.ask("policy/targets").json == taken.json
    assert decision(server, "10.1.1.1") == ("refused", "E302")


def test_what_was_typed_has_to_be_the_host(server: RunningServer) -> None:
    before = server.ask("policy/targets").json["approvals"]
    assert server.ask("policy/targets", method="PUT", body={"approve": [APPROVE | {"typed_host": "10.1.1.2"}]}).status == 403
    assert (
        server.ask(
            "policy/targets", method="PUT", body={"approve": [{**APPROVE, "host": "169.254.169.254", "typed_host": "169.254.169.254"}]}
        ).status
        == 403
    )
    assert server.ask("policy/targets", method="PUT", body={"withdraw": ["none-of-these"]}).status == 404
    assert server.ask("policy/targets").json["approvals"] == before


def test_the_server_itself_is_not_loaded(server: RunningServer) -> None:
    port = urlsplit(server.url).port
    assert decision(server, f"127.0.0.1:{port}") == ("refused", "E301")
    recipe = f"""schema: maid.recipe/v1
id: itself
title: Itself
description: Loads the server that runs it.
target: {{base_url: "http://127.0.0.1:{port}"}}
load: {{users: 1, run_time: 1s}}
scenarios: [{{name: s, steps: [{{get: /}}]}}]
"""
    reply = server.ask("plan", method="POST", body={"recipe": recipe})
    assert (reply.status, "the Jupyter server itself" in reply.body.decode()) == (403, True)
