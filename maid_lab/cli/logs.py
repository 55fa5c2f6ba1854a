"""Warnings of the program on standard error, in the words of the command line."""

from __future__ import annotations

import logging
import sys

from maid_lab.cli.text import clean

__all__ = ["tell_warnings"]


def tell_warnings(*, quiet: int = 0) -> None:
    """Write warnings and errors of MAID Lab's own loggers to standard error, one line each, without tracebacks.

    From `quiet` 2 on warnings are left out, from 3 on errors too.
    """
    logger = logging.getLogger("maid_lab")
    if not any(isinstance(handler, _Teller) for handler in logger.handlers):
        logger.addHandler(_Teller(logging.WARNING))
    for handler in logger.handlers:
        if isinstance(handler, _Teller):
            handler.setLevel((logging.WARNING, logging.WARNING, logging.ERROR, logging.CRITICAL)[min(quiet, 3)])


class _Teller(logging.Handler):
    """Writes to what standard error is at the moment; tracebacks are for crash logs, the cause is for people."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        cause = record.exc_info[1] if record.exc_info else None
        text = f"{record.getMessage()}{f': {cause}' if cause is not None else ''}"
        sys.stderr.write(f"maid: {clean(' '.join(text.split()))}\n")
