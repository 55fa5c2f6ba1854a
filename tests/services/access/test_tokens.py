from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maid_lab.model.errors import InvalidInput, Refused, Unauthorized
from maid_lab.services.access.keys import KeyService
from maid_lab.services.access.principal import CredentialKind, Principal, Scope
from maid_lab.services.access.tokens import TokenService, is_token_form
from maid_lab.services.catalogue import held, let_go
from maid_lab.services.settings import Settings
from tests.services.access.makers import OWNER, Clock

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
ISSUER, AUDIENCE = "https://issuer.example.test", "maid"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    tmp_path.chmod(0o700)
    held(tmp_path)
    yield tmp_path
    let_go(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(home: Path, clock: Clock) -> KeyService:
    return KeyService(home, clock=clock)


@pytest.fixture
def tokens(home: Path, keys: KeyService, clock: Clock, jwks: Path) -> TokenService:
    given = Settings(access_jwks_file=str(jwks), access_issuer=ISSUER, access_audience=AUDIENCE)
    return TokenService(home, keys, given, clock=clock)


def jwk(key: Any, kid: str, **changes: Any) -> dict[str, Any]:
    algorithm: Any = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **changes}


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk(RSA, "r"), jwk(CURVE, "e")]}))
    return path


def claims(clock: Clock, **changes: Any) -> dict[str, Any]:
    now = int(clock.now.timestamp())
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "bob", "iat": now, "exp": now + 600, "scope": "maid.read"} | changes
    return {name: value for name, value in made.items() if value is not None}


def reason(tokens: TokenService, text: str) -> str:
    with pytest.raises(Unauthorized) as caught:
        tokens.verify(text)
    return caught.value.reason


def parts(*values: Any, signature: str = "") -> str:
    coded = [base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode() for value in values]
    return ".".join([*coded, signature])


def key_for(keys: KeyService, **given: Any) -> Principal:
    return keys.verify(keys.create(OWNER, **{"name": "a", "scopes": ["maid.read", "maid.write"], **given}).text)


# ---- our own


def test_a_token_has_the_rights_of_its_key_and_no_longer_life(tokens: TokenService, keys: KeyService, clock: Clock) -> None:
    holder = key_for(keys, limits={"max_users": 3}, kind="test")
    made = tokens.issue(holder)
    got = tokens.verify(made.text)
    assert (got.kind, got.id, got.key_id, got.scopes) == (CredentialKind.TOKEN, "ada", holder.key_id, holder.scopes)
    assert got.limits.max_users == 3 and got.is_test_key and not got.is_interactive
    clock.go(minutes=15, seconds=29)
    tokens.verify(made.text)
    clock.go(seconds=1)
    assert reason(tokens, made.text) == "expired token"
    assert made.text not in repr(made)
    short = key_for(keys, expires_in=timedelta(minutes=5))
    assert tokens.issue(short).expires_at == clock.now + timedelta(minutes=5)


def test_a_token_ends_with_its_key(tokens: TokenService, keys: KeyService) -> None:
    holder = key_for(keys)
    made = tokens.issue(holder)
    tokens.verify(made.text)
    keys.revoke(OWNER, str(holder.key_id))
    assert reason(tokens, made.text) == f"revoked key {holder.key_id}"


def test_tokens_are_issued_for_keys_only(tokens: TokenService, keys: KeyService) -> None:
    token = tokens.verify(tokens.issue(key_for(keys)).text)
    for by in (OWNER, token):
        with pytest.raises(Refused, match="API keys only"):
            tokens.issue(by)


def test_issuing_is_audited_before_it_is_done(home: Path, keys: KeyService, clock: Clock) -> None:
    seen: list[Any] = []
    tokens = TokenService(home, keys, Settings(), audit=lambda *entry: seen.append(entry[1:3]), clock=clock)
    holder = key_for(keys)
    made = tokens.issue(holder)
    assert seen == [("token.issue", holder.key_id)]
    assert made.text not in repr(seen)


def test_the_signing_key_is_its_owner_s_alone(home: Path, tokens: TokenService, keys: KeyService) -> None:
    holder = key_for(keys)
    tokens.issue(holder)
    path = home / "secrets" / "jwt.key"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777, len(path.read_bytes())) == (0o600, 0o700, 32)
    for place, mode, command in ((path, 0o644, "chmod 600"), (path.parent, 0o755, "chmod 700")):
        usual = place.stat().st_mode & 0o777
        place.chmod(mode)
        with pytest.raises(Refused, match=command):
            TokenService(home, keys, Settings()).issue(holder)
        place.chmod(usual)
    path.write_bytes(b"short")
    with pytest.raises(Refused, match="5 bytes"):
        TokenService(home, keys, Settings()).issue(holder)


def test_another_home_s_token_is_refused(tokens: TokenService, keys: KeyService, home: Path, clock: Clock) -> None:
    made = tokens.issue(key_for(keys)).text
    (home / "secrets" / "jwt.key").unlink()
    assert "wrong kid" in reason(TokenService(home, keys, Settings(), clock=clock), made)


@pytest.mark.parametrize("algorithm", ["none", "NONE", "None", "HS384", "HS512", "RS256", "", None, 5, ["HS256"]])
def test_our_tokens_have_one_algorithm(tokens: TokenService, keys: KeyService, algorithm: Any) -> None:
    head, body, signature = tokens.issue(key_for(keys)).text.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    for tail in ("", signature):
        assert reason(tokens, parts({**header, "alg": algorithm}, payload, signature=tail))


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None}, {"aud": None}, {"exp": None}, {"iat": None}, {"key": None}, {"key": "0000000000"}, {"aud": "other"}, {"sub": "bob"}, {"sub": 5},
        {"exp": float("nan")}, {"exp": float("inf")}, {"exp": True}, {"exp": "9999999999"}, {"iat": 9999999999}, {"nbf": 9999999999},
    ],
)  # fmt: skip
def test_even_what_we_signed_needs_each_claim(
    tokens: TokenService, keys: KeyService, home: Path, clock: Clock, changes: dict[str, Any]
) -> None:
    holder = key_for(keys)
    header = jwt.get_unverified_header(tokens.issue(holder).text)
    secret = (home / "secrets" / "jwt.key").read_bytes()
    good = claims(clock, iss="maid-lab", aud="maid-lab", sub="ada", key=holder.key_id)
    assert tokens.verify(jwt.encode(good, secret, algorithm="HS256", headers=header)).id == "ada"
    bad = {name: value for name, value in {**good, **changes}.items() if value is not None}
    text = signed(bad, secret, header)
    assert reason(tokens, text)


def signed(body: dict[str, Any], secret: bytes, header: dict[str, Any]) -> str:
    """Return a token that also holds what `jwt.encode` would not write."""
    start = parts(header, body)[:-1]
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(start.encode(), secret)
    return f"{start}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_scopes_beyond_the_key_s_count_for_nothing(tokens: TokenService, keys: KeyService, home: Path, clock: Clock) -> None:
    holder = key_for(keys)
    header = jwt.get_unverified_header(tokens.issue(holder).text)
    wide = claims(clock, iss="maid-lab", aud="maid-lab", sub="ada", key=holder.key_id, scope="maid.read maid.admin")
    text = jwt.encode(wide, (home / "secrets" / "jwt.key").read_bytes(), algorithm="HS256", headers=header)
    assert tokens.verify(text).scopes == {Scope.READ}


def test_every_changed_character_is_noticed(tokens: TokenService, keys: KeyService) -> None:
    text = tokens.issue(key_for(keys)).text
    # The last character of a signature of 32 bytes has two bits that mean nothing.
    for place in range(len(text) - 1):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert reason(tokens, changed), place


# ---- another issuer


@pytest.mark.parametrize(("key", "kid", "algorithm"), [(RSA, "r", "RS256"), (CURVE, "e", "ES256")])
def test_the_issuer_of_the_settings_is_believed(tokens: TokenService, clock: Clock, key: Any, kid: str, algorithm: str) -> None:
    text = jwt.encode(claims(clock, scope="maid.read maid.recipes other"), key, algorithm=algorithm, headers={"kid": kid})
    got = tokens.verify(text)
    assert (got.kind, got.id, got.scopes, got.key_id) == (CredentialKind.TOKEN, "bob", frozenset({Scope.READ, Scope.RECIPES}), None)
    roles = jwt.encode(claims(clock, scope=None, roles=["write:loadtests", "root"]), key, algorithm=algorithm, headers={"kid": kid})
    assert tokens.verify(roles).roles == ("write:loadtests",)
    assert tokens.verify(roles).scopes == {Scope.READ, Scope.WRITE, Scope.RECIPES}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.test"}, {"iss": None}, {"iss": ["https://issuer.example.test"]}, {"aud": "other"}, {"aud": None}, {"exp": None}, {"iat": None},
        {"sub": None}, {"sub": ""}, {"sub": "a\nb"}, {"sub": "x" * 300}, {"exp": 1}, {"iat": 9999999999}, {"nbf": 9999999999},
    ],
)  # fmt: skip
def test_wrong_claims_are_refused(tokens: TokenService, clock: Clock, changes: dict[str, Any]) -> None:
    body = claims(clock, **changes)
    text = jwt.encode(body, RSA, algorithm="RS256", headers={"kid": "r"}) if isinstance(body.get("iss"), str | None) else parts({}, body)
    assert reason(tokens, text)


def test_signatures_by_other_keys_kids_and_algorithms_are_refused(tokens: TokenService, clock: Clock) -> None:
    body = claims(clock)
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = [
        jwt.encode(body, OTHER, algorithm="RS256", headers={"kid": "r"}), jwt.encode(body, RSA, algorithm="RS256", headers={"kid": "e"}),
        jwt.encode(body, RSA, algorithm="RS256", headers={"kid": "x"}), jwt.encode(body, RSA, algorithm="RS256"),
        jwt.encode(body, RSA, algorithm="RS512", headers={"kid": "r"}), jwt.encode(body, RSA, algorithm="PS256", headers={"kid": "r"}),
        signed(body, public, {"alg": "HS256", "kid": "r"}), signed(body, public, {"alg": "RS256", "kid": "r"}),
        parts({"alg": "none", "kid": "r"}, body), parts({"alg": "RS256", "kid": "r"}, body), parts({"alg": "RS256", "kid": ["r"]}, body),
        signed({**body, "iss": "maid-lab", "aud": "maid-lab"}, public, {"alg": "HS256", "kid": "r"}),
    ]  # fmt: skip
    for text in forged:
        assert reason(tokens, text)


def test_a_key_that_leaves_the_file_is_not_believed_any_more(tokens: TokenService, clock: Clock, jwks: Path) -> None:
    text = jwt.encode(claims(clock), RSA, algorithm="RS256", headers={"kid": "r"})
    tokens.verify(text)
    jwks.write_text(json.dumps({"keys": [jwk(CURVE, "e")]}))
    assert "unknown kid" in reason(tokens, text)
    jwks.write_text("{")
    assert "cannot be read" in reason(tokens, text)


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"}, {**jwk(RSA, "r"), "alg": "RS512"}, {**jwk(RSA, "r"), "kid": None},
        jwt.algorithms.RSAAlgorithm.to_jwk(RSA, as_dict=True) | {"kid": "a"}, {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"},
        jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024), "weak"), jwk(ec.generate_private_key(ec.SECP384R1()), "a"),
    ],
)  # fmt: skip
def test_a_file_with_a_key_not_to_be_trusted_is_refused_at_the_start(
    home: Path, keys: KeyService, tmp_path: Path, entry: dict[str, Any]
) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({"keys": [entry]}))
    with pytest.raises(InvalidInput, match="public keys"):
        TokenService(home, keys, Settings(access_jwks_file=str(path), access_issuer=ISSUER, access_audience=AUDIENCE))


def test_half_an_issuer_is_refused(home: Path, keys: KeyService, jwks: Path) -> None:
    with pytest.raises(InvalidInput, match="access_issuer as well"):
        TokenService(home, keys, Settings(access_jwks_file=str(jwks)))
    with pytest.raises(InvalidInput, match="is our own"):
        TokenService(home, keys, Settings(access_jwks_file=str(jwks), access_issuer="maid-lab", access_audience="a"))


def test_without_an_issuer_set_nobody_else_is_believed(home: Path, keys: KeyService, clock: Clock) -> None:
    text = jwt.encode(claims(clock), RSA, algorithm="RS256", headers={"kid": "r"})
    assert "unknown issuer" in reason(TokenService(home, keys, Settings(), clock=clock), text)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(header=JUNK, body=JUNK, tail=st.text(max_size=20))
def test_whatever_is_sent_as_a_token_is_refused(tokens: TokenService, header: Any, body: Any, tail: str) -> None:
    for text in (parts(header, body, signature=tail), tail, f"eyJ{tail}", parts(header, {"iss": ISSUER, "x": body}, signature=tail)):
        assert reason(tokens, text)


def test_a_huge_or_deep_token_is_refused_soon(tokens: TokenService) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 5000).decode()
    began = time.perf_counter()
    for text in ("eyJ" + "a" * 10**6, f"{deep}.{deep}.a", "eyJ" + "." * 8000):
        assert reason(tokens, text)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [("eyJ", True), ("eyJhbGciOiJub25lIn0.e30.", True), ("eyAiYWxnIjogIm5vbmUifQ.a.b", True), ("a.b.c", False), ("0123456789abcdef", False), ("", False)],
)  # fmt: skip
def test_a_jupyter_token_is_no_token_of_ours(text: str, is_ours: bool) -> None:
    assert is_token_form(text) is is_ours
