"""Which rows a threshold looks at: its selector as a Polars expression."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["selected", "status_pattern", "tag_set", "wildcard_pattern"]


def wildcard_pattern(text: str) -> str:
    """Return the regular expression of a name in which `*` stands for any text."""
    return f"^{'.*'.join(re.escape(part) for part in text.split('*'))}$"


def status_pattern(text: str) -> str:
    """Return the regular expression of a status code in which `x` or `?` stands for one digit and `*` for any number of them.

    Examples
    --------
    >>> status_pattern("5xx")
    '^5[0-9][0-9]$'
    """
    return f"^{''.join({'x': '[0-9]', '?': '[0-9]', '*': '[0-9]*'}.get(sign, re.escape(sign)) for sign in text.lower())}$"


def tag_set(text: str | None) -> dict[str, str]:
    """Return the tags of a row's tag text: a JSON object, a JSON list of pairs, or `key=value` pairs separated by comma or semicolon."""
    if not text:
        return {}
    if text[0] in "{[":
        pairs = json.loads(text)
        return {str(key): str(value) for key, value in (pairs.items() if isinstance(pairs, dict) else pairs)}
    split = (pair.partition("=") for pair in re.split(r"[,;]\s*", text))
    return {key: value for key, sign, value in split if sign}


def selected(kind: str, selector: str, *, tag_texts: Iterable[str | None] = ()) -> pl.Expr:
    """Return whether a row is selected.

    Parameters
    ----------
    kind : str
        `*`, or one of kind, scenario, transaction, request, status, outcome, tag.
    selector : str
        Name, code, word, or `key=value` for tags; wildcards as `wildcard_pattern` and `status_pattern` have them.
    tag_texts : iterable of str
        The different values of the column `tags`; needed for tags only.
    """
    if kind == "*":
        return pl.lit(value=True)
    if kind == "status":
        return pl.col("status").cast(pl.String).str.contains(status_pattern(selector))
    if kind == "tag":
        return pl.col("tags").cast(pl.String).is_in(_texts_with(selector, tag_texts))
    column = {"request": "name"}.get(kind, kind)
    if "*" not in selector:
        return pl.col(column).cast(pl.String) == selector
    return pl.col(column).cast(pl.String).str.contains(wildcard_pattern(selector))


def _texts_with(selector: str, texts: Iterable[str | None]) -> list[str]:
    key, _, value = selector.partition("=")
    pattern = re.compile(wildcard_pattern(value), re.DOTALL)
    return [text for text in texts if text and pattern.match(tag_set(text).get(key, "\x00"))]
