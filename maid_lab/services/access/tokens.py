"""Short-lived tokens (JWT): issued for an API key, or signed by an issuer whose public keys are in a file."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput, Refused, Unauthorized
from maid_lab.services.access.jwks import PublicKeys
from maid_lab.services.access.principal import ALL_SCOPES, ROLES, CredentialKind, Principal, Scope, scopes_of
from maid_lab.services.access.secret_files import random_key

if TYPE_CHECKING:
    from maid_lab.services.access.keys import Audit, KeyService
    from maid_lab.services.settings import Settings

__all__ = ["LIFE", "MadeToken", "TokenService", "is_token_form"]

LIFE: Final = timedelta(minutes=15)
_ISSUER: Final = "maid-lab"
_KEY_FILE: Final = "jwt.key"
_LEEWAY: Final = timedelta(seconds=30)
_REQUIRED: Final = ("iss", "aud", "exp", "iat", "sub")
_LONGEST: Final = 8192
_LONGEST_SUBJECT: Final = 200
_WRONG: Final = "the credential is not valid."
_HINT: Final = "Get a new token: POST auth/token with an API key."


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A new token, to be shown once."""

    text: str = field(repr=False)
    expires_at: datetime
    scopes: frozenset[Scope]


class TokenService:
    """Issues and verifies tokens.

    Parameters
    ----------
    home : Path
        The home folder; the signing key is `secrets/jwt.key` in it.
    keys : KeyService
        Keys that tokens are issued for; with a key its tokens end.
    settings : Settings
        External issuer: `access_jwks_file`, `access_issuer`, `access_audience`.
    audit : callable, optional
        Keeps what was issued, before it is.
    clock : callable
        Tells the time.

    Raises
    ------
    InvalidInput
        If only a part of the external issuer is set, or its file cannot be read.
    """

    def __init__(
        self,
        home: Path,
        keys: KeyService,
        settings: Settings,
        *,
        audit: Audit | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._home = home
        self._keys = keys
        self._clock = clock
        self._secret: bytes | None = None
        self.audit = audit
        self._issuer, self._audience = settings.access_issuer, settings.access_audience
        self._public = _public_keys(settings)

    def issue(self, by: Principal) -> MadeToken:
        """Issue a token for the API key that asks, with its scopes; it is good for 15 minutes and no longer than the key.

        Raises
        ------
        Refused
            If it is not a key that asks: a token does not prolong itself.
        """
        import jwt

        if by.kind is not CredentialKind.KEY or by.key_id is None:
            raise Refused("tokens are issued for API keys only.", hint="Send the API key itself.")
        now = self._clock()
        expires = min(now + LIFE, self._keys.expires_at(by.key_id))
        if self.audit is not None:
            self.audit(by.actor(), "token.issue", by.key_id, {"expires_at": expires.isoformat()})
        secret = self._signing_key()
        claims = {
            "iss": _ISSUER, "aud": _ISSUER, "sub": by.id, "key": by.key_id, "scope": " ".join(sorted(by.scopes)), "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()), "jti": secrets.token_hex(8),
        }  # fmt: skip
        text = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": _kid(secret)})
        return MadeToken(text=text, expires_at=expires, scopes=by.scopes)

    def verify(self, text: str) -> Principal:
        """Return who a token stands for.

        Raises
        ------
        Unauthorized
            If it is anything but a valid token of ours or of the issuer that is set.
        """
        import jwt

        try:
            header, issuer = _opened(text)
            principal = self._own(text, header) if issuer == _ISSUER else self._external(text, header)
        except jwt.ExpiredSignatureError:
            raise Unauthorized("the token has expired.", hint=_HINT, reason="expired token") from None
        except Unauthorized:
            raise
        # Whatever a hostile text makes the parser say, it is refused and never anonymous.
        except (jwt.PyJWTError, InvalidInput, Refused, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Unauthorized(_WRONG, hint=_HINT, reason=f"token: {error}"[:300]) from None
        return principal

    # ---- inside

    def _own(self, text: str, header: Mapping[str, Any]) -> Principal:
        secret = self._signing_key()
        if header.get("kid") != _kid(secret):
            raise ValueError("wrong kid")
        claims = self._decoded(text, secret, algorithm="HS256", issuer=_ISSUER, audience=_ISSUER)
        holder = self._keys.principal(str(claims["key"]))
        if claims["sub"] != holder.id:
            raise ValueError("wrong subject")
        return replace(holder, kind=CredentialKind.TOKEN, scopes=_scopes(claims.get("scope")) & holder.scopes)

    def _external(self, text: str, header: Mapping[str, Any]) -> Principal:
        if self._public is None:
            raise ValueError("unknown issuer")
        kid = header.get("kid")
        key = self._public.find(kid) if isinstance(kid, str) else None
        if key is None:
            raise ValueError("unknown kid")
        claims = self._decoded(text, key.key, algorithm=key.algorithm, issuer=self._issuer, audience=self._audience)
        subject = claims["sub"]
        if not subject or len(subject) > _LONGEST_SUBJECT or not subject.isprintable():
            raise ValueError("the subject is no name")
        roles = () if "scope" in claims else tuple(role for role in _words(claims.get("roles")) if role in ROLES)
        scopes = _scopes(claims["scope"]) if "scope" in claims else scopes_of(roles)
        return Principal(kind=CredentialKind.TOKEN, id=subject, name=subject, scopes=scopes, roles=roles)

    def _decoded(self, text: str, key: Any, *, algorithm: str, issuer: str, audience: str) -> dict[str, Any]:
        """Decode with one algorithm, which the key decides and not the token."""
        import jwt

        # The times are judged by our own clock below, so that there is one clock.
        options: Any = {"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims: dict[str, Any] = jwt.decode(text, key, algorithms=[algorithm], issuer=issuer, audience=audience, options=options)
        now, leeway = self._clock().timestamp(), _LEEWAY.total_seconds()
        if _time(claims, "iat") > now + leeway or ("nbf" in claims and _time(claims, "nbf") > now + leeway):
            raise ValueError("the token is of the future")
        if _time(claims, "exp") <= now - leeway:
            raise jwt.ExpiredSignatureError("expired")
        return claims

    def _signing_key(self) -> bytes:
        if self._secret is None:
            self._secret = random_key(self._home, _KEY_FILE)
        return self._secret


def is_token_form(text: str) -> bool:
    """Whether a Bearer value claims to be a JWT, however malformed: it begins like one, or is three parts whose first is a JSON object."""
    return text.startswith("eyJ") or (text.count(".") == 2 and _part(text.partition(".")[0]) is not None)


def _opened(text: str) -> tuple[dict[str, Any], object]:
    """Return the header and the issuer that a token names, before anything is believed."""
    parts = text.split(".")
    if len(text) > _LONGEST or len(parts) != 3:
        raise ValueError("malformed")
    header, claims = _part(parts[0]), _part(parts[1])
    if header is None or claims is None:
        raise ValueError("malformed")
    return header, claims.get("iss")


def _part(text: str) -> dict[str, Any] | None:
    try:
        data = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _kid(secret: bytes) -> str:
    return hashlib.sha256(b"kid" + secret).hexdigest()[:8]


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is no time")
    return float(value)


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _scopes(value: object) -> frozenset[Scope]:
    return frozenset(scope for scope in ALL_SCOPES if str(scope) in _words(value))


def _public_keys(settings: Settings) -> PublicKeys | None:
    given = {name: getattr(settings, name) for name in ("access_jwks_file", "access_issuer", "access_audience")}
    if not any(given.values()):
        return None
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise InvalidInput(f"tokens of another issuer need the setting {missing[0]} as well.", hint="Set all three, or none.")
    if given["access_issuer"] == _ISSUER:
        raise InvalidInput(f"the issuer {_ISSUER} is our own.", hint="Set access_issuer to the one that signs the tokens.")
    keys = PublicKeys(Path(given["access_jwks_file"]).expanduser())
    keys.all()
    return keys
