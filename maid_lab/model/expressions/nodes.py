"""The tree of an expression, and what it is evaluated in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = [
    "NAMESPACES", "Binary", "Call", "Evaluate", "ExpressionError", "Index", "ListOf", "Literal", "Member", "MissingValue", "Name", "Node", "Pipe",
    "Scope", "Unary", "UnknownCallee", "children_of", "names_in", "nodes_in", "qualified",
]  # fmt: skip

Evaluate = Callable[["Scope"], Any]


class ExpressionError(ValueError):
    """An expression that does not follow the grammar.

    Attributes
    ----------
    offset : int
        Where in the text, counted from 0.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.offset)


class UnknownCallee(ExpressionError):
    """A function or filter that there is not."""


class MissingValue(ValueError):
    """A name, key or index that is not there."""


class Scope:
    """What an expression sees while it is evaluated."""

    __slots__ = ("data", "iter", "last", "params", "rng", "row", "run", "secrets", "seq", "vars", "vu")

    def __init__(self) -> None:
        self.params: Mapping[str, Any] = {}
        self.secrets: Mapping[str, Any] = {}
        self.vars: dict[str, Any] = {}
        self.row: Mapping[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.vu: Mapping[str, Any] = {}
        self.iter: int = 0
        self.run: Mapping[str, Any] = {}
        self.last: Mapping[str, Any] = {}
        self.rng: Any = None
        self.seq: Callable[[str], int] | None = None


NAMESPACES: Final = frozenset({"params", "secrets", "vars", "row", "data", "vu", "iter", "run", "last"})


# ---- the tree


#: How tightly an operator binds: one level for each rule of the grammar.
_NOT, _COMPARING, _NEGATING, _PIPING, _TIGHTEST = 3, 4, 7, 8, 9
_LEVELS: Final = {"or": 1, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6} | dict.fromkeys(
    ("==", "!=", "<", "<=", ">", ">=", "in"), _COMPARING
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, boolean or null."""

    value: Any

    def __str__(self) -> str:
        return json.dumps(self.value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A bare name or the name of a namespace."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`."""

    of: Node
    name: str

    def __str__(self) -> str:
        return f"{_text(self.of, _TIGHTEST)}.{self.name}"


@dataclass(frozen=True, slots=True)
class Index:
    """`of[key]`."""

    of: Node
    key: Node

    def __str__(self) -> str:
        return f"{_text(self.of, _TIGHTEST)}[{self.key}]"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    items: tuple[Node, ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Pipe:
    """A value through a filter."""

    value: Node
    name: str
    arguments: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{_text(self.value, _PIPING)} | {self.name}" + (f"({', '.join(map(str, self.arguments))})" if self.arguments else "")


@dataclass(frozen=True, slots=True)
class Unary:
    """`not` or `-`."""

    operator: str
    value: Node

    def __str__(self) -> str:
        return f"not {_text(self.value, _COMPARING)}" if self.operator == "not" else f"-{_text(self.value, _PIPING)}"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two values and an operator."""

    operator: str
    left: Node
    right: Node

    def __str__(self) -> str:
        level = _LEVELS[self.operator]
        left = level + 1 if level == _COMPARING else level
        return f"{_text(self.left, left)} {self.operator} {_text(self.right, level + 1)}"


Node = Literal | Name | Member | Index | ListOf | Call | Pipe | Unary | Binary


def _level(node: Node) -> int:
    if isinstance(node, Binary):
        return _LEVELS[node.operator]
    if isinstance(node, Unary):
        return _NOT if node.operator == "not" else _NEGATING
    if isinstance(node, Pipe):
        return _PIPING
    is_negative = isinstance(node, Literal) and str(node).startswith("-")
    return _NEGATING if is_negative else _TIGHTEST


def _text(node: Node, least: int) -> str:
    """Return a part of an expression, in brackets only where the grammar wants them: brackets count as nesting when the text is parsed again."""
    return f"({node})" if _level(node) < least else str(node)


def children_of(node: Node) -> tuple[Node, ...]:
    """Return what a node is made of."""
    if isinstance(node, Member):
        return (node.of,)
    if isinstance(node, Index):
        return node.of, node.key
    if isinstance(node, ListOf):
        return node.items
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Pipe):
        return node.value, *node.arguments
    if isinstance(node, Unary):
        return (node.value,)
    return (node.left, node.right) if isinstance(node, Binary) else ()


def nodes_in(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for child in children_of(node):
        yield from nodes_in(child)


def names_in(node: Node) -> Iterator[str]:
    """Yield what is read: bare names, and the first member of namespaces."""
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, Member) and isinstance(node.of, Name) and node.of.name in NAMESPACES:
        yield f"{node.of.name}.{node.name}"
    elif isinstance(node, Index) and isinstance(node.of, Name) and node.of.name in NAMESPACES and isinstance(node.key, Literal):
        yield f"{node.of.name}.{node.key.value}"
    else:
        for child in children_of(node):
            yield from names_in(child)


def qualified(node: Node, namespaces: Mapping[str, str]) -> Node:
    """Return the tree with each bare name behind the namespace that `namespaces` gives for it."""

    def again(child: Node) -> Node:
        return qualified(child, namespaces)

    if isinstance(node, Name):
        space = namespaces.get(node.name)
        return Member(Name(space), node.name) if space and node.name not in NAMESPACES else node
    if isinstance(node, Member):
        return Member(again(node.of), node.name)
    if isinstance(node, Index):
        return Index(again(node.of), again(node.key))
    if isinstance(node, ListOf):
        return ListOf(tuple(map(again, node.items)))
    if isinstance(node, Call):
        return Call(node.name, tuple(map(again, node.arguments)))
    if isinstance(node, Pipe):
        return Pipe(again(node.value), node.name, tuple(map(again, node.arguments)))
    if isinstance(node, Unary):
        return Unary(node.operator, again(node.value))
    return Binary(node.operator, again(node.left), again(node.right)) if isinstance(node, Binary) else node
