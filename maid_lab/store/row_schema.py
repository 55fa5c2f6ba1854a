"""Columns of the rows files with their types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.rows import Outcome, Phase

if TYPE_CHECKING:
    from maid_lab.model.plan import Label

__all__ = ["FROM_LABEL", "KINDS", "schema_of"]

#: Kinds of rows that every run has a file of.
KINDS: Final = ("requests", "transactions", "iterations")

#: How the columns that hold words of a label read it.
FROM_LABEL: Final[dict[str, Callable[[Label], str]]] = {
    "scenario": lambda label: label.scenario,
    "transaction": lambda label: label.transaction,
    "name": lambda label: label.name,
    "kind": lambda label: label.kind,
    "method": lambda label: label.method,
    "url": lambda label: label.url,
    "section": lambda label: label.section,
    "tags": lambda label: ",".join(f"{key}={value}" for key, value in label.tags),
}


def schema_of(labels: Sequence[Label], errors: Sequence[str]) -> dict[str, Any]:
    """Return the columns of a rows file with their types; dictionary columns hold the words of this run.

    Parameters
    ----------
    labels : sequence of Label
        All labels of the run.
    errors : sequence of str
        All error texts of the run, each once.
    """
    import polars as pl

    words = {name: pl.Enum(_unique(map(read, labels))) for name, read in FROM_LABEL.items()}
    return {
        "worker": pl.UInt16,
        "user": pl.UInt32,
        "iteration": pl.UInt32,
        "scenario": words["scenario"],
        "transaction": words["transaction"],
        "name": words["name"],
        "kind": words["kind"],
        "method": words["method"],
        "url": words["url"],
        "section": words["section"],
        "intended": pl.Int64,
        "start": pl.Int64,
        "connected": pl.Int64,
        "first_byte": pl.Int64,
        "end": pl.Int64,
        "status": pl.Int16,
        "outcome": pl.Enum([outcome.word for outcome in Outcome]),
        "error": pl.Enum(list(errors)),
        "bytes_out": pl.UInt32,
        "bytes_in": pl.UInt32,
        "attempt": pl.UInt8,
        "redirected": pl.Boolean,
        "reused": pl.Boolean,
        "phase": pl.Enum([phase.word for phase in Phase]),
        "users": pl.UInt32,
        "in_flight": pl.UInt32,
        "lag": pl.UInt32,
        "trace_id": pl.UInt64,
        "messages_in": pl.UInt32,
        "tags": words["tags"],
    }


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
