"""Limits of an API key as data: what may be given, how they are kept, and that a key made by a key is never wider."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Final

from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.services.access.principal import KeyLimits

__all__ = ["limits_of", "limits_to_json", "within"]

_COUNTS: Final = ("recipe_limit", "concurrent_tests", "requests_per_minute", "max_users")
_MEASURES: Final = ("max_rate", "max_duration")
_NAMES: Final = tuple(spec.name for spec in fields(KeyLimits))
_MOST_TARGETS: Final = 200
_LONGEST_TARGET: Final = 300


def limits_of(data: Mapping[str, Any]) -> KeyLimits:
    """Return limits from plain data; what is None or left out sets none, but of requests per minute, where the usual number stands.

    Raises
    ------
    InvalidInput
        If a name is unknown or a value breaks its rule.
    """
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in _NAMES:
            raise InvalidInput(f"there is no limit {name!r} of an API key.", hint=f"Limits are {', '.join(_NAMES)}.")
        if value is not None:
            values[name] = _targets(value) if name == "allowed_targets" else _number(name, value)
    return KeyLimits(**values)


def limits_to_json(limits: KeyLimits) -> dict[str, Any]:
    """Return limits as plain data."""
    return {**asdict(limits), "allowed_targets": list(limits.allowed_targets)}


def within(limits: KeyLimits, outer: KeyLimits) -> KeyLimits:
    """Return limits that are nowhere wider than others: of each number the smaller, and of the targets those that the others name.

    Raises
    ------
    Refused
        If a target is named that the others do not name.
    """
    values: dict[str, Any] = {name: _smaller(getattr(limits, name), getattr(outer, name)) for name in (*_COUNTS, *_MEASURES)}
    foreign = [target for target in limits.allowed_targets if outer.allowed_targets and target not in outer.allowed_targets]
    if foreign:
        raise Refused(
            f"the target {foreign[0]} is not among those of the key that makes this one.", hint="Name only targets of the making key."
        )
    return replace(limits, **values, allowed_targets=limits.allowed_targets or outer.allowed_targets)


def _smaller(one: float | None, other: float | None) -> float | None:
    given = [value for value in (one, other) if value is not None]
    return min(given) if given else None


def _number(name: str, value: object) -> float:
    is_number = isinstance(value, int if name in _COUNTS else (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type,operator]
        kind = "a whole number above 0" if name in _COUNTS else "a number above 0"
        raise InvalidInput(f"the limit {name} is {value!r}.", hint=f"Write {kind}, or leave it out.")
    return value  # type: ignore[return-value]


def _targets(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and 0 < len(item) <= _LONGEST_TARGET for item in value):
        raise InvalidInput(
            f"the limit allowed_targets is {value!r}.", hint='Write a list of hosts: ["shop.example.test:8080", "*.example.test"].'
        )
    if len(value) > _MOST_TARGETS:
        raise InvalidInput(f"the limit allowed_targets has {len(value)} entries.", hint=f"At most {_MOST_TARGETS}.")
    return tuple(dict.fromkeys(value))
