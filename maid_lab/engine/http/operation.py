"""The HTTP step as an operation: send, judge the answer, record the row, follow redirects, try again."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, ClassVar, Final

from maid_lab.engine.http.auth import authorizer_of
from maid_lab.engine.http.checks import compile_check
from maid_lab.engine.http.checks import needs_body as check_needs_body
from maid_lab.engine.http.connection import Connection
from maid_lab.engine.http.cookies import CookieJar
from maid_lab.engine.http.extracts import compile_extract
from maid_lab.engine.http.extracts import needs_body as extract_needs_body
from maid_lab.engine.http.request import RequestTemplate
from maid_lab.engine.http.response import Response
from maid_lab.engine.users.ops import PENDING
from maid_lab.model.errors import MaidError
from maid_lab.model.rows import FLAG_ATTEMPT_SHIFT, FLAG_REDIRECTED, FLAG_REUSED, NONE_U32, RECORD_SIZE, Outcome

if TYPE_CHECKING:
    from maid_lab.engine.http.extracts import CompiledExtract
    from maid_lab.engine.http.head import Head
    from maid_lab.engine.http.origin import Base, Origin
    from maid_lab.engine.http.request import Request
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import HttpStep

__all__ = ["HttpOperation", "store_cookies"]

_NS: Final = 1_000_000_000
#: Redirects and challenges before a request, after which a challenge is an error.
_MOST_CHALLENGES: Final = 10
_WELL: Final = (Outcome.OK, "")


class HttpOperation:
    """A compiled HTTP step, shared by all users of a worker.

    Parameters
    ----------
    step : HttpStep
        The step of the plan.
    uses_last : bool
        Whether any expression of the plan reads `last.*`, so that it has to be kept up to date.

    Attributes
    ----------
    is_simple : bool
        Nothing but the status decides about the answer, so that the connection may record it without looking at it.
    """

    __slots__ = (
        "_authorizer", "_checks", "_extracts", "_has_status_check", "_redirects", "_retry", "_sticky", "_template", "_traces",
        "_uses_last", "_wires", "connect_ns", "is_head", "is_simple", "keeps_body", "label", "method", "needs_body", "on_error",
        "read_ns", "reuse", "total_ns", "when",
    )  # fmt: skip

    #: Whether `body_for` gives what takes the body of an answer while it comes.
    streams: ClassVar[bool] = False
    #: What its requests go out on.
    connection_class: ClassVar[type[Connection]] = Connection

    def __init__(self, step: HttpStep, *, uses_last: bool) -> None:
        self.label = step.label
        self.method = step.method
        self.on_error = step.on_error
        self.reuse = step.reuse
        self.is_head = step.method == "HEAD"
        self.total_ns = int(step.timeouts.total_s * _NS)
        self.connect_ns = int(step.timeouts.connect_s * _NS)
        self.read_ns = int(step.timeouts.read_s * _NS)
        self.needs_body = any(map(check_needs_body, step.check)) or any(map(extract_needs_body, step.extract))
        self._checks = [compile_check(check) for check in step.check]
        #: An answer that may fail whatever its status: the beginning of its body is kept for the failure samples.
        self.keeps_body = bool(step.check or step.extract)
        self._has_status_check = any(check.kind == "status" for check in step.check)
        self._extracts = [compile_extract(extract) for extract in step.extract]
        self._retry = step.retry
        self._redirects = step.redirects
        self._sticky = step.sticky
        self._traces = step.trace
        self._template = RequestTemplate(step)
        self._uses_last = uses_last
        self._authorizer = authorizer_of(step, lambda token: HttpOperation(token, uses_last=False))
        if self._authorizer is not None:
            self._template.is_constant = False
        self._wires: dict[Any, tuple[Request, bytes, Origin]] = {}
        plain = not (
            self._checks or self._extracts or self._retry or uses_last or self.is_head or step.trace or self._authorizer or step.is_http2
        )
        self.is_simple = plain and step.reuse == "user"

    @property
    def is_constant(self) -> bool:
        """Whether the request is the same for all users and iterations, and nothing of the answer is kept."""
        return self._template.is_constant and not self._extracts

    def also(self, taker: CompiledExtract) -> None:
        """Hand each good answer, with its body, to one more function."""
        self._extracts.append(taker)
        self.needs_body = True
        self.is_simple = False

    def wire_for(self, base: Base | None) -> tuple[Request, bytes, Origin] | None:
        """Return what a constant request sends to a base URL, once it has been sent there."""
        return self._wires.get(base)

    # ---- sending

    def begin(self, user: VirtualUser) -> Any:
        """Send the request as soon as the gate lets it."""
        if user.is_plain:
            known = self._wires.get(user.base)
            if known is not None:
                request, wire, origin = known
                connection = user.connections.get(origin)
                if connection is not None:
                    user.request = request
                    connection.exchange(self, wire, user.ready_ns)
                    return PENDING
        if user.gate is not None and user.gate.holds_back(user, self):
            return PENDING
        return self.send(user)

    def send(self, user: VirtualUser, *, attempt: int = 0) -> Any:
        """Send the request now; when it cannot even be written down, the user goes on with False."""
        cached = self._wires.get(user.base)
        if cached is not None and user.jar is None:
            request, wire, _ = cached
        else:
            authorizer = self._authorizer
            try:
                if authorizer is not None and not authorizer.is_ready(user, self):
                    return PENDING
                request = self._template.render(user)
                if authorizer is not None and not request.is_foreign:
                    authorizer.sign(user, request)
            except (ValueError, MaidError) as error:
                return self._unsendable(user, error)
            wire = request.wire(user)
            if self._template.is_constant and user.jar is None:
                self._wires[user.base] = (request, wire, request.origin)
        self._dispatch(user, request, wire, intended=user.ready_ns, attempt=attempt)
        return PENDING

    def _dispatch(self, user: VirtualUser, request: Request, wire: bytes, *, intended: int, attempt: int = 0, hops: int = 0) -> None:
        user.request = request
        connection = user.connections.get(request.origin)
        shard = user.shard
        if shard.max_requests:
            shard.spend_request()
        if connection is None:
            connection = user.connections[request.origin] = self._connection(request.origin, user)
            connection.attempt, connection.hops = attempt, hops
            connection.open(self, wire, intended)
        else:
            connection.attempt, connection.hops = attempt, hops
            connection.exchange(self, wire, intended)

    def _connection(self, origin: Origin, user: VirtualUser) -> Any:
        if not origin.is_http2:
            return self.connection_class(origin, user)
        # An extra: imported where a plan asks for it.
        from maid_lab.engine.http.http2 import Http2Exchange

        return Http2Exchange(origin, user)

    def _unsendable(self, user: VirtualUser, error: Exception) -> Any:
        """Record that nothing can be sent; the user goes on in the loop's next turn, as it may come here again at once."""
        now = monotonic_ns()
        text = error.message if isinstance(error, MaidError) else str(error)
        outcome = Outcome.CONNECT_ERROR if isinstance(error, MaidError) else Outcome.EXTRACT_MISS
        user.record(self.label, start=now, end=now, outcome=outcome, error=text)
        user.ready_ns = now
        user.failed_by(self, outcome, text)
        return user.later(False)  # noqa: FBT003 - the result of the operation

    # ---- the answer

    def body_for(self, _connection: Connection, _head: Head) -> list[bytes] | None:
        """Return what takes the pieces of this answer's body instead of the usual list."""
        return None

    def finish(self, connection: Connection, head: Head, body: bytes, now: int, *, reusable: bool) -> None:
        """Take a whole answer."""
        user = connection.user
        request: Request = user.request
        if not head.plain:
            store_cookies(user, head, request)
            location = head.get(b"location")
            if head.is_redirect and location and self._redirects:
                self._follow(connection, head, location.decode("utf-8", "replace"), now, reusable=reusable)
                return
            if head.status == 401 and self._authorizer is not None and self._challenged(connection, head, now, reusable=reusable):
                return
        response = Response(head, body, request=request, service_s=(now - connection.start) / _NS)
        outcome, error = self._judge(user, response)
        self._end(connection, outcome, error, head.status, now, reusable=reusable)

    def fail(self, connection: Connection, outcome: Outcome, text: str, now: int) -> None:
        """Take a failed exchange; the connection is closed already."""
        self._end(connection, outcome, text, connection.head.status if connection.head is not None else -1, now, reusable=False)

    def abort(self, connection: Connection, now: int) -> None:
        """Record the exchange as cut by the end of the run; nobody goes on."""
        self._record(connection, Outcome.ABORTED, "", -1, now)

    def _judge(self, user: VirtualUser, response: Response) -> tuple[Outcome, str]:
        """Return the first thing wrong with an answer; all checks are looked at before any value is taken."""
        if response.head.status >= 400 and not self._has_status_check:
            return Outcome.ERROR_STATUS, f"HTTP {response.status}"
        if self.needs_body and response.head.coding:
            try:
                response.decode()
            except ValueError as error:
                return Outcome.PROTOCOL_ERROR, str(error)
        scope = user.scope
        for check in self._checks:
            found = check(response, scope)
            if found:
                return Outcome.CHECK_FAILED, found
        for extract in self._extracts:
            found = extract(response, user)
            if found:
                return Outcome.EXTRACT_MISS, found
        return _WELL

    def _end(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int, *, reusable: bool) -> None:
        user = connection.user
        self._record(connection, outcome, error, status, now)
        if outcome and user.shard.capture is not None:
            user.shard.capture.failure(connection, self.label, outcome, error, now)
        if self._uses_last:
            user.scope.last = {"status": status, "ok": outcome == Outcome.OK, "ms": (now - connection.start) / 1e6}
        attempt = connection.attempt
        connection.attempt = connection.hops = 0
        connection.release(reusable=reusable)
        user.ready_ns = now
        retry = self._retry
        if retry is not None and outcome and attempt < retry.times and _matches(retry.on, outcome, status) and not user.leaving_now:
            user.shard.timers.at(now + int(retry.wait_s * _NS), self._again, (user, attempt + 1, user.life))
            return
        if outcome:
            user.failed_by(self, outcome, error)
        user.step(outcome == Outcome.OK)

    def _again(self, what: tuple[VirtualUser, int, int]) -> None:
        user, attempt, life = what
        if user.life != life:
            return
        user.ready_ns = monotonic_ns()
        if self.send(user, attempt=attempt) is not PENDING:
            user.step(False)  # noqa: FBT003 - the result of the operation

    def _follow(self, connection: Connection, head: Head, location: str, now: int, *, reusable: bool) -> None:
        user, hops = connection.user, connection.hops
        if hops >= self._redirects:
            self._end(connection, Outcome.PROTOCOL_ERROR, f"more than {self._redirects} redirects", head.status, now, reusable=reusable)
            return
        try:
            request = self._template.follow(user, user.request, head.status, location)
        except (ValueError, MaidError) as error:
            text = error.message if isinstance(error, MaidError) else str(error)
            self._end(connection, Outcome.PROTOCOL_ERROR, f"redirect: {text}", head.status, now, reusable=reusable)
            return
        if self._authorizer is not None and not request.is_foreign:
            self._authorizer.sign(user, request)
        self._record(connection, Outcome.OK, "", head.status, now)
        if self._sticky and request.origin is not user.request.origin:
            user.base = user.shard.origins.root_of(request.origin)
            user.flat = None
            request.is_foreign = False
        attempt = connection.attempt
        connection.release(reusable=reusable)
        self._dispatch(user, request, request.wire(user), intended=now, attempt=attempt, hops=hops + 1)

    def _challenged(self, connection: Connection, head: Head, now: int, *, reusable: bool) -> bool:
        """Send the request again when the server only wants it signed; the challenge is a row of its own, as a redirect is."""
        user, hops = connection.user, connection.hops
        request: Request = user.request
        if self._authorizer is None or request.is_foreign or hops > _MOST_CHALLENGES:
            return False
        try:
            if not self._authorizer.challenged(user, request, head):
                return False
            self._authorizer.sign(user, request)
        except ValueError as error:
            self._end(connection, Outcome.ERROR_STATUS, f"HTTP 401: {error}", head.status, now, reusable=reusable)
            return True
        self._record(connection, Outcome.OK, "", head.status, now)
        attempt = connection.attempt
        connection.release(reusable=reusable)
        self._dispatch(user, request, request.wire(user), intended=now, attempt=attempt, hops=hops + 1)
        return True

    def _record(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int) -> None:
        user, start = connection.user, connection.start
        service, blocked, ttfb = now - start, start - connection.intended, connection.first_byte - start
        if (
            outcome is Outcome.OK
            and connection.connected < 0
            and not (connection.attempt or self._traces)
            and service < NONE_U32 > blocked
            and ttfb >= 0
        ):
            # The usual row, written without the questions that `record` asks.
            recorder = user.shard.recorder
            position = recorder.position
            recorder.pack(
                recorder.buffer, position, start - recorder.zero_ns, service, blocked, ttfb, blocked // 1000, user.number, user.iteration,
                connection.bytes_out, connection.bytes_in, self.label, status, 0,
                user.flags | FLAG_REUSED | (FLAG_REDIRECTED if connection.hops else 0),
            )  # fmt: skip
            recorder.position = position = position + RECORD_SIZE
            if position >= recorder.limit:
                recorder.flush()
            return
        flags = user.flags | (FLAG_REUSED if connection.connected < 0 else 0) | (FLAG_REDIRECTED if connection.hops else 0)
        user.shard.recorder.record(
            label=self.label,
            user=user.number,
            iteration=user.iteration,
            intended=connection.intended,
            start=connection.start,
            end=now,
            outcome=outcome,
            flags=flags | min(connection.attempt, 127) << FLAG_ATTEMPT_SHIFT,
            status=status,
            first_byte=connection.first_byte,
            connected=connection.connected,
            bytes_out=connection.bytes_out,
            bytes_in=connection.bytes_in,
            error=error,
            trace_id=user.request.trace_id if self._traces else 0,
        )


def store_cookies(user: VirtualUser, head: Head, request: Request) -> None:
    """Take over the cookies that an answer sets."""
    for name, value in head.headers:
        if name == b"set-cookie":
            if user.jar is None:
                user.jar = CookieJar()
                user.is_plain = False
                user.flat = None
            user.jar.store(value.decode("latin-1"), host=request.origin.host, path=request.target)


def _matches(on: tuple[str, ...], outcome: Outcome, status: int) -> bool:
    return not on or outcome.word in on or str(status) in on or f"{status // 100}xx" in on
