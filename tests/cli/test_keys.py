from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from maid_lab.cli.entry import call
from maid_lab.services.access.keys import KeyService


def test_a_key_is_made_shown_once_rotated_and_revoked(capsys: Any) -> None:
    home = Path(os.environ["MAID_HOME"])
    given = ["--scope", "maid.read", "--scope", "maid.write", "--limit", "max_users=5", "--limit", "allowed_targets=a.test,b.test"]
    assert call(["keys", "create", "CI", *given, "--test", "--expires", "30d"]) == 0
    shown = capsys.readouterr()
    text = shown.out.strip()
    assert text.startswith("maid_test_") and text not in shown.err and "not shown again" in shown.err
    principal = KeyService(home).verify(text)
    assert (principal.name, principal.limits.max_users, principal.limits.allowed_targets) == ("CI", 5, ("a.test", "b.test"))
    assert call(["keys", "list", "--json"]) == 0
    listed = capsys.readouterr().out
    entry = json.loads(listed)[0]
    assert (entry["state"], entry["kind"], entry["scopes"]) == ("valid", "test", ["maid.read", "maid.write"])
    assert text.rpartition("_")[2] not in listed and "hash" not in listed
    assert call(["keys", "rotate", entry["id"], "--overlap", "2h", "--json"]) == 0
    second = json.loads(capsys.readouterr().out)["key"]
    assert KeyService(home).verify(second).key_id == KeyService(home).verify(text).key_id == entry["id"]
    assert call(["keys", "revoke", entry["id"]]) == 0
    assert capsys.readouterr().out == f"The API key {entry['id']} is revoked.\n"
    assert call(["keys", "list"]) == 0
    assert f"{entry['id']}  revoked" in capsys.readouterr().out
    audit = (home / "audit.jsonl").read_text()
    assert [audit.count(f'"{action}"') for action in ("key.create", "key.rotate", "key.revoke")] == [1, 1, 1]
    assert not any(secret.rpartition("_")[2] in audit for secret in (text, second))


def test_without_keys_the_list_says_how_to_make_one(capsys: Any) -> None:
    assert call(["keys", "list"]) == 0
    assert "maid keys create" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["create", "a", "--scope", "maid.admin"], 3, "made by a person"), (["create", "a", "--scope", "x"], 2, "no scope 'x'"),
        (["create", "a", "--expires", "soon"], 2, "no span"), (["create", "a", "--limit", "max_users"], 2, "a value is missing"),
        (["create", "a", "--limit", "max_users=many"], 2, "no number"), (["rotate", "nothing"], 2, "no API key"), (["revoke", "nothing"], 2, "no API key"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_reason(arguments: list[str], code: int, words: str, capsys: Any) -> None:
    assert call(["keys", *arguments]) == code
    assert words in capsys.readouterr().err
