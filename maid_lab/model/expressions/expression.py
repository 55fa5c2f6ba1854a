"""Expressions as the other rooms use them: text parsed to a tree, and the tree compiled to a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maid_lab.model.expressions.evaluation import compile_node
from maid_lab.model.expressions.nodes import Call, Evaluate, Node, names_in, nodes_in, qualified
from maid_lab.model.expressions.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Expression", "parse_expression"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression; its text form parses to the same tree."""

    node: Node

    def __str__(self) -> str:
        return str(self.node)

    def names(self) -> set[str]:
        """Return what it reads: bare names (`sku`) and the first member of namespaces (`params.users`)."""
        return set(names_in(self.node))

    def calls(self) -> set[str]:
        """Return the functions it calls."""
        return {node.name for node in nodes_in(self.node) if isinstance(node, Call)}

    def qualify(self, namespaces: Mapping[str, str]) -> Expression:
        """Return the expression with each bare name behind the namespace that `namespaces` gives for it."""
        return Expression(qualified(self.node, namespaces))

    def compile(self) -> Evaluate:
        """Return a function of a `Scope`.

        Raises
        ------
        MissingValue, ValueError
            The function raises these for what is not there and for values of the wrong kind.
        """
        return compile_node(self.node)


def parse_expression(text: str) -> Expression:
    """Parse an expression.

    Raises
    ------
    ExpressionError
        With the offset of what does not fit.
    """
    return Expression(parse(text))
