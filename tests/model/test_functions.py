import random
import re
import uuid
from typing import Any

import pytest

from maid_lab.model.expressions import Scope, parse_expression
from maid_lab.model.functions import FILTERS, FUNCTIONS, limited_text, text_of


def value_of(text: str, *, seed: int = 1, **variables: Any) -> Any:
    scope = Scope()
    scope.vars = variables
    scope.rng = random.Random(seed)
    scope.seq = lambda name: len(name)
    return parse_expression(text).compile()(scope)


def test_functions_and_filters_are_those_of_the_recipe() -> None:
    assert set(FUNCTIONS) == {
        "uuid", "now", "epoch_ms", "random_int", "random_float", "random_string", "choice", "seq", "len", "round", "sha256", "hmac_sha256",
    }  # fmt: skip
    assert set(FILTERS) == {"default", "json", "urlencode", "b64", "upper", "lower", "trim", "int", "float"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'1.5' | float", 1.5), ("'12' | int", 12), ("12.9 | int", 12), ("'12.9' | int", 12), ("'9007199254740993' | int", 9007199254740993),
        ("'é &' | urlencode", "%C3%A9%20%26"), ("'a:b' | b64", "YTpi"), ("' x ' | trim", "x"), ("[1, null, 'é'] | json", '[1,null,"é"]'),
        ("len('abc') + len([1])", 4), ("round(2.567, 2)", 2.57), ("round(2.4)", 2), ("seq('order')", 5),
        ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        # RFC 4231, test case 2.
        ("hmac_sha256('Jefe', 'what do ya want for nothing?')", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ],
)  # fmt: skip
def test_values(text: str, value: Any) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("random_int(2, 1)", "above the second"), ("random_int(1.5, 2)", "whole number"),
        ("random_int('1', 2)", "needs a number, not text"),
        ("random_string(-1)", "from 0 to 65536"), ("random_string(65537)", "from 0 to 65536"),
        ("choice([])", "at least one item"), ("choice('ab')", "needs a list"),
        ("'x' | int", "is not a number"), ("null | int", "is not a number"), ("'nan' | float", "number"), ("'inf' | int", "is not a number"),
        ("len(3)", "needs text, a list or a mapping"), ("round(1, 400)", "from -15 to 15"), ("seq(1)", "name in quotes"), ("null | upper", "null"),
        ("sha256(null)", "null"),
    ],
)  # fmt: skip
def test_arguments_of_the_wrong_kind_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value_of(text)


def test_random_functions_follow_the_stream_of_the_user() -> None:
    text = "[uuid(), random_int(1, 9), random_float(0, 1), random_string(8), choice(['a', 'b'])]"
    first, second, other = value_of(text), value_of(text), value_of(text, seed=2)
    assert first == second
    assert first != other
    assert uuid.UUID(first[0]).version == 4
    assert re.fullmatch(r"[A-Za-z0-9]{8}", first[3])


def test_time_is_given_in_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value_of("now()"))
    assert re.fullmatch(r"\d{8}", value_of("now('%Y%m%d')"))
    assert value_of("epoch_ms()") > 1_700_000_000_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", "é"),
        (3, "3"),
        (0.1, "0.1"),
        (True, "true"),
        (False, "false"),
        ([1, "a"], '[1,"a"]'),
        ({"a": None}, '{"a":null}'),
        ((1, 2), "[1,2]"),
    ],
)
def test_values_in_text(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    "value", [None, "x" * 1024 * 1024 + "x", "é" * (512 * 1024 + 1), ["x" * 1024 * 1024], [object()], [float("nan")]], ids=range(6)
)
def test_null_what_is_too_large_and_what_is_no_json_cannot_stand_in_text(value: Any) -> None:
    with pytest.raises(ValueError, match=r"null|1 MiB|JSON"):
        text_of(value)


def test_the_limit_counts_bytes() -> None:
    assert limited_text("é" * 512 * 1024)
    with pytest.raises(ValueError, match="1 MiB"):
        limited_text("é" * 512 * 1024 + "x")
    with pytest.raises(ValueError, match="1 MiB"):
        value_of("vars.x | b64", x="x" * 1024 * 1000)
