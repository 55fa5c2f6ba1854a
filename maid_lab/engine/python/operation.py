"""A request of a scenario's code as an operation: its answer goes to the code, its row waits until the code has judged it."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.http.operation import HttpOperation, store_cookies
from maid_lab.engine.python.answer import Answer, Row
from maid_lab.engine.python.template import CodeTemplate
from maid_lab.model.errors import MaidError
from maid_lab.model.rows import FLAG_REDIRECTED, FLAG_REUSED, Outcome

if TYPE_CHECKING:
    from maid_lab.engine.http.connection import Connection
    from maid_lab.engine.http.head import Head
    from maid_lab.engine.python.template import Values
    from maid_lab.model.plan import HttpStep

__all__ = ["CodeOperation"]

_OK: Final = Outcome.OK


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

    __slots__ = ("_captures", "_expect", "_said")

    def __init__(self, step: HttpStep, values: Values | None, *, expect: frozenset[int], said: str, captures: bool) -> None:
        super().__init__(step, uses_last=False)
        self._template: Any = CodeTemplate(step.method, step.tls, values)
        self._captures = captures
        self._expect = expect
        self._said = said
        self.is_simple = False
        self.needs_body = True

    # ---- the answer

    def finish(self, connection: Connection, head: Head, body: bytes, now: int, *, reusable: bool) -> None:
        """Take a whole answer."""
        lane: Any = connection.user
        if not head.plain:
            store_cookies(lane, head, lane.request)
            location = head.get(b"location")
            if head.is_redirect and location and self._redirects:
                self._follow(connection, head, location.decode("utf-8", "replace"), now, reusable=reusable)
                return
        status = head.status
        if status in self._expect if self._expect else status < 400:
            row = self._row(connection, _OK, "", status, now)
        elif self._expect:
            row = self._row(connection, Outcome.CHECK_FAILED, f"HTTP {status} instead of {self._said}", status, now)
        else:
            row = self._row(connection, Outcome.ERROR_STATUS, f"HTTP {status}", status, now)
        self._give(connection, Answer(row, head, body, lane.request), now, reusable=reusable)

    def _end(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int, *, reusable: bool) -> None:
        """Take an exchange that failed, or a redirect that could not be followed."""
        row = self._row(connection, outcome, error, status, now)
        answer = Answer(row, connection.head, connection.kept_body, connection.user.request)
        self._give(connection, answer, now, reusable=reusable)

    def abort(self, connection: Connection, now: int) -> None:
        """Record the exchange as cut by the end of the run; nobody goes on."""
        self._record(connection, Outcome.ABORTED, "", -1, now)

    def cancel(self, connection: Connection, now: int) -> None:
        """Record an exchange that the code itself gave up."""
        self._record(connection, Outcome.TIMEOUT, "the scenario cancelled the request before its answer was there", -1, now)

    def _give(self, connection: Connection, answer: Answer, now: int, *, reusable: bool) -> None:
        lane: Any = connection.user
        row = answer.row
        capture = lane.shard.capture
        if capture is not None:
            if self._captures:
                capture.request(connection, self.label)
            if row.outcome:
                capture.failure(connection, self.label, row.outcome, row.error, now)
        connection.attempt = connection.hops = 0
        connection.release(reusable=reusable)
        lane.ready_ns = now
        lane.answered(answer)

    def _row(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int) -> Row:
        lane = connection.user
        row = Row()
        row.label = self.label
        row.iteration = lane.iteration
        row.intended = connection.intended
        row.start = connection.start
        row.end = now
        row.outcome = outcome
        row.error = error
        row.status = status
        row.first_byte = connection.first_byte
        row.connected = connection.connected
        row.bytes_out = connection.bytes_out
        row.bytes_in = connection.bytes_in
        row.attempt = 0
        row.flags = lane.flags
        if connection.connected < 0:
            row.flags |= FLAG_REUSED
        if connection.hops:
            row.flags |= FLAG_REDIRECTED
        row.is_written = False
        return row

    def _record(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int) -> None:
        """Write the row of a hop, or of what was cut, at once."""
        if self._captures and connection.user.shard.capture is not None:
            connection.user.shard.capture.request(connection, self.label)
        super()._record(connection, outcome, error, status, now)

    def _unsendable(self, user: Any, error: Exception) -> bool:
        """Give the code an answer that says why nothing was sent."""
        now = monotonic_ns()
        row = Row()
        row.label, row.iteration, row.flags = self.label, user.iteration, user.flags
        row.start = row.end = now
        row.intended = min(user.ready_ns, now)
        row.outcome = Outcome.CONNECT_ERROR if isinstance(error, MaidError) else Outcome.EXTRACT_MISS
        row.error = error.message if isinstance(error, MaidError) else str(error)
        row.status = row.first_byte = row.connected = -1
        row.bytes_out = row.bytes_in = row.attempt = 0
        row.is_written = False
        user.answer = Answer(row, None, b"", None)
        user.ready_ns = now
        return False
