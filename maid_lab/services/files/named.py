"""Which files a recipe names, before anything of them is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maid_lab.model.files import Files

__all__ = ["named_files"]

#: Fields whose text is a path.
_FIELDS: Final = frozenset({"path", "body_file", "file", "schema", "ca", "cert", "key"})


def named_files(recipe: Path, files: Files) -> tuple[str, ...]:
    """Return the paths that a recipe names, in the order in which they stand there; templates are left out, their value is not known."""
    from maid_lab.model.files import read_all
    from maid_lab.model.recipe.document import parse_document

    folder = recipe.parent.resolve()
    data = parse_document(read_all(files.open(recipe.name, folder), str(recipe)), source=str(recipe)).data
    return tuple(dict.fromkeys(_paths(data))) if isinstance(data, Mapping) else ()


def _paths(data: Mapping[str, Any]) -> Iterator[str]:
    for part in ("include", "data", "load"):
        items = data.get(part)
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, Mapping) and _is_path(item.get("path")):
                yield item["path"]
    for part in ("target", "setup", "teardown", "scenarios"):
        yield from _in_steps(data.get(part))


def _in_steps(tree: Any) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            if name in _FIELDS - {"path", "key"} and _is_path(value):
                yield value
            elif name == "tls" and isinstance(value, Mapping):
                yield from (each for field, each in value.items() if field in _FIELDS and _is_path(each))
            else:
                yield from _in_steps(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _in_steps(item)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "{{" not in value
