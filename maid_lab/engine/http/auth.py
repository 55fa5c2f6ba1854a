"""Authentication that takes part in the exchange: digest, whose challenges are answered, and OAuth 2.0, whose tokens are fetched.

Basic and bearer are headers like others; `http.request` writes them.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Protocol

from maid_lab.engine.http.digest import find_challenge
from maid_lab.engine.http.tokens import TokenSource
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.engine.http.head import Head
    from maid_lab.engine.http.request import Request
    from maid_lab.engine.users.parts import Sendable
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import HttpStep

__all__ = ["Authorizer", "authorizer_of"]


class Authorizer(Protocol):
    """Proves who a user is."""

    def is_ready(self, user: VirtualUser, operation: Sendable) -> bool:
        """Return whether the request can be signed now; when not, it is sent later by whoever has to be waited for.

        Raises
        ------
        MaidError
            If what is needed cannot be had.
        """

    def sign(self, user: VirtualUser, request: Request) -> None:
        """Give a request its Authorization header."""

    def challenged(self, user: VirtualUser, request: Request, head: Head) -> bool:
        """Take an answer with status 401 and return whether the request is worth another attempt, signed anew.

        Raises
        ------
        ValueError
            If the server asks for something that is not known here.
        """


class _Digest:
    """RFC 7616; a challenge belongs to one user and origin, and its nonce is used until the server calls it stale."""

    def __init__(self, user: str, password: str) -> None:
        self._name, self._password = compile_value(user), compile_value(password)

    def is_ready(self, _user: VirtualUser, _operation: Sendable) -> bool:
        return True

    def sign(self, user: VirtualUser, request: Request) -> None:
        challenge = user.challenges.get(request.origin) if user.challenges is not None else None
        if challenge is not None:
            name, password = (str(part(user.scope)) if callable(part) else str(part) for part in (self._name, self._password))
            request.authorize(challenge.answer(name, password, request.method, request.target))

    def challenged(self, user: VirtualUser, request: Request, head: Head) -> bool:
        challenge = find_challenge([value.decode("latin-1") for name, value in head.headers if name == b"www-authenticate"])
        if challenge is None:
            return False
        if user.challenges is None:
            user.challenges = {}
        user.challenges[request.origin] = challenge
        # An answer to a fresh nonce was refused: name or password are wrong.
        return challenge.is_stale or not request.is_authorized


class _OAuth2:
    """RFC 6749, section 4.4: one token for all users of a worker."""

    def __init__(self, step: HttpStep, make: Callable[[HttpStep], Any]) -> None:
        self._step = step
        self._make = make
        self._key = repr(step)

    def is_ready(self, user: VirtualUser, operation: Sendable) -> bool:
        return self._source(user).is_ready(user, operation, monotonic_ns())

    def sign(self, user: VirtualUser, request: Request) -> None:
        request.authorize(f"Bearer {self._source(user).token}")

    def challenged(self, user: VirtualUser, request: Request, _head: Head) -> bool:
        self._source(user).refused(request.tail, monotonic_ns())
        return False

    def _source(self, user: VirtualUser) -> TokenSource:
        sources = user.shard.tokens
        source: TokenSource | None = sources.get(self._key)
        if source is None:
            source = sources[self._key] = TokenSource(user.shard, self._step, self._make)
        return source


def authorizer_of(step: HttpStep, make: Callable[[HttpStep], Any]) -> Authorizer | None:
    """Return what authorizes the requests of a step; None when a header does.

    Parameters
    ----------
    step : HttpStep
        The step of the plan.
    make : callable
        Compiles the request for a token.
    """
    if step.token is not None:
        return _OAuth2(step.token, make)
    if step.auth[:1] == ("digest",):
        return _Digest(*step.auth[1:])
    return None
