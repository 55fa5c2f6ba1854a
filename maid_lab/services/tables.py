"""Tables given from Python as rows of a recipe's data sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import InvalidInput
from maid_lab.model.nearest import did_you_mean

if TYPE_CHECKING:
    from maid_lab.model.planning.sources import ReadData
    from maid_lab.model.recipe.target import DataSet
    from maid_lab.model.recipe.top import Recipe

__all__ = ["given_rows", "reading_given", "rows_of_table"]

Rows = tuple[dict[str, Any], ...]


def rows_of_table(table: Any, *, name: str) -> Rows:
    """Return a table as rows of plain JSON values: dates and decimals become text.

    Parameters
    ----------
    table : object
        A Polars data frame or lazy frame, a pandas data frame, an Arrow table, or any iterable of mappings.
    name : str
        Name of the data set, for errors.

    Raises
    ------
    InvalidInput
        If it is none of these, has no rows, or a row is no mapping.
    """
    if hasattr(table, "collect"):
        table = table.collect()
    for method, options in (("to_dicts", {}), ("to_pylist", {}), ("to_dict", {"orient": "records"})):
        if hasattr(table, method) and not isinstance(table, Mapping):
            table = getattr(table, method)(**options)
            break
    hint = "Give a Polars or pandas data frame, an Arrow table, or a list of mappings."
    if isinstance(table, str | bytes | Mapping) or not hasattr(table, "__iter__"):
        raise InvalidInput(f"data for the set {name!r} is a {type(table).__name__}, not a table.", hint=hint)
    rows = list(table)
    if not rows:
        raise InvalidInput(f"data for the set {name!r} has no rows.", hint="A data set needs at least one.")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise InvalidInput(f"data for the set {name!r}: row {number} is a {type(row).__name__}, not a mapping.", hint=hint)
    return tuple(
        {str(key): value for key, value in row.items()} for row in json.loads(json.dumps([dict(row) for row in rows], default=str))
    )


def given_rows(recipe: Recipe | None, tables: Mapping[str, Any]) -> dict[str, Rows]:
    """Return the tables of a caller as rows by the name of their data set.

    Raises
    ------
    InvalidInput
        If the recipe has no data set of a name, or a table is none.
    """
    known = [data_set.name for data_set in recipe.data] if recipe is not None else []
    for name in tables:
        if recipe is not None and name not in known:
            raise InvalidInput(f"there is no data set {name!r} in the recipe.", hint=did_you_mean(name, known) or "The recipe has none.")
    return {name: rows_of_table(table, name=name) for name, table in tables.items()}


def reading_given(rows: Mapping[str, Rows], read: Callable[[DataSet, str, Path | None], tuple[Rows, str]]) -> ReadData:
    """Return a reader that takes the rows a caller gave instead of the file or rows that the recipe names."""

    def read_or_take(data_set: DataSet, path: str, base_dir: Path | None) -> tuple[Rows, str]:
        if data_set.name not in rows:
            return read(data_set, path, base_dir)
        given = rows[data_set.name]
        return given, hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()

    return read_or_take
