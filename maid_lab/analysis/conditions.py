"""Conditions over rows that people write: comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, and nothing else, as Polars expressions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from maid_lab.model.errors import InvalidInput

__all__ = ["condition"]

_LONGEST: Final = 2_000
_DEEPEST: Final = 40
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,2})?(?![\w.]))"
    r'|"(?P<quoted>[^"]+)"|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|<>|!=|==|[=<>(),]))',
    re.ASCII,
)
_SIGNS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq, "==": operator.eq, "<>": operator.ne, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip
_HINT: Final = "Write it like: status >= 500 AND (name LIKE '%cart%' OR outcome IN ('timeout', 'reset'))."

_Token = tuple[str, str]


def condition(text: str, schema: Mapping[str, Any]) -> pl.Expr:
    """Return the expression of a condition.

    Parameters
    ----------
    schema : mapping
        Column → Polars type; dictionary columns are to be text.

    Raises
    ------
    InvalidInput
        If it is none, names a column that is not there, or compares a column with a value of another kind.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(f"the condition has {len(text)} characters, {_LONGEST} are allowed.", hint="Shorten it.")
    return _Parser(_tokens(text), schema).whole()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidInput(f"the condition cannot be read from {text[at : at + 30].strip()!r} on.", hint=_HINT)
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind)))
        at = match.end()
    return found


class _Parser:
    """Reads tokens from left to right, one function for each rule of the grammar."""

    def __init__(self, tokens: list[_Token], schema: Mapping[str, Any]) -> None:
        self._tokens = tokens
        self._schema = schema
        self._at = 0
        self._depth = 0

    def whole(self) -> pl.Expr:
        found = self._either()
        if self._at < len(self._tokens):
            raise self._unexpected()
        return found

    def _either(self) -> pl.Expr:
        found = self._both()
        while self._takes("OR"):
            found = found | self._both()
        return found

    def _both(self) -> pl.Expr:
        found = self._one()
        while self._takes("AND"):
            found = found & self._one()
        return found

    def _one(self) -> pl.Expr:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidInput(f"the condition is nested more than {_DEEPEST} deep.", hint=_HINT)
        if self._takes("NOT"):
            found = ~self._one()
        elif self._takes("("):
            found = self._either()
            self._must(")")
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> pl.Expr:
        name = self._column()
        column = pl.col(name)
        if self._takes("IS"):
            is_not = self._takes("NOT")
            self._must("NULL")
            return column.is_not_null() if is_not else column.is_null()
        if self._takes("NOT"):
            return ~self._set(name, column)
        kind, sign = self._peek()
        if kind == "sign" and sign in _SIGNS:
            self._at += 1
            result: pl.Expr = _SIGNS[sign](column, self._value(name))
            return result
        if kind == "word" and sign.upper() in ("IN", "BETWEEN", "LIKE"):
            return self._set(name, column)
        if self._schema[name] == pl.Boolean:
            return column
        raise self._unexpected()

    def _set(self, name: str, column: pl.Expr) -> pl.Expr:
        if self._takes("IN"):
            self._must("(")
            values = [self._value(name)]
            while self._takes(","):
                values.append(self._value(name))
            self._must(")")
            return pl.any_horizontal([column == value for value in values])
        if self._takes("BETWEEN"):
            low = self._value(name)
            self._must("AND")
            return (column >= low) & (column <= self._value(name))
        self._must("LIKE")
        pattern = self._value(name)
        if not isinstance(pattern, str):
            raise InvalidInput(f"LIKE wants a text, and {name} is none.", hint=_HINT)
        parts = {"%": ".*", "_": "."}
        return column.str.contains(f"(?s)^{''.join(parts.get(sign, re.escape(sign)) for sign in pattern)}$")

    def _column(self) -> str:
        kind, word = self._peek()
        if kind not in ("word", "quoted"):
            raise self._unexpected()
        if word not in self._schema:
            raise InvalidInput(f"rows have no column {word[:80]!r}.", hint=f"They have {', '.join(self._schema)}.")
        self._at += 1
        return word

    def _value(self, name: str) -> str | int | float | bool:
        kind, text = self._peek()
        self._at += 1
        wanted = self._schema[name]
        if kind == "text" and wanted == pl.String:
            return text[1:-1].replace("''", "'")
        if kind == "number" and wanted.is_numeric():
            return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
        if kind == "word" and text.upper() in ("TRUE", "FALSE") and wanted == pl.Boolean:
            return text.upper() == "TRUE"
        what = "a text in single quotes" if wanted == pl.String else "true or false" if wanted == pl.Boolean else "a number"
        raise InvalidInput(f"{name} is compared with {what}, not with {text[:80] or 'nothing'}.", hint=_HINT)

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _takes(self, word: str) -> bool:
        kind, text = self._peek()
        if kind in ("word", "sign") and text.upper() == word:
            self._at += 1
            return True
        return False

    def _must(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected()

    def _unexpected(self) -> InvalidInput:
        text = self._peek()[1]
        return InvalidInput(f"the condition cannot be read at {text[:80]!r}." if text else "the condition ends too early.", hint=_HINT)
