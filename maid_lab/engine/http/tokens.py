"""Tokens by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4), one for all users of a worker."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.users.held import Held
from maid_lab.engine.users.user import VirtualUser
from maid_lab.model.errors import EngineFailure
from maid_lab.model.plan import Body, HttpStep, Scenario
from maid_lab.model.rows import SETUP_USER, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from maid_lab.engine.users.context import WorkerContext
    from maid_lab.engine.users.parts import Sendable

__all__ = ["TokenSource"]

_NS: Final = 1_000_000_000
#: A token is renewed when a tenth of its life is left, at most this long before its end.
_RENEW_SHARE: Final = 0.1
_RENEW_NS: Final = 30 * _NS
#: After a failure nobody asks for a token for this long.
_PAUSE_NS: Final = _NS
#: A token that is refused is thrown away when it is older than this: a younger one would be refused as well.
_YOUNG_NS: Final = _NS
_NEVER: Final = 2**63
#: Refusals after which the other way of naming the client is tried.
_OTHER_WAY: Final = frozenset({"HTTP 400", "HTTP 401"})


class _Fetching:
    """Stands where a scenario does for the user that fetches tokens."""

    scenario: Final = Scenario(name="", label=0, weight=0, steps=())


class TokenSource:
    """Has one token, and renews it before it ends; requests wait while there is none.

    The client is named by HTTP Basic first, as the standard wants it, then in the form, as some servers do.

    Parameters
    ----------
    context : WorkerContext
        The worker.
    step : HttpStep
        The request for a token; it extracts `access_token` and `expires_in`.
    make : callable
        Compiles it.

    Attributes
    ----------
    token : str
        The token, empty while there is none.
    """

    def __init__(self, context: WorkerContext, step: HttpStep, make: Callable[[HttpStep], Any]) -> None:
        self._context = context
        self._ways = [make(step), make(_named_in_form(step))]
        self._held: list[Held] = []
        self._fetcher: VirtualUser | None = None
        self._got_ns = 0
        self._renew_ns = self._end_ns = 0
        self._pause_ns = 0
        self._waits = False
        self._problem = ""
        #: Whose request hears now that there is no token; its next one waits again.
        self._refused: VirtualUser | None = None
        self.token = ""

    def is_ready(self, user: VirtualUser, operation: Sendable, now: int) -> bool:
        """Return whether there is a token; when not, the request waits and is sent with the next one.

        Raises
        ------
        EngineFailure
            If there is none for this request.
        """
        if self._refused is user:
            self._refused = None
            raise EngineFailure(f"no OAuth 2.0 token: {self._problem}", hint="Look at the rows of 'oauth2 token'.")
        has_token = bool(self.token) and now < self._end_ns
        if now >= self._renew_ns and self._fetcher is None and not self._waits:
            self._fetch_at(max(now, self._pause_ns), now)
        if not has_token:
            self._held.append(Held(user, operation))
        return has_token

    def refused(self, sent: bytes, now: int) -> None:
        """Note that a server did not accept what was sent."""
        if self.token and self.token.encode() in sent and now - self._got_ns > _YOUNG_NS:
            self.token = ""
            self._renew_ns = now

    # ---- fetching

    def _fetch_at(self, due: int, now: int) -> None:
        self._waits = True
        if due > now:
            self._context.timers.at(due, self._fetch)
        else:
            # Not from here: the request that waits for it has to be held first.
            self._context.loop.call_soon(self._fetch, None)

    def _fetch(self, _: Any) -> None:
        self._waits = False
        context = self._context
        if context.is_ending:
            return
        program: Any = _Fetching
        self._fetcher = user = VirtualUser(context, SETUP_USER, program, flags=0, on_end=self._fetched)
        user.gate = None
        context.asides.add(user)
        user.start(self._script(user), monotonic_ns())

    def _script(self, user: VirtualUser) -> Generator[Any, Any, None]:
        for way in tuple(self._ways):
            user.failure = None
            if (yield way):
                self._take(user.scope.vars)
                self._ways = [way]
                return
            if user.verdict(Outcome.OK)[1] not in _OTHER_WAY:
                return

    def _take(self, found: dict[str, Any]) -> None:
        now = self._got_ns = monotonic_ns()
        self.token = str(found["access_token"])
        try:
            life = int(float(found.get("expires_in") or 0) * _NS)
        except (TypeError, ValueError):
            life = 0
        self._end_ns = now + life if life > 0 else _NEVER
        self._renew_ns = self._end_ns - min(int(life * _RENEW_SHARE), _RENEW_NS) if life > 0 else _NEVER

    def _fetched(self, user: VirtualUser) -> None:
        """Let all go on that wait: with the token, or with the reason why there is none."""
        self._fetcher = None
        self._context.asides.discard(user)
        user.close_connections()
        now = monotonic_ns()
        is_refused = not self.token or now >= self._end_ns
        if is_refused:
            self._problem = (user.failure[1] if user.failure is not None else "") or "the run was ended"
            self._renew_ns, self._pause_ns = now, now + _PAUSE_NS
        held, self._held = self._held, []
        for one in held:
            self._refused = one.user if is_refused else None
            one.send()
        self._refused = None


def _named_in_form(step: HttpStep) -> HttpStep:
    _, name, secret = step.auth
    form = dict(step.body.value if step.body is not None else {}) | {"client_id": name, "client_secret": secret}
    return replace(step, auth=(), body=Body(kind="form", value=form))
