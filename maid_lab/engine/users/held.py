"""A request that waits before it is sent: at the gate, or for a token."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, ClassVar

from maid_lab.engine.users.ops import PENDING
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from maid_lab.engine.users.parts import Sendable
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["Held"]


class Held:
    """One request that waits; stands in the user's timer, so that whatever ends a pause ends this wait."""

    __slots__ = ("_life", "_operation", "is_cancelled", "user")

    is_request: ClassVar[bool] = True
    #: Its turn has no time of its own; see `Waiting`.
    due_ns: ClassVar[int] = 0

    def __init__(self, user: VirtualUser, operation: Sendable) -> None:
        self.user = user
        self._operation = operation
        self._life = user.life
        self.is_cancelled = False
        user.timer = self

    def cancel(self) -> None:
        """Give up waiting: the request is recorded as unsent."""
        if not self.is_cancelled:
            self.is_cancelled = True
            user, now = self.user, monotonic_ns()
            user.record(self._operation.label, start=now, end=now, intended=user.ready_ns, outcome=Outcome.UNSENT)

    def send(self) -> None:
        """Send the request now."""
        user = self.user
        if user.life == self._life and user.timer is self:
            user.timer = None
            if self._operation.send(user) is not PENDING:
                user.step(False)  # noqa: FBT003 - the result of the operation
