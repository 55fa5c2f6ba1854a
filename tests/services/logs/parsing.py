"""The four formats read back, each as a program of somebody else would."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from maid_lab.services.logs.fields import FIELDS

__all__ = ["entries"]


def entries(kind: str, format: str, text: str) -> list[dict[str, Any]]:
    """Return the entries of a log with their values."""
    if format == "json":
        return [json.loads(line) for line in text.splitlines()]
    if format == "pretty":
        return [json.loads(part) for part in text.split("\n\n") if part.strip()]
    if format == "csv":
        return [_uncelled(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    return [_raw(kind, line) for line in text.splitlines()]


def _raw(kind: str, line: str) -> dict[str, Any]:
    word, _, rest = line.partition(" ")
    assert word == kind
    decoder, found = json.JSONDecoder(), {}
    for name in FIELDS[kind]:
        assert rest.startswith(f"{name}=")
        found[name], end = decoder.raw_decode(rest, len(name) + 1)
        rest = rest[end:].removeprefix(" ")
    assert not rest
    return found


#: Fields that are text, whatever they look like; in csv all others are JSON.
_TEXTS = frozenset({
    "run_id", "time", "level", "logger", "message", "scenario_name", "transaction_name", "name", "final_url", "error", "outcome", "phase",
    "error_template_id", "sample_id", "tag", "header", "body",
})  # fmt: skip


def _uncelled(row: dict[str, str]) -> dict[str, Any]:
    return {name: cell if name in _TEXTS else (json.loads(cell) if cell else None) for name, cell in row.items()}
