"""Expression trees compiled to closures."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from maid_lab.model.expressions.nodes import (
    NAMESPACES,
    Binary,
    Call,
    Evaluate,
    Index,
    ListOf,
    Literal,
    Member,
    MissingValue,
    Name,
    Node,
    Pipe,
    Scope,
    Unary,
)
from maid_lab.model.functions import FILTERS, FUNCTIONS, limited_text

__all__ = ["compile_node"]


def compile_node(node: Node) -> Evaluate:
    """Return a node as a function of a scope."""
    return _MAKERS[type(node)](node)


def _literal(node: Literal) -> Evaluate:
    value = node.value
    return lambda _scope: value


def _name(node: Name) -> Evaluate:
    name = node.name
    if name in NAMESPACES:
        return operator.attrgetter(name)

    def unknown(_scope: Scope) -> Any:
        raise MissingValue(f"{name} is not known here")

    return unknown


def _member(node: Member) -> Evaluate:
    key, path = node.name, str(node)
    if isinstance(node.of, Name) and node.of.name in NAMESPACES - {"iter"}:
        space = operator.attrgetter(node.of.name)

        def read(scope: Scope) -> Any:
            try:
                return space(scope)[key]
            except KeyError:
                raise MissingValue(f"{path} has no value") from None

        return read
    of = compile_node(node.of)
    return lambda scope: _pick(of(scope), key, path)


def _index(node: Index) -> Evaluate:
    of, key, path = compile_node(node.of), compile_node(node.key), str(node)
    return lambda scope: _pick(of(scope), key(scope), path)


def _pick(value: Any, key: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        if isinstance(key, str) and key in value:
            return value[key]
    elif isinstance(value, list | tuple) and isinstance(key, int) and not isinstance(key, bool) and -len(value) <= key < len(value):
        return value[key]
    raise MissingValue(f"{path} has no value")


def _list(node: ListOf) -> Evaluate:
    items = [compile_node(item) for item in node.items]
    return lambda scope: [item(scope) for item in items]


def _call(node: Call) -> Evaluate:
    run = FUNCTIONS[node.name].run
    arguments = [compile_node(argument) for argument in node.arguments]
    return lambda scope: run(scope, *[argument(scope) for argument in arguments])


def _pipe(node: Pipe) -> Evaluate:
    value, run = compile_node(node.value), FILTERS[node.name].run
    arguments = [compile_node(argument) for argument in node.arguments]
    if node.name != "default":
        return lambda scope: run(value(scope), *[argument(scope) for argument in arguments])
    fallback = arguments[0]

    def with_default(scope: Scope) -> Any:
        try:
            found = value(scope)
        except MissingValue:
            found = None
        return fallback(scope) if found is None else found

    return with_default


def _unary(node: Unary) -> Evaluate:
    value = compile_node(node.value)
    if node.operator == "not":
        return lambda scope: not value(scope)
    return lambda scope: -_number(value(scope), "-")


def _binary(node: Binary) -> Evaluate:
    left, right = compile_node(node.left), compile_node(node.right)
    if node.operator == "and":
        return lambda scope: left(scope) and right(scope)
    if node.operator == "or":
        return lambda scope: left(scope) or right(scope)
    run = _OPERATORS[node.operator]
    return lambda scope: run(left(scope), right(scope))


def _number(value: Any, sign: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{sign} is for numbers only; make the value one with | int or | float")  # noqa: TRY004 - a recipe's value
    return value


def _arithmetic(sign: str, run: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if sign == "+" and isinstance(left, str) and isinstance(right, str):
            # Not in the grammar of recipes: the engine joins user and password of basic auth by it.
            return limited_text(left + right)
        try:
            return _finite(run(_number(left, sign), _number(right, sign)), sign)
        except ZeroDivisionError:
            raise ValueError(f"{sign}: division by zero") from None
        except OverflowError:
            raise ValueError(f"{sign}: the number is too large") from None

    return apply


def _finite(number: int | float, sign: str) -> int | float:
    """Refuse what grows without end when a loop multiplies a variable by itself."""
    if (isinstance(number, float) and not math.isfinite(number)) or abs(number) > sys.float_info.max:
        raise ValueError(f"{sign}: the number is too large")
    return number


def _ordered(sign: str, run: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        if not (isinstance(left, str) and isinstance(right, str)):
            _number(left, sign)
            _number(right, sign)
        return run(left, right)

    return apply


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _contained(left: Any, right: Any) -> bool:
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    if isinstance(right, list | tuple | Mapping):
        return any(_equal(left, item) for item in right)
    raise ValueError("in needs text, a list or a mapping on its right")


_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": _arithmetic("+", operator.add),
    "-": _arithmetic("-", operator.sub),
    "*": _arithmetic("*", operator.mul),
    "/": _arithmetic("/", operator.truediv),
    "%": _arithmetic("%", operator.mod),
    "<": _ordered("<", operator.lt),
    "<=": _ordered("<=", operator.le),
    ">": _ordered(">", operator.gt),
    ">=": _ordered(">=", operator.ge),
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "in": _contained,
}

_MAKERS: Final[dict[type, Callable[[Any], Evaluate]]] = {
    Literal: _literal,
    Name: _name,
    Member: _member,
    Index: _index,
    ListOf: _list,
    Call: _call,
    Pipe: _pipe,
    Unary: _unary,
    Binary: _binary,
}
