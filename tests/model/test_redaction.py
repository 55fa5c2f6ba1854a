import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.redaction import MASK, Redactor, is_secret_name

CANARY = 'c4n"ary/+ü&<x>'


@pytest.mark.parametrize(
    "form",
    [
        CANARY, quote(CANARY), quote(CANARY, safe=""), quote(CANARY, safe="").lower(), quote_plus(CANARY), json.dumps(CANARY)[1:-1],
        json.dumps(CANARY, ensure_ascii=False)[1:-1], html.escape(CANARY), CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode(),
    ],
)  # fmt: skip
def test_a_value_is_masked_in_each_form_in_which_it_travels(form: str) -> None:
    masked = Redactor([CANARY]).text(f"before {form} after")
    assert form not in masked
    assert masked.startswith(f"before {MASK}")
    assert masked.endswith(" after")


@given(st.binary(max_size=7), st.text(min_size=6, max_size=20), st.binary(max_size=7), st.booleans())
def test_of_a_value_within_base64_nothing_long_is_left(before: bytes, secret: str, after: bytes, urlsafe: bool) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    encoded = encode(before + secret.encode("utf-8", "replace") + after).decode()
    masked = Redactor([secret.encode("utf-8", "replace").decode()]).values(encoded)
    assert MASK in masked
    # A character of base64 at either end holds bits of its neighbours too and may stay.
    assert len(encoded) - len(masked) + len(MASK) >= len(secret.encode("utf-8", "replace")) * 4 / 3 - 4


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"password": "a\\"b", "n": 1}', '{"password": "***", "n": 1}'),
        ('{"access_token":"abc","id":7}', '{"access_token":"***","id":7}'),
        ('{"client_secret": 12345}', '{"client_secret": "***"}'),
        ('{"password": "cut he', '{"password": "***"'),
        ("user=ann&password=geheim&x=1", "user=ann&password=***&x=1"),
        ("http://h/x?api_key=abc&page=2", "http://h/x?api_key=***&page=2"),
        ("postgresql://bob:geheim@db/orders", "postgresql://bob:***@db/orders"),
        ("nothing to hide, page=2", "nothing to hide, page=2"),
        ('{"tokens_left": "many words"}', '{"tokens_left": "***"}'),
    ],
)
def test_what_stands_under_the_name_of_a_secret_is_masked(text: str, masked: str) -> None:
    assert Redactor().text(text) == masked


@pytest.mark.parametrize("name", ["Authorization", "COOKIE", "set-cookie", "X-Api-Key", "X-Auth-Token", "my-secret", "PASSWORD"])
def test_headers_are_masked_by_their_name(name: str) -> None:
    assert is_secret_name(name)
    assert Redactor().header(name, "Bearer abc") == MASK


def test_other_headers_are_kept_but_for_known_values() -> None:
    assert Redactor(["canary"]).header("Location", "/x?s=canary") == "/x?s=***"
    assert not is_secret_name("Content-Type")


def test_short_values_are_not_looked_for() -> None:
    assert Redactor(["abc"]).text("abcdef abc") == "abcdef abc"


def test_a_redactor_learns() -> None:
    first = Redactor(["canary1"])
    assert first.knowing(["canary2"]).text("canary1 canary2 x") == "*** *** x"
    assert first.knowing(["canary1", "abc"]) is first
