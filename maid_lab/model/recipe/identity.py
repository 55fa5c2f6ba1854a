"""Identity of recipes: hashes of what they say, and the JSON Schema of what they may say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

__all__ = ["canonical_json", "content_hash", "json_schema", "trust_hash"]

_ACTING: Final = (
    "target", "data", "extensions", "load", "limits", "setup", "teardown", "scenarios", "monitors", "include", "throttle", "variables",
)  # fmt: skip
_PROSE: Final = frozenset({"description", "title", "notes", "labels"})


def content_hash(data: Mapping[str, Any], fragments: Iterable[str] = ()) -> str:
    """Return SHA-256 of the canonical JSON of a parsed tree and the hashes of its fragments."""
    return _digest({"recipe": data, "fragments": sorted(fragments)})


def trust_hash(data: Mapping[str, Any], fragments: Iterable[str] = ()) -> str:
    """Return the hash of what can act, with parameter references unresolved: a review holds for all values and for edits of prose."""
    acting = {key: data[key] for key in _ACTING if key in data}
    return _digest({"recipe": _without_prose(acting), "fragments": sorted(fragments)})


def canonical_json(value: Any) -> str:
    """Return canonical JSON after RFC 8785: keys sorted by UTF-16 code units, no blanks, numbers as ECMAScript writes them."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: str(key).encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{json.dumps(str(key), ensure_ascii=False)}:{canonical_json(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value, ensure_ascii=False)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `maid.recipe/v1`, generated from the tree."""
    from maid_lab.model.recipe.top import Recipe

    return Recipe.model_json_schema(by_alias=True)


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e21:
        # The shortest digits that mean the number, not the exact ones: they differ above 2^53.
        return f"{Decimal(repr(value)).to_integral_value() + 0:f}"
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    power = int(exponent)
    if -7 < power < 0:
        return f"{value:.{len(mantissa.replace('.', '').lstrip('-')) - 1 - power}f}"
    return f"{mantissa.removesuffix('.0')}e{'+' if power > 0 else ''}{power}"


def _without_prose(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_prose(item) for key, item in value.items() if key not in _PROSE and not str(key).startswith("x-")}
    return [_without_prose(item) for item in value] if isinstance(value, list) else value


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()
