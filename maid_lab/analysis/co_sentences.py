"""The view on coordinated omission in sentences: the same on the console and in every report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["co_sentences"]


def co_sentences(view: Mapping[str, Any]) -> list[str]:
    """Return what a view, as JSON data, says: events, severities, where they were, what was filled in, warnings."""
    found = [_events(view)]
    if view["events"]:
        found.append(", ".join(f"{name} {count:,}" for name, count in view["severities"].items()).capitalize() + ".")
        found.append(f"By scenario: {', '.join(_group(item) for item in view['scenarios'])}.")
        found.append(f"Most by user: {', '.join(_group(item) for item in view['users'][:3])}; {_count(view['users_hit'], 'user')} in all.")
        found.append(_filled(view))
    return found + list(view["warnings"])


def _events(view: Mapping[str, Any]) -> str:
    judged = f"{view['judged']:,} of {_count(view['loops'], 'loop')} had a known cadence ({view['mode']})"
    if not view["events"]:
        return f"No loop took longer than twice its user's cadence; {judged}."
    return f"{_count(view['events'], 'loop')} took longer than twice the user's cadence, {_rate(view['per_minute'])} a minute; {judged}."


def _filled(view: Mapping[str, Any]) -> str:
    if view["refused"]:
        return f"Nothing was filled in: {view['refused']}."
    share = view["synthetic_share"] or 0.0
    return f"{_count(view['actual'], 'sample')} measured, {view['synthetic']:,} filled in: {share:.2%} of the rows below are synthetic."


def _group(item: Mapping[str, Any]) -> str:
    return f"{item['events']:,} of {item['name']}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
