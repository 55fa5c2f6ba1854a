"""Text with expressions in double braces.

A text that is exactly one `{{ expr }}` gives the expression's own value; otherwise values are put into the text.
Literal braces: `{{ "{{" }}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from maid_lab.model.expressions import Expression, ExpressionError, Scope, parse_expression
from maid_lab.model.functions import limited_text, text_of

__all__ = ["Template", "compile_value", "escaped", "is_template", "parse_template", "templates_in"]


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal parts and expressions in order."""

    parts: tuple[str | Expression, ...]

    @property
    def is_constant(self) -> bool:
        """Whether it holds no expression."""
        return not any(isinstance(part, Expression) for part in self.parts)

    @property
    def is_native(self) -> bool:
        """Whether it is exactly one expression, so that its value keeps its kind."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Expression)

    def __str__(self) -> str:
        text = ""
        for is_literal, group in groupby(reversed(self.parts), lambda part: isinstance(part, str)):
            if is_literal:
                literal = "".join(reversed([str(part) for part in group]))
                # A brace before an expression would open it too early.
                text = (_quoted(literal) if is_template(literal) or (text and literal.endswith("{")) else literal) + text
            else:
                text = "".join(reversed([f"{{{{ {part} }}}}" for part in group])) + text
        return text

    def expressions(self) -> list[Expression]:
        """Return the expressions in order."""
        return [part for part in self.parts if isinstance(part, Expression)]

    def names(self) -> set[str]:
        """Return what its expressions read."""
        return set().union(*(expression.names() for expression in self.expressions()))

    def qualify(self, namespaces: Mapping[str, str]) -> Template:
        """Return it with bare names behind their namespaces."""
        return Template(tuple(part.qualify(namespaces) if isinstance(part, Expression) else part for part in self.parts))

    def compile(self) -> Callable[[Scope], Any]:
        """Return a function of a scope."""
        if self.is_native:
            return self.expressions()[0].compile()
        if len(self.parts) == 2:
            prefix, last = self.parts
            if isinstance(prefix, str) and isinstance(last, Expression):
                value = last.compile()
                return lambda scope: limited_text(prefix + text_of(value(scope)))
        pieces = [part.compile() if isinstance(part, Expression) else part for part in self.parts]
        return lambda scope: limited_text("".join([piece if isinstance(piece, str) else text_of(piece(scope)) for piece in pieces]))


def escaped(value: Any) -> Any:
    """Return a known value so that a later reading as template gives it back: texts that hold braces become quoted expressions.

    A value must never be read as an expression: it may come from a link or a file.
    """
    if isinstance(value, str):
        return _quoted(value) if is_template(value) else value
    if isinstance(value, Mapping):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list | tuple) else value


def _quoted(text: str) -> str:
    return f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}"


def is_template(text: str) -> bool:
    """Whether a text holds an expression."""
    return "{{" in text


def parse_template(text: str) -> Template:
    """Parse a text with expressions.

    Raises
    ------
    ExpressionError
        With the offset in the whole text.
    """
    parts: list[str | Expression] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        if start > position:
            parts.append(text[position:start])
        end = _end_of(text, start + 2)
        try:
            parts.append(parse_expression(text[start + 2 : end]))
        except ExpressionError as error:
            raise type(error)(str(error), start + 2 + error.offset) from None
        position = end + 2
    if position < len(text) or not parts:
        parts.append(text[position:])
    return Template(tuple(parts))


def _end_of(text: str, start: int) -> int:
    """Return where the closing braces stand, which may not be inside a quoted string."""
    quote = ""
    position = start
    while position < len(text):
        char = text[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif text.startswith("}}", position):
            return position
        position += 1
    raise ExpressionError("the closing }} is missing", start - 2)


def compile_value(tree: Any) -> Any:
    """Compile a JSON-like tree whose texts may be templates.

    Returns
    -------
    callable or value
        A function of a scope when anything in the tree depends on it, else the tree itself with its texts.
    """
    if isinstance(tree, str):
        return parse_template(tree).compile() if is_template(tree) else tree
    if isinstance(tree, Mapping):
        pairs = [(key, compile_value(value)) for key, value in tree.items()]
        if not any(callable(value) for _, value in pairs):
            return dict(pairs)
        return lambda scope: {key: value(scope) if callable(value) else value for key, value in pairs}
    if isinstance(tree, list | tuple):
        items = [compile_value(item) for item in tree]
        if not any(callable(item) for item in items):
            return items
        return lambda scope: [item(scope) if callable(item) else item for item in items]
    return tree


def templates_in(tree: Any) -> list[str]:
    """Return all texts of a JSON-like tree that hold expressions."""
    if isinstance(tree, str):
        return [tree] if is_template(tree) else []
    if isinstance(tree, Mapping):
        return [text for value in tree.values() for text in templates_in(value)]
    if isinstance(tree, list | tuple):
        return [text for item in tree for text in templates_in(item)]
    return []
