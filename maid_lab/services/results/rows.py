"""Rows of a run as Arrow or Parquet, in parts, so that ten million rows do not need their whole size in memory."""

from __future__ import annotations

import io
import struct
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.services.results.sources import RunSource

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    import polars as pl

__all__ = ["KINDS", "RowsAsked", "arrow_stream", "parquet_parts", "rows_asked"]

#: Kinds of rows that can be asked for.
KINDS: Final = ("requests", "transactions", "iterations", "events")

_BATCH: Final = 50_000
_PART: Final = 1 << 20
#: Arrow streams end with this.
_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_SCALE: Final = 1 << 32
_SEED: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAsked:
    """Rows that were asked for: those of `raw` for which all of `kept` holds, with some columns."""

    raw: pl.LazyFrame
    kept: tuple[pl.Expr, ...]
    columns: tuple[str, ...]

    def collect(self) -> pl.DataFrame:
        """Return all of them."""
        return self.of(self.raw).collect()

    def of(self, part: pl.LazyFrame) -> pl.LazyFrame:
        """Return those that are in a part of `raw`."""
        import polars as pl
        import polars.selectors as cs

        rows = part.with_columns((cs.enum() | cs.categorical()).cast(pl.String))
        return rows.filter(*self.kept).select(self.columns) if self.kept else rows.select(self.columns)

    def parts(self) -> Iterator[pl.DataFrame]:
        """Yield them in order, each part from so many rows of `raw`; they are never all in memory."""
        import polars as pl

        count = self.raw.select(pl.len()).collect().item()
        for start in range(0, count, _BATCH):
            yield self.of(self.raw.slice(start, _BATCH)).collect()


def rows_asked(
    home: Path, run_id: str, *, kind: str = "requests", columns: Sequence[str] = (), where: str = "", sample: float | None = None
) -> RowsAsked:
    """Return rows of a run, also of one under way; dictionary columns as text.

    Parameters
    ----------
    columns : sequence of str
        Only these, in this order; all when empty.
    where : str
        Only rows for which it holds: comparisons, AND, OR, NOT, IN, BETWEEN, LIKE and IS NULL over columns of the row.
    sample : float, optional
        Up to 1 a share of the rows, above it about so many; the same ones each time.

    Raises
    ------
    InvalidInput
        If there is no such kind or column, or the condition or sample is none.
    Missing
        If there is no such run, or it has no rows here.
    """
    import polars as pl
    import polars.selectors as cs

    from maid_lab.analysis.conditions import condition

    if kind not in KINDS:
        raise InvalidInput(f"there are no rows of {kind[:80]!r}.", hint=f"Use one of {', '.join(KINDS)}.")
    raw = RunSource.of(home, run_id).rows(kind)
    words = cs.enum() | cs.categorical()
    schema = raw.head(0).with_columns(words.cast(pl.String)).collect_schema()
    if unknown := [name for name in columns if name not in schema]:
        raise InvalidInput(f"rows of {kind} have no column {unknown[0][:80]!r}.", hint=f"They have {', '.join(schema)}.")
    if len(set(columns)) < len(columns):
        raise InvalidInput("a column is named twice.", hint="Name it once.")
    kept = [condition(where, schema)] if where else []
    if sample is not None:
        kept.append(_sampled(raw, sample))
    return RowsAsked(raw=raw, kept=tuple(kept), columns=tuple(columns) or tuple(schema))


def arrow_stream(rows: RowsAsked) -> Generator[bytes, None, None]:
    """Yield rows as one Arrow IPC stream, a batch at a time.

    Each batch is written as a stream of its own, of which the schema at its beginning and the mark at its end are left out but once.
    """
    head = _ipc(rows.of(rows.raw.head(0)).collect())
    schema = head[: _message_bytes(head)]
    yield schema
    for frame in rows.parts():
        if len(frame):
            yield _ipc(frame)[len(schema) : -len(_END)]
    yield _END


def parquet_parts(rows: RowsAsked) -> Generator[bytes, None, None]:
    """Yield rows as a Parquet file, from a file on disk that is gone afterwards: its end tells where its parts are."""
    with tempfile.NamedTemporaryFile(prefix="maid-rows-") as file:
        rows.of(rows.raw).sink_parquet(file.name, compression="zstd", row_group_size=_BATCH)
        while part := file.read(_PART):
            yield part


def _ipc(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_ipc_stream(buffer)
    return buffer.getvalue()


def _message_bytes(stream: bytes) -> int:
    """Return the length of the first message, which holds the schema and has no body."""
    mark, length = struct.unpack_from("<Ii", stream)
    if mark != 0xFFFFFFFF:
        raise ValueError("no Arrow stream begins like this")
    return 8 + int(length)


def _sampled(rows: pl.LazyFrame, sample: float) -> pl.Expr:
    """Return which rows are kept, by a hash of their place in time and who sent them."""
    import polars as pl

    if not 0 < sample < float("inf"):
        raise InvalidInput(f"sample is {sample:g}.", hint="Up to 1 it is a share of the rows, above it a number of rows.")
    share = sample
    if sample > 1:
        count = rows.select(pl.len()).collect().item()
        share = sample / count if count else 1.0
    return pl.struct("worker", "user", "iteration", "start").hash(seed=_SEED) % _SCALE < round(min(share, 1.0) * _SCALE)
