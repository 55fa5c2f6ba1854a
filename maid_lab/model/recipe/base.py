"""Base of the recipe tree and the kinds of values its leaves hold.

A leaf may be a template wherever a value is computed at plan or run time; then it stays text in the tree. Errors are raised with the
diagnostic's code as their type, so that translation needs no guessing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from maid_lab.model.expressions import ExpressionError, UnknownCallee, parse_expression
from maid_lab.model.templates import is_template, parse_template
from maid_lab.model.thresholds import ThresholdError, parse_threshold
from maid_lab.model.units import parse_duration, parse_percent, parse_rate, parse_size

__all__ = [
    "Duration", "Expression", "Label", "Node", "Number", "Percent", "Rate", "Size", "Switch", "Template", "ThresholdText", "Tree", "Whole",
    "check_template", "refuse",
]  # fmt: skip


class Node(BaseModel):
    """A mapping of the recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False, strict=True)


def refuse(code: str, message: str, **details: Any) -> NoReturn:
    """Raise a validation error whose type is the diagnostic's code."""
    raise PydanticCustomError(code, "{text}", {"text": message, **details})


def check_template(text: str) -> str:
    """Return the text if its expressions follow the grammar."""
    if is_template(text):
        try:
            parse_template(text)
        except ExpressionError as error:
            _refuse_expression(error)
    return text


def _refuse_expression(error: ExpressionError) -> NoReturn:
    code = "E214" if isinstance(error, UnknownCallee) else "E111"
    refuse(code, f"{error} (at character {error.offset + 1})", offset=error.offset)


def _scalar(parse: Callable[[Any], Any], code: str = "E107") -> Callable[[Any], Any]:
    def validate(value: Any) -> Any:
        if isinstance(value, str) and is_template(value):
            return check_template(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            refuse("E103", f"{_shown(value)} stands where a single value is needed")
        try:
            return parse(value)
        except ValueError as error:
            refuse(code, str(error))

    return validate


def _whole(value: Any) -> int:
    if isinstance(value, str) or value != int(value):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - becomes a diagnostic
    return float(value)


def _text(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return "true" if value is True else "false" if value is False else str(value)
    if not isinstance(value, str):
        refuse("E103", f"{_shown(value)} stands where text is needed")
    return check_template(value)


def _literal(value: Any) -> str:
    if not isinstance(value, str):
        refuse("E103", f"{_shown(value)} stands where a name is needed")
    if is_template(value):
        refuse("E112", "a name may not hold an expression: it is a key of the measurements")
    if not value.strip():
        refuse("E104", "the name is empty")
    return value


def _switch(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and is_template(value):
        return check_template(value)
    refuse("E103", f"{_shown(value)} stands where true or false is needed")


def _expression(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if not isinstance(value, str):
        refuse("E103", f"{_shown(value)} stands where an expression is needed")
    if is_template(value):
        refuse("E111", "an expression stands here without braces: write a == b, not {{ a == b }}")
    try:
        parse_expression(value)
    except ExpressionError as error:
        _refuse_expression(error)
    return value


def _threshold(value: Any) -> str:
    if not isinstance(value, str | dict):
        refuse("E103", f"{_shown(value)} stands where a threshold is needed")
    if isinstance(value, str) and is_template(value):
        return check_template(value)
    try:
        parse_threshold(value)
    except ThresholdError as error:
        refuse("E110", str(error))
    return value if isinstance(value, str) else str(parse_threshold(value))


def _tree(value: Any) -> Any:
    """Check the templates of a JSON-like tree."""
    if isinstance(value, str):
        return check_template(value)
    if isinstance(value, dict):
        return {key: _tree(item) for key, item in value.items()}
    return [_tree(item) for item in value] if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return {dict: "a mapping", list: "a list", bool: "a boolean", type(None): "nothing", str: "text"}.get(type(value), "a number")


def _json_schema(kind: str | list[str], **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more})


Duration = Annotated[float | str, PlainValidator(_scalar(parse_duration)), _json_schema(["string", "number"], examples=["500ms", "2m"])]
Rate = Annotated[float | str, PlainValidator(_scalar(parse_rate)), _json_schema(["string", "number"], examples=["200/s"])]
Size = Annotated[int | str, PlainValidator(_scalar(parse_size)), _json_schema(["string", "integer"], examples=["10KB"])]
Percent = Annotated[float | str, PlainValidator(_scalar(parse_percent)), _json_schema(["string", "number"], examples=["1%"])]
Whole = Annotated[int | str, PlainValidator(_scalar(_whole, "E103")), _json_schema(["integer", "string"])]
Number = Annotated[float | str, PlainValidator(_scalar(_number, "E103")), _json_schema(["number", "string"])]
Switch = Annotated[bool | str, PlainValidator(_switch), _json_schema(["boolean", "string"])]
Template = Annotated[str, PlainValidator(_text), _json_schema("string")]
Label = Annotated[str, PlainValidator(_literal), _json_schema("string", minLength=1)]
Expression = Annotated[str, PlainValidator(_expression), _json_schema("string")]
ThresholdText = Annotated[str, PlainValidator(_threshold), _json_schema(["string", "object"])]
Tree = Annotated[Any, BeforeValidator(_tree)]
