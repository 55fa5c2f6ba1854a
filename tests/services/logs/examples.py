"""The examples of `docs/logs.md`: each log in each format, made from a stored run.

`python -m tests.services.logs.examples` writes them anew after a change of a field or format.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from maid_lab.services.logs.fields import FIELDS, FORMATS
from tests.services.logs.stored import logs_of, stored_run

__all__ = ["PAGE", "examples", "page_with"]

PAGE: Final = Path(__file__).parents[3] / "docs" / "logs.md"
_BEGIN: Final = "<!-- Made by `python -m tests.services.logs.examples`; a test compares it. -->\n"
#: Which line of a log is shown, from 0.
_SHOWN: Final = {"program": 1, "request": 2}


def examples() -> str:
    """Return a section for each log with one entry in each format, as Markdown."""
    sections = ["## Examples\n"]
    texts = {format: _logs(format) for format in FORMATS}
    for kind in FIELDS:
        sections.append(f"### {kind}\n")
        for format in FORMATS:
            language = {"json": "json", "pretty": "json"}.get(format, "text")
            sections.append(f"{format}\n\n```{language}\n{_entry(kind, format, texts[format][kind])}\n```\n")
    return "\n".join(sections)


def page_with(text: str, made: str) -> str:
    """Return the page with its examples replaced."""
    return text.partition(_BEGIN)[0] + _BEGIN + made


def _logs(format: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return logs_of(stored_run(Path(folder)), Path(folder), format=format)


def _entry(kind: str, format: str, text: str) -> str:
    shown = _SHOWN.get(kind, 0)
    if format == "pretty":
        return text.split("\n\n")[shown]
    if format == "csv":
        header, *lines = text.split("\n")
        # The cells of a debug line hold line breaks.
        return "\n".join([header, *lines]).rstrip("\n") if kind == "debug" else f"{header}\n{lines[shown]}"
    return text.splitlines()[shown]


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), examples()), encoding="utf-8")
