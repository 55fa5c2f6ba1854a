"""Outcomes in words: which rows were sent, which were answered, and the Polars expressions that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ANSWERED", "SENT", "comparable", "is_answered", "is_failure", "is_ok", "is_outcome", "is_sent"]

#: Outcomes of rows that were sent: all but dropped, unsent and aborted.
SENT: Final = frozenset(outcome.word for outcome in Outcome if outcome.is_sent)

#: Outcomes of rows for which a whole answer arrived, good or bad; throughput counts these.
ANSWERED: Final = frozenset(
    outcome.word for outcome in (Outcome.OK, Outcome.CHECK_FAILED, Outcome.ERROR_STATUS, Outcome.EXTRACT_MISS)
)  # fmt: skip


#: Words that queries compare with.
_WORDS: Final = {"outcome": frozenset(outcome.word for outcome in Outcome), "section": frozenset({"scenario"})}


def is_outcome(words: Iterable[str]) -> pl.Expr:
    """Whether the row's outcome is one of `words`; for String and Categorical columns, and Enums that list all outcomes (see `comparable`)."""
    # Not as text: making texts of ten million words takes as long as all the rest of a query.
    return pl.col("outcome").is_in(sorted(words))


def comparable(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the rows with outcomes and sections that may be compared with any word: an Enum refuses those that it does not list."""
    schema = frame.collect_schema()
    texts = [
        name for name in ("outcome", "section") if isinstance(kind := schema.get(name), pl.Enum) and not _WORDS[name] <= {*kind.categories}
    ]
    return frame.with_columns(pl.col(texts).cast(pl.String)) if texts else frame


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
