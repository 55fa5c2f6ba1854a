"""Values taken from an answer into a user's variables."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.http.html import compile_css, compile_xpath
from maid_lab.engine.http.jsonpath import compile_path
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from maid_lab.engine.http.cookies import CookieJar
    from maid_lab.engine.http.response import Response
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Extract

__all__ = ["CompiledExtract", "compile_extract", "needs_body"]

#: Searched part of a body.
MAX_SEARCHED: Final = 1024 * 1024

#: Sets a variable of the user; returns an empty text, or what was not found.
CompiledExtract = Callable[["Response", "VirtualUser"], str]


def compile_extract(extract: Extract) -> CompiledExtract:
    """Return the extract as a function; a miss without default and not optional is reported by its text."""
    find = _finder(extract)
    default = compile_value(extract.default)

    def run(response: Response, user: VirtualUser) -> str:
        try:
            found = find(response, user.jar)
        except ValueError as error:
            found, reason = [], f" ({error})"
        else:
            reason = ""
        value = _pick(found, extract.pick, user) if found else None
        if value is None and not found:
            if extract.has_default:
                value = default(user.scope) if callable(default) else default
            elif extract.required:
                return f"extract {extract.name}: nothing found by {extract.source} {extract.expr}{reason}"
        user.set_variable(extract.name, value, keep=extract.keep)
        return ""

    return run


def needs_body(extract: Extract) -> bool:
    """Whether the extract reads the body."""
    return extract.source in ("json", "regex", "css", "xpath")


def _finder(extract: Extract) -> Callable[[Response, CookieJar | None], list[Any]]:
    if extract.source == "json":
        find = compile_path(extract.expr)
        return lambda response, _jar: find(response.json)
    if extract.source in ("css", "xpath"):
        select = (compile_css if extract.source == "css" else compile_xpath)(extract.expr, extract.attr)
        return lambda response, _jar: select(response.document)
    if extract.source == "regex":
        pattern = re.compile(extract.expr)
        group = min(extract.group, pattern.groups)
        return lambda response, _jar: [match.group(group) for match in pattern.finditer(response.text[:MAX_SEARCHED])]
    if extract.source == "header":
        return lambda response, _jar: _present(response.header(extract.expr))
    if extract.source == "cookie":
        return lambda _response, jar: _present(jar.get(extract.expr) if jar is not None else None)
    return lambda response, _jar: [response.status]


def _present(value: str | None) -> list[Any]:
    return [] if value is None else [value]


def _pick(found: list[Any], pick: str | int, user: VirtualUser) -> Any:
    if pick == "first":
        return found[0]
    if pick == "last":
        return found[-1]
    if pick == "random":
        return user.rng.choice(found)
    if pick == "all":
        return found
    index = int(pick)
    if not -len(found) <= index < len(found):
        found.clear()
        return None
    return found[index]
