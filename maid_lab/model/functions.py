"""Functions and filters of expressions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import string
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

__all__ = ["FILTERS", "FUNCTIONS", "RANDOM", "Callee", "limited_text", "text_of"]

_LETTERS: Final = string.ascii_letters + string.digits
MAX_RESULT: Final = 1024 * 1024
_PLACES: Final = 15


@dataclass(frozen=True, slots=True)
class Callee:
    """A function with the number of arguments it takes; filters get the piped value before them, functions the scope."""

    run: Callable[..., Any]
    least: int
    most: int


def text_of(value: Any) -> str:
    """Return a value as it stands in text.

    Raises
    ------
    ValueError
        For null, and for more than 1 MiB.
    """
    if isinstance(value, str):
        text = value
    elif value is None:
        raise ValueError("the value is null and cannot stand in text; give it a default: | default('…')")
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int | float):
        text = repr(value)
    else:
        return _json(value)
    return limited_text(text)


def limited_text(text: str) -> str:
    """Return the text.

    Raises
    ------
    ValueError
        If it is larger than 1 MiB.
    """
    # A character takes up to four bytes; most texts need not be encoded to know that they are short enough.
    if len(text) * 4 > MAX_RESULT and len(text.encode("utf-8", "surrogatepass")) > MAX_RESULT:
        raise ValueError("the value is larger than 1 MiB")
    return text


def _json(value: Any) -> str:
    try:
        return limited_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
    except TypeError:
        raise ValueError(f"{_kind(value)} cannot be written as JSON") from None


def _number(value: Any, what: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{what} needs a number, not {_kind(value)}")
    return value


def _whole(value: Any, what: str) -> int:
    number = _number(value, what)
    if number != int(number):
        raise ValueError(f"{what} needs a whole number, not {number}")
    return int(number)


def _kind(value: Any) -> str:
    return {str: "text", bool: "a boolean", list: "a list", tuple: "a list", dict: "a mapping", type(None): "null"}.get(
        type(value), "a number"
    )


def _random_int(scope: Any, low: Any, high: Any) -> int:
    first, last = _whole(low, "random_int"), _whole(high, "random_int")
    if first > last:
        raise ValueError(f"random_int({first}, {last}): the first bound is above the second")
    return int(scope.rng.randint(first, last))


def _random_string(scope: Any, length: Any) -> str:
    count = _whole(length, "random_string")
    if not 0 <= count <= 65536:
        raise ValueError(f"random_string({count}): the length must be from 0 to 65536")
    return "".join(scope.rng.choices(_LETTERS, k=count))


def _choice(scope: Any, items: Any) -> Any:
    if not isinstance(items, list | tuple) or not items:
        raise ValueError("choice needs a list with at least one item")
    return scope.rng.choice(items)


def _seq(scope: Any, name: Any) -> int:
    if not isinstance(name, str):
        raise ValueError("seq needs a name in quotes")  # noqa: TRY004 - a recipe's value
    return int(scope.seq(name))


def _now(_scope: Any, *form: Any) -> str:
    now = datetime.now(UTC)
    return now.strftime(str(form[0])) if form else now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _len(_scope: Any, value: Any) -> int:
    if not isinstance(value, str | list | tuple | dict):
        raise ValueError(f"len needs text, a list or a mapping, not {_kind(value)}")  # noqa: TRY004 - a recipe's value
    return len(value)


def _round(_scope: Any, value: Any, digits: Any = 0) -> int | float:
    places = _whole(digits, "round")
    if abs(places) > _PLACES:
        raise ValueError(f"round: the number of places must be from -{_PLACES} to {_PLACES}")
    rounded = round(_number(value, "round"), places)
    return rounded if places > 0 else int(rounded)


def _uuid(scope: Any) -> str:
    return str(uuid.UUID(int=scope.rng.getrandbits(128), version=4))


FUNCTIONS: Final[dict[str, Callee]] = {
    "choice": Callee(_choice, 1, 1),
    "epoch_ms": Callee(lambda _scope: time.time_ns() // 1_000_000, 0, 0),
    "hmac_sha256": Callee(lambda _s, key, text: hmac.new(text_of(key).encode(), text_of(text).encode(), hashlib.sha256).hexdigest(), 2, 2),
    "len": Callee(_len, 1, 1),
    "now": Callee(_now, 0, 1),
    "random_float": Callee(lambda scope, a, b: scope.rng.uniform(_number(a, "random_float"), _number(b, "random_float")), 2, 2),
    "random_int": Callee(_random_int, 2, 2),
    "random_string": Callee(_random_string, 1, 1),
    "round": Callee(_round, 1, 2),
    "seq": Callee(_seq, 1, 1),
    "sha256": Callee(lambda _scope, text: hashlib.sha256(text_of(text).encode()).hexdigest(), 1, 1),
    "uuid": Callee(_uuid, 0, 0),
}

#: Functions whose value is not known before the run.
RANDOM: Final = frozenset({"choice", "epoch_ms", "now", "random_float", "random_int", "random_string", "seq", "uuid"})


def _to_number(value: Any, kind: type[int] | type[float]) -> int | float:
    try:
        return _whole_number(value) if kind is int else _number(float(value), "float")
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{kind.__name__}: {str(value)[:40]!r} is not a number") from None


def _whole_number(value: Any) -> int:
    """Cut to a whole number; texts are not led through a float, which would change the ids of large systems."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return int(float(value))
    return int(value)


FILTERS: Final[dict[str, Callee]] = {
    "b64": Callee(lambda value: limited_text(base64.b64encode(text_of(value).encode()).decode()), 0, 0),
    "default": Callee(lambda value, fallback: fallback if value is None else value, 1, 1),
    "float": Callee(lambda value: _to_number(value, float), 0, 0),
    "int": Callee(lambda value: _to_number(value, int), 0, 0),
    "json": Callee(_json, 0, 0),
    "lower": Callee(lambda value: text_of(value).lower(), 0, 0),
    "trim": Callee(lambda value: text_of(value).strip(), 0, 0),
    "upper": Callee(lambda value: text_of(value).upper(), 0, 0),
    "urlencode": Callee(lambda value: limited_text(quote(text_of(value), safe="")), 0, 0),
}
