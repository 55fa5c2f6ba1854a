"""Columns as small whole numbers, and which rows agree in several of them: counting needs no hash tables then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["agreeing", "codes_of"]

#: Largest number of different codes that is counted in a table as long.
_TABLE: Final = 65_536
_INT32: Final = 2**31 - 1


def codes_of(column: pl.Series) -> tuple[NDArray[Any], int]:
    """Return a number for each value, the same for the same values, and how many numbers there may be. Shape (n,).

    Null is a value of its own among words; among truths it is false, among whole numbers −1.
    """
    if column.dtype == pl.Boolean:
        return column.fill_null(value=False).to_numpy().astype(np.uint8), 2
    if column.dtype.is_integer():
        return _of_numbers(column)
    if not isinstance(column.dtype, pl.Enum):
        column = column.cast(pl.String)
        column = column.cast(pl.Enum(column.drop_nulls().unique(maintain_order=True)))
    words = len(column.dtype.categories)  # type: ignore[attr-defined]
    numbers = column.to_physical()
    if column.null_count():
        return numbers.cast(pl.UInt32).fill_null(words).to_numpy(), words + 1
    return numbers.to_numpy(), max(1, words)


def agreeing(columns: Sequence[pl.Series]) -> tuple[NDArray[Any], int]:
    """Return a number for each row, the same for rows that agree in all columns, and how many numbers there may be. Shape (n,).

    Parameters
    ----------
    columns : sequence of Series
        At least one, all of the same length.
    """
    code: NDArray[Any] = np.zeros(len(columns[0]), dtype=np.int32)
    size = 1
    for column in columns:
        numbers, count = codes_of(column)
        # Most columns of a batch hold one value alone; to see that costs a tenth of counting by it.
        if count == 1 or not len(numbers) or numbers.min() == numbers.max():
            continue
        if size * count > _TABLE:
            code, size = _dense(code, size)
            numbers, count = _dense(numbers, count)
        if size * count > _INT32:
            code = code.astype(np.int64)
        if size == 1:
            code = numbers.astype(np.int32)
        else:
            code *= count
            code += numbers
        size *= count
    return _dense(code, size) if size > _TABLE else (code, size)


def _of_numbers(column: pl.Series) -> tuple[NDArray[Any], int]:
    known = (column.cast(pl.Int64).fill_null(-1) if column.null_count() else column).to_numpy()
    if not len(known):
        return known, 1
    least, most = int(known.min()), int(known.max())
    if most - least < _TABLE:
        wide = np.int32 if known.dtype.itemsize < 4 else np.int64
        return np.subtract(known, least, dtype=wide), most - least + 1
    different, codes = np.unique(known, return_inverse=True)
    return codes, len(different)


def _dense(codes: NDArray[Any], size: int) -> tuple[NDArray[Any], int]:
    """Return the codes without gaps."""
    if size > 16 * _TABLE:
        different, dense = np.unique(codes, return_inverse=True)
        return dense.astype(np.int32), max(1, len(different))
    present = np.flatnonzero(np.bincount(codes, minlength=size))
    table = np.zeros(size, dtype=np.int32)
    table[present] = np.arange(len(present))
    return table[codes], max(1, len(present))
