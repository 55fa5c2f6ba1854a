"""Lines of a log as text: csv, json, raw and pretty."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from maid_lab.services.logs.fields import FIELDS, FORMATS

__all__ = ["Encoder", "encoder_for"]

_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_INDENTED: Final = json.JSONEncoder(ensure_ascii=False, indent=2, check_circular=False).encode


class Encoder:
    """Turns values in the order of a log's fields into text.

    Attributes
    ----------
    header : str
        What stands at the beginning of the file; empty but for csv.
    """

    def __init__(self, header: str, encode: Callable[[Sequence[Any]], str]) -> None:
        self.header = header
        self._encode = encode

    def __call__(self, values: Sequence[Any]) -> str:
        """Return one entry with its end of line."""
        return self._encode(values)


def encoder_for(kind: str, format: str) -> Encoder:
    """Return the encoder of a log.

    `json` is one object a line. `csv` has a line of field names first; what is no single value stands as JSON in its cell, none is empty.
    `raw` is the log's name and `field=value` pairs on one line, values as JSON. `pretty` is one indented JSON object, followed by an empty line.
    """
    names = FIELDS[kind]
    if format == "json":
        return Encoder("", lambda values: _COMPACT(dict(zip(names, values, strict=True))) + "\n")
    if format == "pretty":
        return Encoder("", lambda values: _INDENTED(dict(zip(names, values, strict=True))) + "\n\n")
    if format == "raw":
        keys = [f" {name}=" for name in names]
        return Encoder("", lambda values: f"{kind}{''.join([key + _COMPACT(value) for key, value in zip(keys, values, strict=True)])}\n")
    if format == "csv":
        return Encoder(_csv_line(names), lambda values: _csv_line([_cell(value) for value in values]))
    raise ValueError(f"logs are written as {', '.join(FORMATS)}, not as {format!r}")


def _csv_line(values: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return _COMPACT(value) if isinstance(value, bool | dict | list) else value
