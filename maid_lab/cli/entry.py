"""`maid …`: the way in, and the only place where errors become exit codes."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from maid_lab.cli import early

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["call", "main"]


def main() -> None:
    """Run the command line of this process and exit."""
    # Imports make a hundred thousand objects that all stay: looking for garbage among them every few hundred costs a tenth of the start.
    gc.set_threshold(50_000, 20, 50)
    sys.exit(call(sys.argv[1:]))


def call(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    0 passed · 1 threshold failed or unknown · 2 invalid input · 3 refused by policy · 4 runtime error · 130 interrupted.
    """
    try:
        early.warm(argv)
        from maid_lab.cli.app import app

        return int(app(list(argv), prog_name="maid", standalone_mode=False) or 0)
    except BrokenPipeError:
        return _reader_left()
    except BaseException as error:  # the edge of the program: nothing may reach a user as a traceback
        if isinstance(error.__context__, BrokenPipeError):
            return _reader_left()  # typer has turned it into an exit with code 1
        from maid_lab.cli.failures import report

        return report(error, argv)
    finally:
        if early.warmed():
            _close_pool()


def _reader_left() -> int:
    """`maid history | head`: the reader has what it wanted; the interpreter must not complain while it flushes."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _close_pool() -> None:
    pool = early.take()
    if pool is not None:
        pool.close_now()
