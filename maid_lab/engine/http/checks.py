"""Checks on one answer, compiled once: each is a function of the answer and the user's scope."""

from __future__ import annotations

import fnmatch
import json
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.http.jsonpath import compile_path
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from maid_lab.engine.http.response import Response
    from maid_lab.model.plan import Check

__all__ = ["CompiledCheck", "compile_check", "needs_body"]

#: Returns an empty text when the check holds, else what was found instead.
CompiledCheck = Callable[["Response", Any], str]

_MISSING: Final = object()
_SHOWN: Final = 60
_INDEX: Final = re.compile(r"\[\d+\]")
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_NUMERIC_WORDS: Final = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥"}


def compile_check(check: Check) -> CompiledCheck:
    """Return the check as a function; an exception inside (no JSON, broken gzip) is a failed check that says so."""
    label = check.text or f"{check.kind} {check.subject}".strip()
    if check.kind == "schema":
        return _schema_check(check, label)
    expected = compile_value(check.value)
    if check.kind == "status" and not callable(expected):
        return _status_check(check, expected, label)
    read, test = _reader(check), _test(check)

    def run(response: Response, scope: Any) -> str:
        try:
            found = read(response)
            wanted = expected(scope) if callable(expected) else expected
            holds = test(found, wanted)
        except ValueError as error:
            return f"check {label}: {error}"
        if holds is not check.negated:
            return ""
        return f"check {label}: {'must not hold' if check.negated else _found(check, found)}"

    return run


def _status_check(check: Check, expected: Any, label: str) -> CompiledCheck:
    """Return the check of a status that is known beforehand: all that hold are worked out once."""
    good = frozenset(status for status in range(1000) if _status_matches(status, expected) is not check.negated)

    def run(response: Response, _scope: Any) -> str:
        status = response.head.status
        if status in good:
            return ""
        return f"check {label}: {'must not hold' if check.negated else _found(check, status)}"

    return run


def _schema_check(check: Check, label: str) -> CompiledCheck:
    """Return the check of a JSON body against a JSON Schema; references lead to parts of the schema itself only, nothing is fetched."""
    import jsonschema
    from referencing import Registry

    schema = json.loads(_text_of(check.value))
    validator = jsonschema.validators.validator_for(schema)(schema, registry=Registry())

    def run(response: Response, _scope: Any) -> str:
        try:
            error = jsonschema.exceptions.best_match(validator.iter_errors(response.json))
        except ValueError as problem:
            return f"check {label}: {problem}"
        if (error is None) is not check.negated:
            return ""
        # Where it is wrong and by which rule, without the value: each would be an error text of its own.
        return f"check {label}: " + ("must not hold" if error is None else f"{_INDEX.sub('[*]', error.json_path)} breaks {error.validator}")

    return run


def _text_of(value: Any) -> str:
    """Return a text that was escaped because it holds braces."""
    compiled = compile_value(value)
    return str(compiled(None) if callable(compiled) else compiled)


def needs_body(check: Check) -> bool:
    """Whether the check reads the body."""
    return check.kind in ("json", "body_contains", "body_matches", "title", "size", "schema")


def _reader(check: Check) -> Callable[[Response], Any]:
    if check.kind == "json":
        find = compile_path(check.subject)
        return lambda response: find(response.json)
    if check.kind == "header":
        return lambda response: response.header(check.subject)
    simple: dict[str, Callable[[Response], Any]] = {
        "status": lambda response: response.status,
        "body_contains": lambda response: response.text,
        "body_matches": lambda response: response.text,
        "title": lambda response: response.title,
        "content_type": lambda response: response.header("content-type"),
        "size": lambda response: response.size,
        "latency": lambda response: response.service_s,
        "messages": lambda response: response.messages,
        "redirect": lambda response: response.url,
    }
    return simple[check.kind]


def _test(check: Check) -> Callable[[Any, Any], bool]:
    if check.kind == "status":
        return _status_matches
    if check.kind == "json":
        return _json_test(check.op)
    if check.kind == "redirect":
        return lambda found, wanted: fnmatch.fnmatchcase(found, str(wanted)) or str(wanted) in found
    if check.kind == "content_type":
        return lambda found, wanted: found is not None and str(wanted).lower() in found.lower()
    return _value_test(check.op)


def _json_test(op: str) -> Callable[[list[Any], Any], bool]:
    if op == "exists":
        return lambda found, wanted: bool(found) is bool(wanted)
    if op == "count":
        return lambda found, wanted: len(found) == wanted
    one = _value_test(op)
    return lambda found, wanted: any(one(item, wanted) for item in found)


def _value_test(op: str) -> Callable[[Any, Any], bool]:
    if op == "exists":
        return lambda found, wanted: (found is not None) is bool(wanted)
    if op == "matches":
        return lambda found, wanted: found is not None and re.search(str(wanted), str(found)) is not None
    if op == "contains":
        return _contains
    if op in _COMPARISONS:
        compare = _COMPARISONS[op]
        return lambda found, wanted: _is_number(found) and compare(found, wanted)
    return _equals


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return str(wanted) in found
    return isinstance(found, list | dict) and wanted in found


def _equals(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return bool(found == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _status_matches(found: int, wanted: Any) -> bool:
    for item in wanted if isinstance(wanted, list | tuple) else (wanted,):
        text = str(item).lower()
        if text == str(found) or (text.endswith("xx") and text[0] == str(found)[0]):
            return True
    return False


def _found(check: Check, found: Any) -> str:
    """Say what was found, without values of many kinds: each would be an error text of its own."""
    if check.kind == "status":
        return f"got {found}"
    if check.kind in ("latency", "size", "messages"):
        return f"not {_NUMERIC_WORDS.get(check.op, check.op)} the limit"
    if check.kind in ("title", "content_type", "header") and found is not None:
        return f"got {str(found)[:_SHOWN]!r}"
    if found is None or found == []:
        return "nothing found"
    return "not so"
