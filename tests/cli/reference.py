"""The reference part of `docs/command-line.md`, made from the commands themselves.

`python -m tests.cli.reference` writes it anew after a change of a command or setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from maid_lab.cli.app import app
from maid_lab.services.settings import Settings

__all__ = ["PAGE", "page_with", "reference"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "command-line.md"
_BEGIN: Final = "<!-- Made by `python -m tests.cli.reference`; a test compares it. -->\n"


def reference() -> str:
    """Return commands with their flags and the settings, as Markdown."""
    sections = [_section(path, command) for path, command in _commands(get_command(app), "maid")]
    return "## Commands\n\n" + "\n".join(sections) + "\n## Settings\n\n" + _settings()


def page_with(text: str, made: str) -> str:
    """Return the page with its reference part replaced."""
    return text.partition(_BEGIN)[0] + _BEGIN + made


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    for name, each in (inner or {}).items():
        yield from _commands(each, f"{path} {name}")


def _section(path: str, command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    table = "\n| argument, flag | meaning |\n| --- | --- |\n" + "\n".join(rows) + "\n" if rows else ""
    return f"### `{path}`\n\n{command.help.strip()}\n{table}"


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"| `{parameter.metavar}` | {parameter.help} |"
    value = f" {parameter.metavar}" if parameter.metavar else ""
    names = " ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"| {names}{value} | {parameter.help} |"


def _settings() -> str:
    rows = [
        f"| `{name}` | `MAID_{name.upper()}` | {_default(field)} | {field.description} |" for name, field in Settings.model_fields.items()
    ]
    return "| setting | variable | default | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    return "none" if value is None or value in ({}, ()) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), reference()), encoding="utf-8")
