from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from maid_lab.cli.entry import call
from maid_lab.services.access.principal import LOCAL
from maid_lab.services.audit import AuditLog
from maid_lab.services.home import open_home


def three() -> Path:
    home = open_home(Path(os.environ["MAID_HOME"]))
    for name in ("run.start", "run.stop", "config.change"):
        AuditLog(home).write(LOCAL, name, "it\x1b[2J", {"n": 1})
    return home


def test_entries_are_listed_and_filtered(capfd: Any) -> None:
    three()
    assert call(["audit", "list", "--action", "run.", "--json"]) == 0
    listed = json.loads(capfd.readouterr().out)
    assert ([entry["action"] for entry in listed["items"]], listed["total"]) == (["run.stop", "run.start"], 2)
    assert call(["audit", "list", "-n", "1"]) == 0
    text = capfd.readouterr().out
    assert "config.change" in text
    assert "--cursor 3" in text
    assert "\x1b" not in text


def test_a_log_that_was_changed_has_exit_code_4_and_the_entry(capfd: Any) -> None:
    home = three()
    assert call(["audit", "verify"]) == 0
    assert "3 entries" in capfd.readouterr().out
    path = home / "audit.jsonl"
    path.write_text(path.read_text().replace("run.stop", "run.stoq"))
    assert call(["audit", "verify", "--json"]) == 4
    found = json.loads(capfd.readouterr().out)
    assert (found["broken"]["seq"], found["broken"]["copy"], found["is_whole"]) == (2, "audit.jsonl", False)
