"""Outcomes in words: which rows were sent, which were answered, and the Polars expressions that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ANSWERED", "SENT", "is_answered", "is_failure", "is_ok", "is_outcome", "is_sent"]

#: Outcomes of rows that were sent: all but dropped, unsent and aborted.
SENT: Final = frozenset(outcome.word for outcome in Outcome if outcome.is_sent)

#: Outcomes of rows for which a whole answer arrived, good or bad; throughput counts these.
ANSWERED: Final = frozenset(
    outcome.word for outcome in (Outcome.OK, Outcome.CHECK_FAILED, Outcome.ERROR_STATUS, Outcome.EXTRACT_MISS)
)  # fmt: skip


def is_outcome(words: Iterable[str]) -> pl.Expr:
    """Whether the row's outcome is one of `words`; works for String, Categorical and Enum columns alike."""
    # An Enum refuses to be compared with a word it does not list, so the comparison is made on text.
    return pl.col("outcome").cast(pl.String).is_in(sorted(words))


def is_ok() -> pl.Expr:
    """Whether the request did what it should."""
    return is_outcome(["ok"])


def is_sent() -> pl.Expr:
    """Whether the row counts as sent."""
    return is_outcome(SENT)


def is_answered() -> pl.Expr:
    """Whether a whole answer arrived."""
    return is_outcome(ANSWERED)


def is_failure() -> pl.Expr:
    """Whether the row was sent and did not do what it should."""
    return is_outcome(SENT - {"ok"})
