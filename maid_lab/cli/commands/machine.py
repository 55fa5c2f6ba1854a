"""`maid doctor`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from maid_lab.cli.doctor import Finding

__all__ = ["doctor"]

_BAD = 4
_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> int:
    """Check whether this machine is fit to make load, and say what mends it. Exit code 4 when something must be mended first."""
    from maid_lab.cli.doctor import Machine, examine
    from maid_lab.services.home import home_folder

    findings = examine(Machine(home=home_folder()))
    if as_json:
        sys.stdout.write(json.dumps([finding.to_json() for finding in findings]) + "\n")
    else:
        _print(findings)
    return _BAD if any(finding.state == "bad" for finding in findings) else 0


def _print(findings: tuple[Finding, ...]) -> None:
    from rich.table import Table
    from rich.text import Text

    from maid_lab.cli.consoles import console_for

    table = Table(box=None, show_header=False, padding=(0, 1))
    for finding in findings:
        mark, style = _MARKS[finding.state]
        table.add_row(Text(mark, style=style), Text(finding.name, style="bold"), Text(finding.found))
        if finding.remedy:
            table.add_row("", "", Text(f"→ {finding.remedy}", style="cyan"))
    console_for().print(table)
