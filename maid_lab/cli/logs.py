"""Warnings of the program on standard error, in the words of the command line."""

from __future__ import annotations

import logging

__all__ = ["tell_warnings"]


def tell_warnings() -> None:
    """Write warnings and errors of MAID Lab's own loggers to standard error, one line each, without tracebacks."""
    logger = logging.getLogger("maid_lab")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_OneLine("maid: %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
    logger.setLevel(logging.WARNING)


class _OneLine(logging.Formatter):
    """Leaves the traceback of `log.exception` out: it is for log files, not for people."""

    def formatException(self, ei: object) -> str:
        """Return nothing."""
        return ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; the cause of an exception is part of it."""
        text = " ".join(super().format(record).split())
        cause = record.exc_info[1] if record.exc_info else None
        return f"{text}: {cause}" if cause is not None else text
