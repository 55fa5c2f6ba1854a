"""The HTTP step when all requests are kept for the logs: another class, so that the usual one asks nothing about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maid_lab.engine.http.operation import HttpOperation

if TYPE_CHECKING:
    from maid_lab.engine.http.connection import Connection
    from maid_lab.model.plan import HttpStep
    from maid_lab.model.rows import Outcome

__all__ = ["CapturingHttpOperation"]


class CapturingHttpOperation(HttpOperation):
    """A compiled HTTP step that hands each request to the worker's capture; it never takes the connection's quick path."""

    __slots__ = ()

    def __init__(self, step: HttpStep, *, uses_last: bool) -> None:
        super().__init__(step, uses_last=uses_last)
        self.is_simple = False

    def _record(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int) -> None:
        capture = connection.user.shard.capture
        if capture is not None:
            capture.request(connection, self.label)
        super()._record(connection, outcome, error, status, now)
