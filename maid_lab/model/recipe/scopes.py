"""Names of a recipe: who defines them, who may read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from maid_lab.model.expressions import ExpressionError, parse_expression
from maid_lab.model.files import FOLDER_ONLY, Files
from maid_lab.model.templates import is_template, parse_template

__all__ = ["EXPRESSION_KEYS", "Leaf", "Names", "defined_in", "expressions_in", "names_of", "row_fields"]

#: Keys whose value is an expression without braces.
EXPRESSION_KEYS: Final = frozenset({"when", "if", "while", "switch", "over"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text with expressions: its pointer, the names it reads and the functions it calls."""

    pointer: str
    names: frozenset[str]
    calls: frozenset[str]


@dataclass(frozen=True, slots=True)
class Names:
    """What a text may read.

    Attributes
    ----------
    row : frozenset of str or None
        Fields of the default data set; None when they cannot be known before the file is read.
    """

    params: frozenset[str]
    secrets: frozenset[str]
    variables: frozenset[str]
    row: frozenset[str] | None = frozenset()
    data: frozenset[str] = frozenset()

    def spaces_of(self, name: str) -> list[str]:
        """Return the namespaces that have a bare name."""
        spaces = {"params": self.params, "secrets": self.secrets, "vars": self.variables, "row": self.row or frozenset()}
        return [space for space, known in spaces.items() if name in known]

    def qualifier(self) -> dict[str, str]:
        """Return bare name → namespace for all names that are in exactly one."""
        known = self.params | self.secrets | self.variables | (self.row or frozenset())
        return {name: spaces[0] for name in known if len(spaces := self.spaces_of(name)) == 1}

    def all(self) -> frozenset[str]:
        """Return all bare names."""
        return self.params | self.secrets | self.variables | (self.row or frozenset())


def names_of(data: Mapping[str, Any], scenario: Mapping[str, Any] | None, base_dir: Path | None, files: Files = FOLDER_ONLY) -> Names:
    """Return the names that a scenario may read; with None those of setup, teardown and plan-time fields."""
    parameters = [item for item in _list(data.get("parameters")) if isinstance(item, Mapping) and isinstance(item.get("key"), str)]
    variables = {str(name) for name in _mapping(data.get("variables"))} | defined_in(data.get("setup"))
    row: frozenset[str] | None = frozenset()
    sets = {str(item.get("name")): item for item in _list(data.get("data")) if isinstance(item, Mapping)}
    if scenario is not None:
        variables |= defined_in([scenario.get("on_start"), scenario.get("steps"), scenario.get("on_stop")])
        for include in _list(data.get("include")):
            variables |= {str(name) for name in _mapping(_mapping(include).get("values"))}
        if scenario.get("data") in sets:
            row = row_fields(sets[scenario["data"]], base_dir, files)
        elif any(_mapping(load).get("profile") == "replay" for load in _loads(data.get("load"))):
            row = None
    return Names(
        params=frozenset(item["key"] for item in parameters if item.get("type") != "secret"),
        secrets=frozenset(item["key"] for item in parameters if item.get("type") == "secret"),
        variables=frozenset(variables),
        row=row,
        data=frozenset(sets),
    )


def defined_in(tree: Any) -> set[str]:
    """Return the variables that steps define: by extract, set, and loop over a list."""
    found: set[str] = set()
    if isinstance(tree, Mapping):
        for extract in _list(tree.get("extract")):
            if isinstance(extract, Mapping) and isinstance(extract.get("name"), str):
                found.add(extract["name"])
        found |= {str(name) for name in _mapping(tree.get("set"))}
        loop = _mapping(tree.get("loop"))
        if isinstance(loop.get("as"), str):
            found.add(loop["as"])
        for value in tree.values():
            found |= defined_in(value)
    elif isinstance(tree, list):
        for item in tree:
            found |= defined_in(item)
    return found


def row_fields(data_set: Mapping[str, Any], base_dir: Path | None, files: Files) -> frozenset[str] | None:
    """Return the fields of a data set as far as they can be known without reading all of it."""
    if isinstance(data_set.get("fields"), list):
        return frozenset(map(str, data_set["fields"]))
    rows = _list(data_set.get("rows"))
    if rows:
        return frozenset(str(key) for row in rows if isinstance(row, Mapping) for key in row)
    path = data_set.get("path")
    if not isinstance(path, str) or is_template(path) or base_dir is None or not path.endswith(".csv"):
        return None
    try:
        with io.TextIOWrapper(cast("io.BufferedReader", files.open(path, base_dir)), encoding="utf-8-sig", newline="") as file:
            return frozenset(next(csv.reader(file, delimiter=str(data_set.get("delimiter", ",")))))
    except (OSError, StopIteration, ValueError, csv.Error):
        return None


def expressions_in(tree: Any, pointer: str, key: str = "") -> Iterator[Leaf]:
    """Yield each text that holds expressions; what does not parse was reported by the schema."""
    if isinstance(tree, str):
        expressions = []
        try:
            if key in EXPRESSION_KEYS and not is_template(tree):
                expressions = [parse_expression(tree)]
            elif is_template(tree):
                expressions = parse_template(tree).expressions()
        except ExpressionError:
            return
        if expressions:
            names = frozenset().union(*(expression.names() for expression in expressions))
            yield Leaf(pointer, names, frozenset().union(*(expression.calls() for expression in expressions)))
    elif isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from expressions_in(value, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}", str(name))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from expressions_in(value, f"{pointer}/{index}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _loads(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
