"""Plans as JSON data and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

__all__ = ["from_json", "to_json"]


def to_json(value: Any) -> Any:
    """Return plain JSON data; each dataclass becomes a mapping with its class name under `$` and without its default-valued fields."""
    if is_dataclass(value) and not isinstance(value, type):
        data: dict[str, Any] = {"$": type(value).__name__}
        for spec in fields(value):
            item = getattr(value, spec.name)
            if item != spec.default or spec.name == "label":
                data[spec.name] = to_json(item)
        return data
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    return value


def from_json(data: Any, classes: Mapping[str, Any]) -> Any:
    """Return what `to_json` wrote, with the classes given by name; lists come back as tuples."""
    if isinstance(data, dict):
        kind = data.get("$")
        if isinstance(kind, str) and kind in classes:
            return classes[kind](**{key: from_json(item, classes) for key, item in data.items() if key != "$"})
        return {key: from_json(item, classes) for key, item in data.items()}
    if isinstance(data, list):
        return tuple(from_json(item, classes) for item in data)
    return data
