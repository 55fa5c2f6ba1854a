"""How an error is told to a person: what, where, and what to do; never a traceback."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maid_lab.cli.text import clean
from maid_lab.model.errors import InvalidInput, MaidError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["report"]

INTERRUPTED = 130
UNEXPECTED = 4


def report(error: BaseException, argv: Sequence[str]) -> int:
    """Tell the error on standard error and return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else UNEXPECTED
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, MaidError):
        _tell(error)
        return error.exit_code
    if _is_usage(error):
        return _usage(error)
    _say(f"maid: unexpected error: {type(error).__name__}: {_one_line(error)}. {_kept(error, argv)}")
    return UNEXPECTED


def _tell(error: MaidError) -> None:
    if isinstance(error, InvalidInput) and error.diagnostics:
        from maid_lab.cli.findings import print_findings

        print_findings(error.diagnostics)
        return
    _say(f"maid: {error.message}")
    if error.hint:
        _say(f"      {error.hint}")


def _is_usage(error: BaseException) -> bool:
    # By shape, not by class: typer carries its own copy of click or imports it, depending on its version.
    return callable(getattr(error, "format_message", None)) and hasattr(error, "exit_code")


def _usage(error: BaseException) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "maid"
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(f"{error.format_message()}\n")  # type: ignore[attr-defined]
        return 0
    possibilities = _nearest(str(getattr(error, "option_name", "")), getattr(error, "possibilities", None) or ())
    message = str(getattr(error, "message", error)) if possibilities else str(error.format_message())  # type: ignore[attr-defined]
    near = f". Did you mean {' or '.join(possibilities)}?" if possibilities else ""
    _say(f"{command}: {message}{near}")
    _say(f"      {command} --help shows how.")
    return 2


def _nearest(word: str, known: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, sorted(known), n=2)


def _kept(error: BaseException, argv: Sequence[str]) -> str:
    try:
        path = _write(error, argv)
    except (OSError, MaidError) as trouble:
        return f"Its details could not be written: {trouble}."
    return f"Details: {path}"


def _write(error: BaseException, argv: Sequence[str]) -> Path:
    from maid_lab._version import __version__
    from maid_lab.services.home import home_folder, open_home

    folder = open_home(home_folder()) / "crashes"
    folder.mkdir(mode=0o700, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%d-%H%M%S-%f}.log"
    # Values of flags may be secrets (--param token=…): only their names are kept.
    words = [word.partition("=")[0] for word in argv if word.startswith("-")]
    head = f"maid {__version__}, Python {sys.version.split()[0]}, {sys.platform}, {now:%Y-%m-%dT%H:%M:%SZ}\ncommand: {argv[:1]} {words}\n\n"
    path.write_text(head + "".join(traceback.format_exception(error)), encoding="utf-8")
    path.chmod(0o600)
    return path


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _say(text: str) -> None:
    # Parts of it may come from files and targets; a terminal must not obey them.
    sys.stderr.write("\n".join(clean(line) for line in text.splitlines()) + "\n")
