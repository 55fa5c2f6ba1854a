"""Expressions of recipes: parsed once to a frozen tree, compiled once to closures.

The grammar is that of the recipe document, section 2.
There is no way from an expression to Python attributes, files, the environment or the clock's zone.
Worker processes import this room, so it imports nothing heavy.
"""

from maid_lab.model.expressions.evaluation import compile_node
from maid_lab.model.expressions.expression import Expression, parse_expression
from maid_lab.model.expressions.nodes import (
    NAMESPACES,
    Binary,
    Call,
    ExpressionError,
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
    UnknownCallee,
)
from maid_lab.model.expressions.parsing import MAX_LENGTH

__all__ = [
    "MAX_LENGTH", "NAMESPACES", "Binary", "Call", "Expression", "ExpressionError", "Index", "ListOf", "Literal", "Member", "MissingValue",
    "Name", "Node", "Pipe", "Scope", "Unary", "UnknownCallee", "compile_node", "parse_expression",
]  # fmt: skip
