"""Digest authentication against the examples of RFC 7616 and of RFC 2617."""

from __future__ import annotations

import re

import pytest

from maid_lab.engine.http.digest import Challenge, find_challenge

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
OFFER = (
    f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="{NONCE}", opaque="{OPAQUE}", '
    f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="{NONCE}", opaque="{OPAQUE}"'
)


def fields_of(header: str) -> dict[str, str]:
    return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}


def answer(value: str, user: str = "Mufasa", password: str = "Circle of Life", target: str = "/dir/index.html") -> dict[str, str]:
    challenge = find_challenge([value])
    assert challenge is not None
    return fields_of(challenge.answer(user, password, "GET", target, cnonce=CNONCE))


def test_the_stronger_of_two_challenges_is_answered_as_in_the_standard() -> None:
    assert answer(OFFER) == {
        "username": "Mufasa", "realm": "http-auth@example.org", "uri": "/dir/index.html", "algorithm": "SHA-256", "nonce": NONCE,
        "nc": "00000001", "cnonce": CNONCE, "qop": "auth", "opaque": OPAQUE,
        "response": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }  # fmt: skip


def test_md5_is_answered_as_in_the_standard() -> None:
    assert answer(OFFER.split(", Digest")[1].join(["Digest", ""]))["response"] == "8ca523f5e9506fed4657c9700eebdbec"


def test_a_server_without_quality_of_protection_gets_the_old_form() -> None:
    value = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    found = answer(value, password="CircleOfLife")
    assert found["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert "qop" not in found
    assert "cnonce" not in found


def test_each_use_of_a_nonce_is_counted() -> None:
    challenge = find_challenge([OFFER])
    assert challenge is not None
    assert [fields_of(challenge.answer("a", "b", "GET", "/"))["nc"] for _ in range(3)] == ["00000001", "00000002", "00000003"]


def test_a_session_key_is_made_of_both_nonces() -> None:
    plain, session = answer(OFFER), answer(OFFER.replace("SHA-256", "SHA-256-sess"))
    assert plain["response"] != session["response"]
    assert session["algorithm"] == "SHA-256-sess"


def test_other_schemes_around_it_are_passed_over() -> None:
    challenge = find_challenge(['Basic realm="a, Digest b", charset="UTF-8"', 'Negotiate, Digest nonce="n\\"1", realm="r"'])
    assert challenge is not None
    assert challenge.nonce == 'n"1'
    assert find_challenge(['Basic realm="x"', "Negotiate"]) is None


def test_stale_is_read() -> None:
    assert Challenge({"nonce": "n", "stale": "TRUE"}).is_stale
    assert not Challenge({"nonce": "n"}).is_stale


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('Digest nonce="n", algorithm=MD4', "MD4 is not known"),
        ('Digest nonce="n", qop="auth-int"', "of auth-int none is known"),
        ('Digest realm="n"', "no nonce"),
    ],
)
def test_what_cannot_be_answered_is_said(value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find_challenge([value])
