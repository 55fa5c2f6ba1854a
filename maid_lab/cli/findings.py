"""Diagnostics as a compiler prints them: code and message, place, the line with a caret, the remedy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from maid_lab.cli.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.text import Text

    from maid_lab.model.diagnostics import Diagnostic

__all__ = ["finding_text", "print_findings", "tally"]

_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan"}


def print_findings(findings: Iterable[Diagnostic], *, texts: Mapping[str, str] | None = None, stream: TextIO | None = None) -> None:
    """Print all findings, in colour on a terminal.

    Parameters
    ----------
    texts : mapping, optional
        Text of each file by the name in `Diagnostic.source`; a file that is not in it is read from its path.
    stream : file, optional
        Standard error when not given.
    """
    from rich.console import Console

    console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(finding_text(finding, line=_line_of(finding, texts or {})))


def finding_text(finding: Diagnostic, *, line: str = "") -> Text:
    """Return one finding as styled text; `line` is the source line it is about."""
    from rich.text import Text

    style = _STYLES[finding.severity]
    text = Text.assemble((f"{finding.severity}[{finding.code}]", style), (f": {clean(finding.message)}\n", "bold"))
    place = f"{clean(finding.source) or 'recipe'}:{finding.line}:{finding.column}" if finding.line else clean(finding.source)
    margin = " " * len(str(finding.line or ""))
    if not finding.pointer and (finding.line, finding.column) == (1, 1):
        # Of the whole file, or of a flag: an arrow at the first character would say that the fault is there.
        place, line = "", ""
    if place:
        text.append(f"{margin}--> {place}\n", style="blue")
    elif finding.pointer:
        text.append(f"{margin}--> {clean(finding.pointer)}\n", style="blue")
    if line.strip() and finding.line:
        caret = " " * max(0, finding.column - 1) + "^"
        text.append(f"{finding.line} | ", style="blue").append(f"{clean(line)}\n")
        text.append(f"{margin} | ", style="blue").append(f"{caret}\n", style=style)
    if finding.hint:
        text.append(f"{margin} = ", style="blue").append(f"{clean(finding.hint)}\n")
    return text


def tally(findings: Iterable[Diagnostic]) -> str:
    """Return how many there are of each severity: `1 error, 2 warnings`."""
    severities = [finding.severity for finding in findings]
    counts = [(severities.count(word), word) for word in ("error", "warning", "info")]
    return ", ".join(f"{n} {word}{'s' if n != 1 and word != 'info' else ''}" for n, word in counts if n) or "no findings"


def _line_of(finding: Diagnostic, texts: Mapping[str, str]) -> str:
    if not finding.line:
        return ""
    text = texts.get(finding.source)
    if text is None:
        try:
            text = Path(finding.source).read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            return ""
    lines = text.splitlines()
    return lines[finding.line - 1].expandtabs(1) if finding.line <= len(lines) else ""
