"""What a search, a spike or a soak was run for, in sentences: the same on the console and in every report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_sentences"]

_SIGNS: Final = {"rising": "▲", "falling": "▼", "none": "=", "unknown": "?"}


def load_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Return what the summary of a run, as JSON data, says about capacity, recovery and trends; empty for loads that ask for none."""
    found = [_capacity(summary["capacity"])] if summary.get("capacity") else []
    recoveries = [_recovery(item) for item in summary.get("recoveries") or ()]
    return found + recoveries + [_trend(item) for item in summary.get("trends") or ()]


def _capacity(item: Mapping[str, Any]) -> str:
    objectives, probes = " and ".join(item["objectives"]), len(item["probes"])
    end = f"after {probes} probe{'s' if probes != 1 else ''}: {item['reason']}"
    bound = " There the generator was at its limit, not the target." if item["limited_by_generator"] else ""
    if item["level"] is None:
        return f"Capacity: no level held {objectives} ({end}).{bound}"
    bad = f"; {item['next_bad']:g} did not" if item["next_bad"] is not None else ""
    return f"Capacity: {item['level']:g} {item['unit']} held {objectives}{bad} ({end}).{bound}"


def _recovery(item: Mapping[str, Any]) -> str:
    head = f"Recovery after the spike of load {item['load']}: "
    before = f"p95 before it {_ms(item['before_p95_ms'])}, limit {_ms(item['limit_ms'])}" if item["before_p95_ms"] is not None else ""
    if item["status"] == "recovered":
        return f"{head}{item['after_s']:.0f} s after the fall, with a p95 of {_ms(item['p95_ms'])} over ten seconds ({before})."
    return f"{head}{item['reason']}{f' ({before})' if before else ''}."


def _trend(item: Mapping[str, Any]) -> str:
    head = f"{_SIGNS[item['direction']]} Trend of {item['measure']} over {_span(item['hold_s'])} of load {item['load']}: "
    if item["direction"] == "unknown":
        return f"{head}{item['reason']}."
    about = f"{_amount(item['change'], item['unit'])} over the hold"
    if item["change_share"] is not None:
        about += f" ({item['change_share']:+.1%} of the median {_amount(item['median'], item['unit'], sign=False)})"
    if item["direction"] == "none":
        return f"{head}none ({item['reason']}; {about})."
    return f"{head}{item['direction']}, {about}, p = {item['p']:.1g}."


def _ms(value: float) -> str:
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def _span(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if number) or "0 s"


def _amount(value: float, unit: str, *, sign: bool = True) -> str:
    form = "+" if sign else ""
    return f"{value:{form}.2%}" if unit == "share" else f"{value:{form}.3g} {unit}"
