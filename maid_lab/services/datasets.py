"""Data sets read from files below a recipe's folder: CSV, JSONL, JSON lists, Parquet."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.files import FOLDER_ONLY, FileProblem, Files, read_all
from maid_lab.model.planning.sources import DataError

if TYPE_CHECKING:
    from maid_lab.model.recipe.target import DataSet

__all__ = ["read_data", "read_named"]

MAX_BYTES: Final = 256 * 1024 * 1024
_CONVERT: Final[dict[str, Callable[[str], Any]]] = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": lambda text: {"true": True, "false": False}[text.strip().lower()],
}
Rows = tuple[dict[str, Any], ...]


def read_data(data_set: DataSet, path: str, base_dir: Path | None, *, files: Files = FOLDER_ONLY) -> tuple[Rows, str]:
    """Return the rows of a data set and the SHA-256 of its file, empty for inline rows.

    Raises
    ------
    DataError
        If the file is missing, may not be read, is too large, or not what its format says.
    """
    if data_set.rows is not None:
        return _mappings(data_set.rows, data_set.name), ""
    raw = read_named(path, base_dir, files)
    kind = data_set.format or Path(path).suffix.lstrip(".").lower()
    if kind not in _READERS:
        raise DataError("E306", f"{path} is not of a known format; say format: csv, jsonl, json or parquet")
    try:
        rows = _READERS[kind](raw, data_set)
    except (ValueError, KeyError, csv.Error, RecursionError) as error:
        raise DataError("E306", f"{path} is not valid {kind}: {error}") from None
    if not rows:
        raise DataError("E306", f"{path} has no rows")
    return rows, hashlib.sha256(raw).hexdigest()


def read_named(path: str, base_dir: Path | None, files: Files) -> bytes:
    """Return the content of a file that a recipe names.

    Raises
    ------
    DataError
        If it is missing, may not be read, or is too large.
    """
    try:
        return read_all(files.open(path, base_dir), path, MAX_BYTES)
    except FileProblem as problem:
        raise DataError(problem.code, str(problem)) from None


def _csv(raw: bytes, data_set: DataSet) -> Rows:
    lines = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=data_set.delimiter)
    rows = [line for line in lines if line]
    header = list(data_set.fields) if data_set.fields is not None else rows.pop(0) if rows else []
    if len(set(header)) < len(header):
        raise ValueError(f"a column stands twice: {', '.join(header)}")
    result = []
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} values, {len(header)} are expected")
        result.append({name: _typed(name, text, data_set, number) for name, text in zip(header, row, strict=True)})
    return tuple(result)


def _typed(name: str, text: str, data_set: DataSet, number: int) -> Any:
    kind = data_set.types.get(name, "text")
    try:
        return _CONVERT[kind](text)
    except (ValueError, KeyError):
        raise ValueError(f"row {number}: {name} is {text[:40]!r}, not {kind}") from None


def _jsonl(raw: bytes, data_set: DataSet) -> Rows:
    items = []
    # Only these ends of lines are JSONL's: others may stand inside of a text.
    for number, line in enumerate(raw.decode("utf-8-sig").split("\n"), start=1):
        if line.strip():
            try:
                items.append(json.loads(line))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
    return _mappings(items, data_set.name)


def _json(raw: bytes, data_set: DataSet) -> Rows:
    data = json.loads(raw.decode("utf-8-sig"))
    if not isinstance(data, list):
        raise ValueError("the file is not a list")  # noqa: TRY004 - a file's content
    return _mappings(data, data_set.name)


def _parquet(raw: bytes, _data_set: DataSet) -> Rows:
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(raw))
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from None
    # Dates and times become ISO text: rows are JSON-like, as expressions and the file of a plan want them.
    return tuple(json.loads(json.dumps(row, default=str)) for row in frame.to_dicts())


def _mappings(items: list[Any], name: str) -> Rows:
    if not items:
        raise DataError("E306", f"{name} has no rows")
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise DataError("E306", f"row {number} of {name} is not a mapping")
    return tuple({str(key): value for key, value in item.items()} for item in items)


_READERS: Final[dict[str, Callable[[bytes, DataSet], Rows]]] = {"csv": _csv, "jsonl": _jsonl, "json": _json, "parquet": _parquet}
