"""Values of parameters: from what a caller wrote to the typed value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.units import parse_duration, parse_percent, parse_rate, parse_size

if TYPE_CHECKING:
    from maid_lab.model.recipe.top import Parameter

__all__ = ["ParameterError", "parameter_value"]


class ParameterError(ValueError):
    """A value that a parameter does not allow."""


def parameter_value(parameter: Parameter, value: Any) -> Any:
    """Return the typed value of a parameter.

    Raises
    ------
    ParameterError
        Saying what is allowed.
    """
    try:
        typed = _CONVERT[parameter.type](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ParameterError(str(error)) from None
    if parameter.options is not None and typed not in parameter.options:
        raise ParameterError(f"{value!r} is not one of {', '.join(map(str, parameter.options))}")
    _check_range(parameter, typed)
    if isinstance(typed, str):
        _check_text(parameter, typed)
    return typed


def _check_range(parameter: Parameter, typed: Any) -> None:
    if isinstance(typed, bool) or not isinstance(typed, int | float):
        return
    for limit, below in ((parameter.min, True), (parameter.max, False)):
        if limit is None:
            continue
        try:
            bound = _CONVERT[parameter.type](limit)
        except (ValueError, TypeError, OverflowError) as error:
            raise ParameterError(f"its {'min' if below else 'max'} is wrong: {error}") from None
        if (typed < bound) if below else (typed > bound):
            raise ParameterError(f"{typed:g} is {'below the least' if below else 'above the greatest'} value {limit}")


def _check_text(parameter: Parameter, text: str) -> None:
    if parameter.max_length is not None and len(text) > parameter.max_length:
        raise ParameterError(f"the text is longer than {parameter.max_length} characters")
    if parameter.pattern is not None and _pattern(parameter.pattern).fullmatch(text) is None:
        raise ParameterError(f"{text!r} does not match {parameter.pattern}")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ParameterError(f"the pattern {text!r} is not a regular expression: {error}") from None


def _text(value: Any) -> str:
    if isinstance(value, dict | list) or value is None:
        raise ValueError("text is needed")
    return value if isinstance(value, str) else json.dumps(value)


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not a boolean")  # noqa: TRY004 - a caller's value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a number")
    return number


def _plain_number(value: Any) -> int | float:
    number = _number(value)
    return int(number) if number == int(number) and not isinstance(value, float) and "." not in str(value) else number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(f"{value!r} is neither true nor false")
    return words[str(value).lower()]


def _url(value: Any) -> str:
    text = _text(value)
    if not re.match(r"^(?:https?://[^\s/]+|demo:[a-z]+)", text):
        raise ValueError(f"{text!r} is not an address such as http://localhost:8080 or demo:shop")
    return text


def _date(value: Any) -> str:
    return date.fromisoformat(_text(value)).isoformat()


def _json(value: Any) -> Any:
    return json.loads(value, parse_constant=_number) if isinstance(value, str) else value


_CONVERT: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _text,
    "enum": lambda value: value,
    "integer": _integer,
    "number": _plain_number,
    "boolean": _boolean,
    "duration": parse_duration,
    "rate": parse_rate,
    "size": parse_size,
    "percent": parse_percent,
    "url": _url,
    "host": _text,
    "date": _date,
    "json": _json,
    "data_file": _text,
    "secret": _text,
}
