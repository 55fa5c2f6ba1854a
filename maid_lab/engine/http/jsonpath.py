"""JSON paths (RFC 9535).

Plain paths of names, indexes and `[*]` run as direct look-ups, which the journeys of most tests are made of; anything else goes to the
library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

__all__ = ["compile_path"]

#: A function from a JSON value to the list of values that the path selects.
Finder = Callable[[Any], list[Any]]

_SEGMENT: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\[(\*)\]|\[\"([^\"\\]*)\"\]|\['([^'\\]*)'\]|\.(\*)")


def compile_path(path: str) -> Finder:
    """Return a function that finds all values at `path`.

    Raises
    ------
    ValueError
        If the path does not follow RFC 9535.
    """
    parts = _plain(path)
    if parts is None:
        return _by_library(path)
    if None in parts:
        return lambda value: _walk(value, parts)
    # A name is for an object and an index for a list: a text has neither.
    steps: list[tuple[Any, Any]] = [(part, dict if isinstance(part, str) else list) for part in parts]

    def find(value: Any) -> list[Any]:
        found: Any = value
        for step, kind in steps:
            if not isinstance(found, kind):
                return []
            try:
                found = found[step]
            except (KeyError, IndexError):
                return []
        return [found]

    return find


def _plain(path: str) -> tuple[str | int | None, ...] | None:
    if not path.startswith("$"):
        return None
    parts: list[str | int | None] = []
    position = 1
    while position < len(path):
        match = _SEGMENT.match(path, position)
        if match is None:
            return None
        name, index, star, double, single, dot_star = match.groups()
        if star or dot_star:
            parts.append(None)
        elif index is not None:
            parts.append(int(index))
        else:
            parts.append(name if name is not None else double if double is not None else single)
        position = match.end()
    return tuple(parts)


def _walk(value: Any, parts: tuple[str | int | None, ...]) -> list[Any]:
    found = [value]
    for part in parts:
        if part is None:
            found = [child for item in found for child in _children(item)]
        elif isinstance(part, int):
            found = [item[part] for item in found if isinstance(item, list) and part < len(item)]
        else:
            found = [item[part] for item in found if isinstance(item, dict) and part in item]
        if not found:
            break
    return found


def _children(item: Any) -> Any:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _by_library(path: str) -> Finder:
    import jsonpath_rfc9535

    try:
        query = jsonpath_rfc9535.compile(path)
    except jsonpath_rfc9535.JSONPathError as error:
        raise ValueError(f"the JSON path {path!r} is not valid: {error}") from None
    return lambda value: [node.value for node in query.find(value)]
