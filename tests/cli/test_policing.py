"""`maid policy` on the command line."""

import io
import json
import sys
from pathlib import Path

import pytest

from maid_lab.cli.entry import call

RECIPE = """schema: maid.recipe/v1
id: small
title: R
description: D
data: [{name: d, path: rows.csv}, {name: e, path: ../away.csv}]
scenarios: [{name: s, steps: [{post: {url: /, body_file: .env}}, {get: {url: /, tls: {ca: 'ca.pem'}}}]}]
"""


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = call(["policy", *words])
    captured = capsys.readouterr()
    return code, captured.out or captured.err


def test_a_host_is_approved_by_typing_it_and_the_approval_is_shown_explained_and_withdrawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("10.1.1.1\n"))
    assert said(capsys, "explain", "10.1.1.1")[0] == 3
    assert call(["policy", "approve", "10.1.1.1", "--why", "mine", "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert (given["host"], given["max_users"], given["why"]) == ("10.1.1.1", 50, "mine")
    (told,) = json.loads(said(capsys, "explain", "10.1.1.1:443", "--json")[1])
    assert (told["decision"], told["source"], told["caps"]["max_users"]) == ("allowed", "approval", 50)
    assert given["id"][:8] in said(capsys, "show")[1]
    assert [each["id"] for each in json.loads(said(capsys, "show", "--json")[1])["approvals"]] == [given["id"]]
    assert said(capsys, "withdraw", given["id"][:8]) == (0, "The approval of 10.1.1.1 is withdrawn.\n")
    assert said(capsys, "explain", "10.1.1.1")[0] == 3


def test_another_name_typed_approves_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("shop.tset\n"))
    code, told = said(capsys, "approve", "shop.test", "--why", "mine")
    assert (code, "nothing was approved" in told) == (3, True)


def test_a_pipe_approves_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("shop.test\n"))
    code, told = said(capsys, "approve", "shop.test", "--why", "mine")
    assert (code, "by a person at a terminal" in told) == (3, True)


def test_targets_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for target, code, rule in (
        ("127.0.0.1:8000", 0, "loopback is free"), ("http://169.254.169.254/", 3, "E301"), ("demo:shop", 0, "bundled"), ("0x7f.1", 2, "unusual form"),
        ("::1", 0, "loopback is free"), ("http://a:b@shop.test", 2, "user name"),
    ):  # fmt: skip
        told = said(capsys, "explain", target)
        assert (told[0], rule in told[1]) == (code, True), told


def test_what_a_recipe_would_read_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    recipe = tmp_path / "work" / "r.yaml"
    recipe.write_text(RECIPE)
    code, told = said(capsys, "ignore", "--recipe", str(recipe), "--json")
    assert code == 3
    assert [(Path(each["path"]).name, each["code"]) for each in json.loads(told)] == [
        ("r.yaml", ""), ("rows.csv", ""), ("away.csv", "E305"), (".env", "E304"), ("ca.pem", "E304"),
    ]  # fmt: skip
    assert said(capsys, "ignore", "rows.csv")[0] == 0


def test_a_template_is_written_once(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(capsys, "ignore", "--init")[0] == 0
    assert "not a sandbox" in (tmp_path / ".maidignore").read_text()
    assert "is there already" in said(capsys, "ignore", "--init")[1]
    assert said(capsys, "ignore")[0] == 2
