"""A comparison in words and cells: the same on the console and in every report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from maid_lab.analysis.comparison_values import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMNS", "SIGNS", "comparison_sentences", "delta_cell", "line_name", "verdict_cell"]

#: Metrics of the tables, with their headings; JSON and CSV have all.
COLUMNS: Final = {
    "rate": "rate /s",
    "error_rate": "failed, points",
    "avg_ms": "avg ms",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
}

SIGNS: Final = {"worse": "▲", "better": "▼", "same": "=", "": "–"}

_WORDS: Final = {
    "worse": "worse than the baseline",
    "better": "better than the baseline",
    "same": "no change against the baseline",
    "": "not judged against the baseline",
}
_NONE: Final = "–"


def comparison_sentences(view: Mapping[str, Any]) -> list[str]:
    """Return what a comparison, as JSON data, says: verdict, what became worse and better, notes."""
    found = [f"{view['candidate']}: {_WORDS[view['verdict']]} {view['baseline']}."]
    for word in ("worse", "better"):
        hits = [f"{name} of {line_name(row)}" for row in view["rows"] for name, delta in row["deltas"].items() if delta["verdict"] == word]
        if hits:
            found.append(f"{word.capitalize()}: {', '.join(hits[:8])}{f' and {len(hits) - 8} more' if len(hits) > 8 else ''}.")
    return [*found, *view["notes"]]


def line_name(row: Mapping[str, Any]) -> str:
    """Return the name of a line, with its table when that is not requests."""
    return row["name"] if row["table"] in ("all", "request") else f"{row['table']} {row['name']}"


def delta_cell(metric: str, delta: Mapping[str, Any]) -> str:
    """Return a delta with its change and interval: `+2.31 (+12 %) [+1.9, +2.7]`; shares in percentage points."""
    if delta["delta"] is None:
        return _NONE
    scale = 100 if METRICS[metric][1] == "share" else 1
    text = _signed(delta["delta"] * scale)
    if delta["change"] is not None and scale == 1:
        text += f" ({delta['change']:+.0%})"
    if delta["low"] is not None:
        text += f" [{_signed(delta['low'] * scale)}, {_signed(delta['high'] * scale)}]"
    return text


def verdict_cell(row: Mapping[str, Any]) -> str:
    """Return the verdict of a line with its sign, or why there is none."""
    return row["note"] or f"{SIGNS[row['verdict']]} {row['verdict'] or 'not judged'}"


def _signed(value: float) -> str:
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{value:+,.{digits}f}"
    return "0" if not float(text.replace(",", "")) else text
