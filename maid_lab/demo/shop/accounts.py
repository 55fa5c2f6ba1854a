"""Log-ins: signed tokens that expire, and the carts of those who hold them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PASSWORD", "Accounts", "Token"]

#: The password of every customer of the demo shop.
PASSWORD: Final = "demo"

#: Carts and refreshes of the sessions used last; a run of any length keeps the shop's memory within this.
_KEPT_SESSIONS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a log-in gives: the text for the `Authorization` header, the one that renews it, and how long the first is good."""

    text: str
    refresh: str
    expires_in_s: float


class Accounts:
    """Sessions of the shop's customers.

    A token carries its session and its end and is signed, so nothing has to be remembered or cleaned up for it; a cart belongs to a
    session, so two virtual users with the same e-mail do not get in each other's way.

    Parameters
    ----------
    seed : int
        Part of the signing key: tokens of another shop are refused.
    clock : callable
        Seconds; wall or monotonic, as long as it is always the same one.
    """

    def __init__(self, seed: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = hashlib.sha256(f"demo shop {seed}".encode()).digest()
        self._clock = clock
        self._sessions = itertools.count(1)
        self._carts: OrderedDict[int, dict[str, int]] = OrderedDict()

    def open(self, ttl_s: float) -> Token:
        """Return a token for a new session."""
        return self._token(next(self._sessions), ttl_s)

    def renew(self, refresh: str, ttl_s: float) -> Token | None:
        """Return a new token for the session of a refresh token; None when that is not one of ours."""
        session = self._read("r", refresh)
        return None if session is None else self._token(session, ttl_s)

    def session(self, header: str) -> int | None:
        """Return the session of an `Authorization: Bearer …` header; None when it is missing, forged or past its end."""
        scheme, _, text = header.partition(" ")
        return self._read("t", text) if scheme.lower() == "bearer" else None

    def form_key(self) -> str:
        """Return a value for the hidden field of a form."""
        return self._sign("f", next(self._sessions), 0)

    def knows_form(self, key: str) -> bool:
        """Whether a hidden field came from this shop."""
        return self._read("f", key) is not None

    def cart(self, session: int) -> dict[str, int]:
        """Return the session's cart (sku → quantity), which the caller may change."""
        cart = self._carts.get(session)
        if cart is None:
            cart = self._carts[session] = {}
            if len(self._carts) > _KEPT_SESSIONS:
                self._carts.popitem(last=False)
        else:
            self._carts.move_to_end(session)
        return cart

    def forget_cart(self, session: int) -> None:
        """Empty the session's cart."""
        self._carts.pop(session, None)

    def _token(self, session: int, ttl_s: float) -> Token:
        ends = int((self._clock() + ttl_s) * 1000)
        return Token(text=self._sign("t", session, ends), refresh=self._sign("r", session, 0), expires_in_s=ttl_s)

    def _sign(self, kind: str, session: int, ends_ms: int) -> str:
        claim = f"{kind}.{session}.{ends_ms}"
        return f"{claim}.{self._mac(claim)}"

    def _read(self, kind: str, text: str) -> int | None:
        claim, _, mac = text.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(claim).encode()):
            return None
        given, session, ends_ms = claim.split(".")
        if given != kind or (int(ends_ms) and int(ends_ms) <= self._clock() * 1000):
            return None
        return int(session)

    def _mac(self, claim: str) -> str:
        return hashlib.blake2b(claim.encode(), key=self._key, digest_size=12).hexdigest()
