"""Consoles of the command line: as wide as the terminal, wide enough for every table elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console_for"]

#: Files and pipes have no width; a table that is wrapped at 80 characters cannot be searched.
_FILE_WIDTH: Final = 200


def console_for(stream: TextIO | None = None) -> Console:
    """Return a console for a stream, standard output by default."""
    from rich.console import Console

    target = stream or sys.stdout
    return Console(file=target, highlight=False, width=None if target.isatty() else _FILE_WIDTH)
