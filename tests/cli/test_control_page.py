"""The page on control names every command and no other."""

import re
from pathlib import Path
from typing import Final

from maid_lab.services.commands import COMMANDS

PAGE: Final = (Path(__file__).parents[2] / "docs" / "control.md").read_text(encoding="utf-8")


def test_the_table_has_each_command() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = {word.split()[0] for row in rows for word in re.findall(r"`([^`]+)`", row)}
    assert named == {command.name for command in COMMANDS}
