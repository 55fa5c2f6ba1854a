"""The parser of expressions: text to tree, by recursive descent."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from maid_lab.model.expressions.nodes import (
    Binary,
    Call,
    ExpressionError,
    Index,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    Pipe,
    Unary,
    UnknownCallee,
    children_of,
)
from maid_lab.model.functions import FILTERS, FUNCTIONS

__all__ = ["MAX_LENGTH", "parse"]

MAX_LENGTH: Final = 1000
MAX_DEPTH: Final = 16
#: Longest way from the root of a tree to a leaf; chains make trees as deep as brackets do, and every use of a tree recurses.
MAX_HEIGHT: Final = 64


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Raises
    ------
    ExpressionError
        With the offset of what does not fit.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    return _Parser(_tokens(text), len(text)).whole()


_TOKEN: Final = re.compile(
    r"\s+|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<name>[^\W\d]\w*)"
    r"|(?P<operator>==|!=|<=|>=|[<>+\-*/%|.,()\[\]])"
)
_WORDS: Final = frozenset({"and", "or", "not", "in", "true", "false", "null"})
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"{text[position]!r} does not belong into an expression", position)
        if match.lastgroup:
            tokens.append(_Token(match.lastgroup, match.group(), position))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], length: int) -> None:
        self._tokens = tokens
        self._length = length
        self._position = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._or()
        if self._position < len(self._tokens):
            self._refuse("something follows the end of the expression")
        if _height(node) > MAX_HEIGHT:
            raise ExpressionError(f"the expression has more than {MAX_HEIGHT} operations inside each other or in a row", 0)
        return node

    # or, and, not, comparison, sum, term, unary, pipe, postfix, primary: one method each, as in the grammar

    def _or(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"the expression is nested deeper than {MAX_DEPTH}")
        node = self._and()
        while self._take_word("or"):
            node = Binary("or", node, self._and())
        self._depth -= 1
        return node

    def _and(self) -> Node:
        node = self._not()
        while self._take_word("and"):
            node = Binary("and", node, self._not())
        return node

    def _not(self) -> Node:
        if self._take_word("not"):
            return Unary("not", self._compare())
        return self._compare()

    def _compare(self) -> Node:
        left = self._sum()
        operator = self._peek()
        if operator in _COMPARISONS:
            self._position += 1
            return Binary(operator, left, self._sum())
        return left

    def _sum(self) -> Node:
        node = self._term()
        while self._peek() in ("+", "-"):
            node = Binary(self._next().text, node, self._term())
        return node

    def _term(self) -> Node:
        node = self._unary()
        while self._peek() in ("*", "/", "%"):
            node = Binary(self._next().text, node, self._unary())
        return node

    def _unary(self) -> Node:
        if self._peek() == "-":
            self._position += 1
            value = self._pipe()
            if isinstance(value, Literal) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
                return Literal(-value.value)
            return Unary("-", value)
        return self._pipe()

    def _pipe(self) -> Node:
        node = self._postfix()
        while self._peek() == "|":
            self._position += 1
            name = self._name("a filter")
            if name.text not in FILTERS:
                raise UnknownCallee(f"there is no filter {name.text!r}; there are {', '.join(sorted(FILTERS))}", name.offset)
            arguments = self._arguments() if self._peek() == "(" else ()
            self._count(name, arguments, FILTERS[name.text])
            node = Pipe(node, name.text, arguments)
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while True:
            if self._peek() == ".":
                self._position += 1
                node = Member(node, self._name("a key").text)
            elif self._peek() == "[":
                self._position += 1
                key = self._or()
                self._expect("]")
                node = Index(node, key)
            else:
                return node

    def _primary(self) -> Node:
        if self._position >= len(self._tokens):
            raise ExpressionError("the expression ends where a value should stand", self._length)
        token = self._next()
        if token.kind == "number":
            return Literal(_numeral(token))
        if token.kind == "string":
            return Literal(_unquote(token))
        if token.text == "(":
            node = self._or()
            self._expect(")")
            return node
        if token.text == "[":
            return ListOf(self._items("]"))
        if token.kind == "name":
            return self._named(token)
        self._position -= 1
        return self._refuse(f"{token.text!r} stands where a value should stand")

    def _named(self, token: _Token) -> Node:
        if token.text in ("true", "false", "null"):
            return Literal({"true": True, "false": False, "null": None}[token.text])
        if token.text in _WORDS:
            raise ExpressionError(f"{token.text!r} stands where a value should stand", token.offset)
        if self._peek() != "(":
            return Name(token.text)
        if token.text not in FUNCTIONS:
            raise UnknownCallee(f"there is no function {token.text!r}; there are {', '.join(sorted(FUNCTIONS))}", token.offset)
        arguments = self._arguments()
        self._count(token, arguments, FUNCTIONS[token.text])
        return Call(token.text, arguments)

    @staticmethod
    def _count(name: _Token, arguments: tuple[Node, ...], allowed: Any) -> None:
        if not allowed.least <= len(arguments) <= allowed.most:
            wanted = str(allowed.least) if allowed.least == allowed.most else f"{allowed.least} to {allowed.most}"
            raise ExpressionError(f"{name.text} takes {wanted} arguments, not {len(arguments)}", name.offset)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        return self._items(")")

    def _items(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while self._peek() != end:
            if items:
                self._expect(",")
            items.append(self._or())
        self._position += 1
        return tuple(items)

    def _peek(self) -> str:
        token = self._tokens[self._position] if self._position < len(self._tokens) else None
        return token.text if token is not None and token.kind != "string" else ""

    def _next(self) -> _Token:
        self._position += 1
        return self._tokens[self._position - 1]

    def _take_word(self, word: str) -> bool:
        if self._peek() == word:
            self._position += 1
            return True
        return False

    def _name(self, what: str) -> _Token:
        if self._position >= len(self._tokens) or self._tokens[self._position].kind != "name":
            self._refuse(f"{what} should stand here")
        return self._next()

    def _expect(self, text: str) -> None:
        if self._peek() != text:
            self._refuse(f"{text!r} is missing")
        self._position += 1

    def _refuse(self, message: str) -> NoReturn:
        offset = self._tokens[self._position].offset if self._position < len(self._tokens) else self._length
        raise ExpressionError(message, offset)


def _height(node: Node) -> int:
    """Return the longest way to a leaf, level by level: a tree that is too deep must not be walked by recursion.

    A name counts as one with its namespace, so that qualifying an expression does not push it over the limit.
    """
    height, level = 0, [node]
    while level:
        height += 1
        level = [child for item in level for child in children_of(item) if not isinstance(child, Name)]
    return height


def _numeral(token: _Token) -> int | float:
    number = float(token.text)
    if math.isinf(number):
        raise ExpressionError(f"the number {token.text[:20]} is too large", token.offset)
    return number if any(char in token.text for char in ".eE") else int(token.text)


def _unquote(token: _Token) -> str:
    def replaced(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] == "u":
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise ExpressionError(f"'\\{code}' is not an escape", token.offset)
        return _ESCAPES[code]

    text = _ESCAPE.sub(replaced, token.text[1:-1])
    # Two escapes of four digits may name one character, as in JSON; half of one is no text.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "\ufffd" in whole and "\ufffd" not in text:
        raise ExpressionError("a \\u escape is half of a character", token.offset)
    return whole
