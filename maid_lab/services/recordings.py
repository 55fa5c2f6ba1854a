"""Recordings of starts, read from CSV or JSONL below a recipe's folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from maid_lab.model.files import FOLDER_ONLY, Files
from maid_lab.model.planning.sources import DataError
from maid_lab.services.datasets import read_named

__all__ = ["read_recording"]

_SHOWN: Final = 40
Lines = list[tuple[int, Mapping[str, Any]]]


def read_recording(path: str, base_dir: Path | None, *, files: Files = FOLDER_ONLY) -> Sequence[tuple[int, Mapping[str, Any]]]:
    """Return the lines of a recording, each with its number in the file.

    Raises
    ------
    DataError
        If the file is missing, outside the recipe's folder, too large, or a line is not what its format says; names the line.
    """
    raw = read_named(path, base_dir, files)
    reader = _READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise DataError("E306", f"{path} is neither CSV nor JSONL; a recording ends in {', '.join(_READERS)}")
    try:
        lines = reader(raw.decode("utf-8-sig"))
    except (ValueError, csv.Error, RecursionError) as error:
        raise DataError("E306", f"{path}, {error}") from None
    if not lines:
        raise DataError("E306", f"{path} has no starts")
    return lines


def _csv(text: str) -> Lines:
    reader = csv.reader(io.StringIO(text, newline=""))
    return list(_csv_lines(reader))


def _csv_lines(reader: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header: list[str] | None = None
    try:
        for row in reader:
            if not row:
                continue
            if header is None:
                header = [name.strip() for name in row]
                _check_header(header, reader.line_num)
                continue
            if len(row) != len(header):
                raise ValueError(f"line {reader.line_num}: it has {len(row)} values, {len(header)} are expected")
            yield reader.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def _check_header(header: list[str], line: int) -> None:
    if "offset" not in header:
        raise ValueError(f"line {line}: there is no column offset; the columns are {', '.join(header)[:200]}")
    if len(set(header)) < len(header):
        raise ValueError(f"line {line}: a column stands twice")


def _jsonl(text: str) -> Lines:
    result: Lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:
            raise ValueError(f"line {number}: {line.strip()[:_SHOWN]!r} is not JSON") from None
        if not isinstance(found, dict):
            raise ValueError(f'line {number}: it is not an object such as {{"offset": 1.5}}')  # noqa: TRY004 - a file's content
        result.append((number, found))
    return result


_READERS: Final[dict[str, Callable[[str], Lines]]] = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl}
