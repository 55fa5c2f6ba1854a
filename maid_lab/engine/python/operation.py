"""A request of a scenario's code as an operation: its answer goes to the code, its row waits until the code has judged it."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from maid_lab.engine.http.operation import HttpOperation, store_cookies
from maid_lab.engine.python.answer import Answer
from maid_lab.engine.python.connection import CodeConnection
from maid_lab.engine.python.template import CodeTemplate
from maid_lab.model.errors import MaidError
from maid_lab.model.rows import FLAG_REDIRECTED, FLAG_REUSED, Outcome

if TYPE_CHECKING:
    from maid_lab.engine.http.connection import Connection
    from maid_lab.engine.http.head import Head
    from maid_lab.engine.python.template import Values
    from maid_lab.model.plan import HttpStep

__all__ = ["CodeOperation"]


class CodeOperation(HttpOperation):
    """One kind of request, or one constant request, of a scenario's code.

    Parameters
    ----------
    step : HttpStep
        Label, method, timeouts, redirects, TLS and reuse; its URL is not looked at.
    values : Values, optional
        What a constant request sends.
    expect : frozenset of int
        Statuses that are good; without any, those below 400 are.
    captures : bool
        Whether all requests are kept for the logs.
    """

    __slots__ = ("_captures", "_expect", "_said", "expects")

    connection_class = CodeConnection

    def __init__(self, step: HttpStep, values: Values | None, *, expect: frozenset[int], said: str, captures: bool) -> None:
        super().__init__(step, uses_last=False)
        self._template: Any = CodeTemplate(step.method, step.route, values)
        self._captures = captures
        self._expect = expect
        self.expects = bool(expect)
        self._said = said
        #: Whether `CodeConnection` may take the answer on the quick way.
        self.is_simple = not (captures or self.is_head)
        self.needs_body = True

    # ---- the answer

    def judged(self, answer: Answer, status: int) -> None:
        """Say what a status means."""
        if self._expect:
            if status not in self._expect:
                answer._outcome, answer._error = Outcome.CHECK_FAILED, f"HTTP {status} instead of {self._said}"
        elif status >= 400:
            answer._outcome, answer._error = Outcome.ERROR_STATUS, f"HTTP {status}"

    def finish(self, connection: Connection, head: Head, body: bytes, now: int, *, reusable: bool) -> None:
        """Take a whole answer."""
        lane: Any = connection.user
        if not head.plain:
            store_cookies(lane, head, lane.request)
            location = head.get(b"location")
            if head.is_redirect and location and self._redirects:
                self._follow(connection, head, location.decode("utf-8", "replace"), now, reusable=reusable)
                return
        answer = self._answer(connection, head, body, now)
        self.judged(answer, head.status)
        self._give(connection, answer, now, reusable=reusable)

    def _end(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int, *, reusable: bool) -> None:
        """Take an exchange that failed, or a redirect that could not be followed."""
        answer = self._answer(connection, connection.head, connection.kept_body, now)
        answer._outcome, answer._error = outcome, error
        self._give(connection, answer, now, reusable=reusable)

    def abort(self, connection: Connection, now: int) -> None:
        """Record the exchange as cut by the end of the run; nobody goes on."""
        self._record(connection, Outcome.ABORTED, "", -1, now)

    def cancel(self, connection: Connection, now: int) -> None:
        """Record an exchange that the code itself gave up."""
        self._record(connection, Outcome.TIMEOUT, "the scenario cancelled the request before its answer was there", -1, now)

    def _give(self, connection: Connection, answer: Answer, now: int, *, reusable: bool) -> None:
        lane: Any = connection.user
        capture = lane.shard.capture
        if capture is not None:
            if self._captures:
                capture.request(connection, self.label)
            if answer._outcome:
                capture.failure(connection, self.label, answer._outcome, answer._error, now)
        connection.attempt = connection.hops = 0
        connection.release(reusable=reusable)
        lane.ready_ns = now
        lane.answered(answer)

    def _answer(self, connection: Connection, head: Head | None, body: bytes, now: int) -> Answer:
        lane = connection.user
        flags = lane.flags | (FLAG_REUSED if connection.connected < 0 else 0) | (FLAG_REDIRECTED if connection.hops else 0)
        answer = Answer()
        answer._head, answer._raw, answer._request = head, body, lane.request
        answer._start, answer._end = connection.start, now
        answer._row = {
            "label": self.label, "user": lane.number, "iteration": lane.iteration, "intended": connection.intended,
            "start": connection.start, "end": now, "flags": flags, "status": head.status if head is not None else -1,
            "first_byte": connection.first_byte, "connected": connection.connected, "bytes_out": connection.bytes_out,
            "bytes_in": connection.bytes_in,
        }  # fmt: skip
        return answer

    def _record(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int) -> None:
        """Write the row of a hop, or of what was cut, at once."""
        if self._captures and connection.user.shard.capture is not None:
            connection.user.shard.capture.request(connection, self.label)
        super()._record(connection, outcome, error, status, now)

    def _unsendable(self, user: Any, error: Exception) -> bool:
        """Give the code an answer that says why nothing was sent."""
        now = monotonic_ns()
        answer = Answer()
        answer._start = answer._end = now
        answer._outcome = Outcome.CONNECT_ERROR if isinstance(error, MaidError) else Outcome.EXTRACT_MISS
        answer._error = error.message if isinstance(error, MaidError) else str(error)
        answer._row = {
            "label": self.label, "user": user.number, "iteration": user.iteration, "intended": min(user.ready_ns, now), "start": now,
            "end": now, "flags": user.flags,
        }  # fmt: skip
        user.answer = answer
        user.ready_ns = now
        return False
