"""Data sets of scenarios in Python: what their rows come from, and how they are dealt to users."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.model.nearest import did_you_mean

__all__ = ["FunctionData", "data", "named_sets"]

_CHOICES: Final = {
    "order": ("sequential", "shuffle", "random"),
    "per": ("iteration", "user"),
    "on_end": ("recycle", "stop-user", "stop-run"),
    "format": ("", "csv", "jsonl", "json", "parquet"),
}


class FunctionData:
    """A data set. Made by `data`; scenarios that are given the same one share its rows.

    Its rows are read where the test is planned and travel to the workers with the plan: a worker that imports a module reads nothing.
    """

    def __init__(
        self, source: Any, *, name: str, order: str, per: str, unique: bool, on_end: str, format: str, delimiter: str, types: dict[str, str],
    ) -> None:  # fmt: skip
        for key, value in (("order", order), ("per", per), ("on_end", on_end), ("format", format)):
            if value not in _CHOICES[key]:
                known = [word for word in _CHOICES[key] if word]
                raise InvalidInput(
                    f"data: there is no {key} {value!r}.", hint=did_you_mean(str(value), known) or f"There are {', '.join(known)}."
                )
        if unique and per != "user":
            raise InvalidInput('data: unique=True needs per="user": it keeps two live users from having one row.')
        self.source = source
        self.name = name
        self.order = order
        self.per = per
        self.unique = unique
        self.on_end = on_end
        self.format = format
        self.delimiter = delimiter
        self.types = types

    @property
    def path(self) -> str:
        """The file, empty for a table."""
        return os.fspath(self.source) if isinstance(self.source, str) or hasattr(self.source, "__fspath__") else ""

    def __repr__(self) -> str:
        what = self.path or type(self.source).__name__
        return f"<data {self.name or what}, {self.order}, a row per {self.per}>"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the rows behind: the plan brings them."""
        return self.__dict__ | {"source": None if not self.path else self.path}


def data(
    source: Any, *, name: str = "", order: str = "sequential", per: str = "iteration", unique: bool = False, on_end: str = "recycle",
    format: str = "", delimiter: str = ",", types: Mapping[str, str] | None = None,
) -> FunctionData:  # fmt: skip
    """Return a data set for `scenario(data=…)`, whose code finds its row as `user.data`.

    Parameters
    ----------
    source : path, data frame or list of mappings
        A file (CSV with a header, JSON lines, a JSON list, Parquet), a Polars or pandas frame, an Arrow table, or rows.
    name : str
        Name in the plan; by default that of the file.
    order : str
        `sequential`, `shuffle` (one permutation by the run's seed) or `random` (independent draws).
    per : str
        `iteration` gives each iteration a row, `user` each user.
    unique : bool
        With `per="user"`: no two live users have the same row.
    on_end : str
        `recycle` begins again, `stop-user` ends the user, `stop-run` the run.
    format : str
        csv, jsonl, json or parquet, where the end of the file's name does not say it.
    delimiter, types : str, mapping
        Of CSV: what stands between values, and `integer`, `number` or `boolean` by column; all else is text.

    Raises
    ------
    InvalidInput
        If an option has no such value; files are read when the test is planned.

    Examples
    --------
    >>> data([{"name": "ada"}], per="user", unique=True, on_end="stop-user")
    <data list, sequential, a row per user>
    """
    return FunctionData(
        source, name=name, order=order, per=per, unique=unique, on_end=on_end, format=format, delimiter=delimiter, types=dict(types or {})
    )


def named_sets(given: Any, what: str) -> dict[str, FunctionData]:
    """Return the data sets of a scenario by the key under which its code finds them; a single one has the key ''.

    Raises
    ------
    InvalidInput
        If something is neither a data set nor a table or path to make one of.
    """
    if given is None:
        return {}
    many = given if isinstance(given, Mapping) else {"": given}
    for key in many:
        if not isinstance(key, str) or (not key.isidentifier() and key != ""):
            raise InvalidInput(f"{what}: the data set {key!r} has no name that could stand in code.")
    return {key: each if isinstance(each, FunctionData) else data(each) for key, each in many.items()}
