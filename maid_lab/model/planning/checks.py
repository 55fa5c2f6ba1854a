"""Checks and extracts of a recipe as those of a plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from maid_lab.model import plan as out
from maid_lab.model.files import FOLDER_ONLY, Files
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.files import read_schema
from maid_lab.model.recipe.checks import Check, Extract, HeaderCheck, JsonCheck
from maid_lab.model.templates import escaped
from maid_lab.model.units import parse_duration, parse_size

__all__ = ["check_css", "plan_check", "plan_extract"]

Run = Callable[[Any, str], Any]

_SOURCES: Final = ("json", "regex", "css", "xpath", "header", "cookie", "status")
_KINDS: Final = (
    "status",
    "json",
    "body_contains",
    "body_matches",
    "title",
    "header",
    "content_type",
    "size",
    "latency",
    "messages",
    "redirect",
    "schema",
    "not",
)
_LIMIT: Final = re.compile(r"\s*(<=|>=|==|<|>)\s*(.+?)\s*")
_STATUS: Final = re.compile(r"[1-5](?:xx|\d\d)")
_OPS: Final = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "equals"}
_TEXT_OPS: Final = {
    "body_contains": "contains",
    "body_matches": "matches",
    "title": "equals",
    "content_type": "contains",
    "redirect": "matches",
}


def plan_extract(extract: Extract, run: Run, context: Context, pointer: str) -> out.Extract:
    """Return an extract; a source that is not run yet, or a path or pattern that is wrong, is a finding."""
    if extract.source not in _SOURCES:
        context.refuse(f"extract by {extract.source}", f"{pointer}/{extract.source}")
        raise PlanningError
    if extract.source == "regex":
        groups = _check_pattern(extract.expr, context, f"{pointer}/regex").groups
        if "group" in extract.model_fields_set and extract.group > groups:
            context.add("E104", f"the pattern has {groups} groups, not {extract.group}", "Mend group or the pattern.", f"{pointer}/group")
    if extract.source == "json":
        _check_path(extract.expr, context, f"{pointer}/json")
    if extract.source in ("css", "xpath"):
        _check_selector(extract, context, pointer)
    elif extract.attr is not None:
        context.add("E105", "attr belongs to css and xpath", "Leave it out, or take the value by css.", f"{pointer}/attr")
    return out.Extract(
        name=extract.name,
        source=extract.source,
        expr=extract.expr,
        attr=extract.attr or "",
        pick=extract.pick,
        group=extract.group,
        has_default="default" in extract.model_fields_set,
        default=run(extract.default, f"{pointer}/default"),
        required=extract.required,
        keep=extract.keep,
    )


def plan_check(
    check: Check,
    run: Run,
    context: Context,
    pointer: str,
    *,
    negated: bool = False,
    base_dir: Path | None = None,
    files: Files = FOLDER_ONLY,
) -> out.Check:
    """Return a check; one that is not run yet is a finding. Files are looked for below `base_dir`."""
    if check.kind == "not":
        return plan_check(check.value, run, context, f"{pointer}/not", negated=not negated, base_dir=base_dir, files=files)
    if check.kind not in _KINDS:
        context.refuse(f"check by {check.kind}", f"{pointer}/{check.kind}")
        raise PlanningError
    kind, value, place = check.kind, check.value, f"{pointer}/{check.kind}"
    if isinstance(value, JsonCheck):
        _check_path(value.path, context, place)
        return _named(value, "json", value.path, run, place, negated=negated)
    if isinstance(value, HeaderCheck):
        return _named(value, "header", value.name, run, place, negated=negated)
    if kind == "schema":
        schema = read_schema(str(value), base_dir, files, context, place)
        return out.Check(kind=kind, op="matches", value=escaped(schema), negated=negated, text=_text(kind, value, negated=negated))
    if kind in ("size", "latency", "messages"):
        op, limit = _limit(value, kind, context, place)
        return out.Check(kind=kind, op=op, value=limit, negated=negated, text=_text(kind, value, negated=negated))
    if kind == "body_matches" and "{{" not in value:
        _check_pattern(value, context, place)
    op = _TEXT_OPS.get(kind, "in")
    wanted = _check_status(value, context, place) if kind == "status" else run(value, place)
    return out.Check(kind=kind, op=op, value=wanted, negated=negated, text=_text(kind, value, negated=negated))


def _named(value: JsonCheck | HeaderCheck, kind: str, subject: str, run: Run, place: str, *, negated: bool) -> out.Check:
    op = next(key for key in value.model_fields_set if key not in ("path", "name"))
    wanted = getattr(value, op)
    text = f"{'not ' if negated else ''}{kind} {subject} {op} {wanted}"
    return out.Check(kind=kind, op=op, subject=subject, value=run(wanted, place), negated=negated, text=text)


def _limit(value: Any, kind: str, context: Context, place: str) -> tuple[str, float]:
    match = _LIMIT.fullmatch(str(value))
    if match is None:
        example = {"size": "< 10KB", "latency": "< 800ms", "messages": ">= 1"}[kind]
        context.add("E104", f"{kind}: {value!r} is not a comparison", f"Write {kind}: '{example}'.", place)
        raise PlanningError
    parse: Any = {"size": parse_size, "latency": parse_duration, "messages": int}[kind]
    return _OPS[match.group(1)], float(context.value(match.group(2), parse, place))


def _text(kind: str, value: Any, *, negated: bool) -> str:
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{'not ' if negated else ''}{kind} {shown}"[:120]


def _check_status(value: Any, context: Context, pointer: str) -> list[Any]:
    words = value if isinstance(value, list) else [value]
    for word in words:
        if _STATUS.fullmatch(str(word).lower()) is None:
            context.add("E104", f"{word!r} is not a status", "Write 200, a list of them, or 2xx.", pointer)
    return words


def _check_pattern(pattern: str, context: Context, pointer: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        context.add("E104", f"the pattern {pattern!r} is not a regular expression: {error}", "Mend the pattern.", pointer)
        raise PlanningError from None


def check_css(selector: str, context: Context, place: str) -> None:
    """Note a CSS selector that is malformed (E104).

    Raises
    ------
    PlanningError
        If it is.
    """
    import cssselect

    try:
        cssselect.parse(selector)
    except cssselect.SelectorError as error:
        context.add("E104", f"{selector!r} is not a CSS selector: {error}", "Mend it.", place)
        raise PlanningError from None


def _check_selector(extract: Extract, context: Context, pointer: str) -> None:
    if extract.source == "css":
        check_css(extract.expr, context, f"{pointer}/css")
        return
    from lxml import etree

    try:
        etree.XPath(extract.expr)
    except etree.XPathError as error:
        context.add("E104", f"{extract.expr!r} is not an XPath expression: {error}", "Mend it.", f"{pointer}/xpath")
        raise PlanningError from None


def _check_path(path: str, context: Context, pointer: str) -> None:
    import jsonpath_rfc9535

    try:
        jsonpath_rfc9535.compile(path)
    except jsonpath_rfc9535.JSONPathError as error:
        message = str(error).splitlines()[0]
        context.add("E104", f"{path!r} is not a JSON path (RFC 9535): {message}", "Write for example $.items[*].sku.", pointer)
        raise PlanningError from None
