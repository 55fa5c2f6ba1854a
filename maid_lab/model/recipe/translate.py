"""Validation errors of the tree as diagnostics: one per mistake, with its place and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel, Tag, ValidationError

from maid_lab.model.diagnostics import Diagnostic
from maid_lab.model.nearest import did_you_mean, nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from maid_lab.model.recipe.document import Document

__all__ = ["translate"]

_HINTS: Final = {
    "E102": "Add what is missing.",
    "E103": "Give a value of the kind that is named.",
    "E104": "See the recipe reference for the values that are allowed.",
    "E105": "Keep exactly one.",
    "E106": "Write schema: maid.recipe/v1.",
    "E107": "Durations 500ms 1.5s 2m 1h30m; rates 200/s; sizes 10KB; percents 1%.",
    "E108": "Each step has one action: get, post, think, transaction, loop …",
    "E109": "See the list of load profiles.",
    "E110": "A threshold reads: p95(request:checkout) < 300ms over 30s.",
    "E111": "An expression reads: {{ vars.sku }}, {{ users * 0.2 }}, {{ choice(['a', 'b']) }}.",
    "E112": "Write the name out.",
    "E214": "The functions and filters are those of section 2 of the recipe reference.",
    "E224": "Give the secret by the environment or a form.",
}
_TYPES: Final = {"missing": "E102", "extra_forbidden": "E101", "literal_error": "E104", "enum": "E104", "string_pattern_mismatch": "E104"}
_RANGES: Final = ("greater_than", "less_than", "too_short", "too_long", "string_too", "finite")


def translate(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Diagnostic]:
    """Return a diagnostic for each error of a tree."""
    found: list[Diagnostic] = []
    seen: set[tuple[str, str]] = set()
    for details in error.errors(include_url=False):
        diagnostic = _diagnostic(details, document, model)
        if (diagnostic.pointer, diagnostic.code) not in seen:
            seen.add((diagnostic.pointer, diagnostic.code))
            found.append(diagnostic)
    # A misspelt key is one mistake, not an unknown key and a missing one.
    renamed = {diagnostic.fix[0]["path"] for diagnostic in found if diagnostic.fix}
    return [item for item in found if item.code != "E102" or f"{item.pointer}/{item.hint[4:-1]}" not in renamed]


def _diagnostic(details: ErrorDetails, document: Document, model: type[BaseModel]) -> Diagnostic:
    kind = details["type"]
    path, owner = _follow(details["loc"], document.data, model, keep_last=kind in ("missing", "extra_forbidden"))
    context: dict[str, Any] = details.get("ctx") or {}
    code = _code(kind)
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    fix: tuple[dict[str, Any], ...] | None = None
    hint = _HINTS.get(code, "")
    at_key = False
    if code == "E101":
        key = str(path[-1]) if path else ""
        known = _keys(owner)
        message, hint, at_key = f"{key!r} is not a key of {_where(path[:-1])}.", did_you_mean(key, known), True
        near = nearest(key, known)
        fix = ({"op": "move", "from": pointer, "path": f"{pointer.rpartition('/')[0]}/{near}"},) if near else None
    elif code == "E102" and kind == "missing":
        key = str(path[-1]) if path else ""
        message, hint = f"{_where(path[:-1])} lacks {key!r}.", f"Add {key}."
        pointer = pointer.rpartition("/")[0]
    else:
        if context.get("at"):
            pointer = f"{pointer}/{context['at']}"
        text = context["text"] if "text" in context else _plain_message(details)
        message = f"{_where(path)}: {text}"
    line, column = document.place(pointer, of_key=at_key)
    return Diagnostic(
        code=code, severity="error", message=message, hint=hint, pointer=pointer, line=line, column=column, fix=fix, source=document.source
    )


def _code(kind: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    if len(kind) == 4 and kind[0] in "EW" and kind[1:].isdigit():
        return kind
    return "E104" if any(part in kind for part in _RANGES) else "E103"


def _plain_message(details: ErrorDetails) -> str:
    message = details["msg"].replace("Input should be", "the value should be").replace("String should", "the text should")
    return message.replace("List should", "the list should").removeprefix("Value error, ")


def _where(path: list[Any]) -> str:
    if not path:
        return "the recipe"
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _follow(loc: tuple[Any, ...], data: Any, model: Any, *, keep_last: bool) -> tuple[list[Any], Any]:
    """Return the path in the data, without the tags of unions that pydantic puts in between, and the model at its end."""
    path: list[Any] = []
    owner: Any = model
    for number, part in enumerate(loc):
        is_last = number == len(loc) - 1
        is_key = isinstance(data, dict) and part in data and not (is_last and keep_last)
        member = _tagged(owner, str(part)) if isinstance(data, dict) and not (is_last and keep_last) else None
        if member is not None:
            # The tag of an action comes before its fields and may be spelt like one of them.
            owner = member
        elif is_key:
            data, owner = data[part], _field_type(owner, str(part))
            path.append(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
            path.append(part)
        elif is_last and keep_last:
            path.append(part)
    return path, owner


def _parts(kind: Any) -> tuple[Any, ...]:
    return kind.parts if isinstance(kind, _Field) else get_args(kind)


def _models_in(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in _parts(kind) for model in _models_in(part)]


def _field_type(owner: Any, key: str) -> Any:
    for model in _models_in(owner):
        for name, info in model.model_fields.items():
            if (info.alias or name) == key:
                return _Field((info.annotation, *info.metadata))
    return None


class _Field:
    """Annotation and metadata of a field."""

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts


def _tagged(owner: Any, tag: str) -> Any:
    """Return the member of a union that carries a tag."""
    parts = _parts(owner)
    if any(isinstance(part, Tag) and part.tag == tag for part in parts):
        return parts[0]
    return next((found for part in parts if (found := _tagged(part, tag)) is not None), None)


def _keys(owner: Any) -> list[str]:
    return sorted({info.alias or name for model in _models_in(owner) for name, info in model.model_fields.items()})
