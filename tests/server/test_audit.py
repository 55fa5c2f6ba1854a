"""The audit log over REST: who did what, and the first entry that was altered."""

from __future__ import annotations

import time

import pytest

from tests.support.jupyter import RunningServer

pytestmark = pytest.mark.server


def test_what_was_done_is_listed_and_an_altered_entry_is_named(server: RunningServer) -> None:
    for name in ("one", "two", "three"):
        assert server.ask("keys", method="POST", body={"name": name, "scopes": ["maid.read"]}).status == 201
    page = server.ask("audit?action=key.&limit=2").json
    assert [each["detail"]["name"] for each in page["items"]] == ["three", "two"]
    assert page["items"][0]["actor"]["kind"] == "jupyter"
    assert page["total"] == 3
    rest = server.ask(f"audit?action=key.&limit=2&cursor={page['next_cursor']}").json
    assert [each["detail"]["name"] for each in rest["items"]] == ["one"]
    whole = server.ask("audit/verify").json
    assert (whole["is_whole"], whole["broken"]) == (True, None)
    assert whole["entries"] >= 3
    path = server.home / "audit.jsonl"
    original = path.read_text()
    path.write_text(original.replace('"two"', '"owt"'))
    try:
        found = server.ask("audit/verify").json
        assert found["is_whole"] is False
        assert found["broken"].startswith(f"audit.jsonl, entry {page['items'][1]['seq']}, altered: ")
    finally:
        path.write_text(original)
    assert server.ask("audit/verify").json["is_whole"] is True


@pytest.mark.parametrize("query", ["cursor=x", "limit=0", "from=now", "other=1"])
def test_a_wrong_query_is_told(server: RunningServer, query: str) -> None:
    assert server.ask(f"audit?{query}").status == 422


def test_a_credential_that_proves_nobody_is_written_with_the_reason(server: RunningServer) -> None:
    made = server.ask("keys", method="POST", body={"name": "k", "scopes": ["maid.read"]}).json
    server.ask(f"keys/{made['id']}", method="DELETE")
    refused = server.ask("status", as_owner=False, headers={"X-MAID-Key": made["key"], "User-Agent": "a burglar"})
    assert "revoked" not in refused.body.decode()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        items = server.ask("audit?action=access.refused").json["items"]
        if any("revoked" in str(each["detail"]) and each["actor"]["client"] == "a burglar" for each in items):
            return
        time.sleep(0.1)
    raise AssertionError(items)
