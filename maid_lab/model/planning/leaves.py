"""Run-time leaves of one scope: what may be read there is qualified, what is known already is computed."""

from __future__ import annotations

from typing import Any

from maid_lab.model.functions import text_of
from maid_lab.model.planning.context import Context, where
from maid_lab.model.recipe.scopes import Names
from maid_lab.model.templates import is_template, parse_template

__all__ = ["Leaves"]


class Leaves:
    """Leaves of one scenario, fragment, setup or teardown.

    Parameters
    ----------
    context : Context
        Values and findings.
    names : Names
        What expressions may read here.
    fixed : frozenset of str
        Variables that nothing changes while running.
    """

    def __init__(self, context: Context, names: Names, fixed: frozenset[str]) -> None:
        self.context = context
        self.names = names
        self.fixed = fixed

    def tree(self, value: Any, pointer: str) -> Any:
        """Return a JSON-like tree."""
        return self.context.folded(value, self.names, self.fixed, pointer)

    def text(self, value: str, pointer: str) -> str:
        """Return a text, which may be a template."""
        folded = self.tree(value, pointer)
        if folded is None:
            self.context.add("E215", f"{where(pointer)}: {value} is null", "Give it a default: | default('…')", pointer)
            return ""
        return text_of(folded)

    def number(self, value: Any, pointer: str) -> Any:
        """Return a value that is known, or an expression that alone gives one: text around it would be no number."""
        folded = self.tree(value, pointer)
        if isinstance(folded, str) and is_template(folded) and not parse_template(folded).is_native:
            self.context.add("E215", f"{where(pointer)}: {folded!r} is text, a number is needed", "Write one expression alone.", pointer)
        return folded

    def expression(self, text: str | None, pointer: str) -> str:
        """Return an expression without braces."""
        return self.context.expression(text, self.names, pointer)
