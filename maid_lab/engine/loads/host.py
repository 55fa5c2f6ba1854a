"""What a load finds on its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maid_lab.engine.recording.recorder import Recorder
    from maid_lab.engine.timers import Timers
    from maid_lab.engine.users.parts import Compiled, RequestGate
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Label, Plan

__all__ = ["LoadHost"]


class LoadHost(Protocol):
    """The part of a run that one worker has, as its loads see it.

    Attributes
    ----------
    worker, workers : int
        Which share of users and starts.
    zero_ns : int
        Start of the run, monotonic ns.
    gate : RequestGate or None
        What holds the requests of all loads back.
    """

    plan: Plan
    worker: int
    workers: int
    zero_ns: int
    timers: Timers
    recorder: Recorder

    @property
    def programs(self) -> Sequence[Compiled]:
        """The scenarios of the plan, compiled."""

    @property
    def gate(self) -> RequestGate | None:
        """What holds the requests of all loads back."""

    def label(self, number: int) -> Label:
        """Return a label by its number."""

    def new_user(self, number: int, program: Compiled, *, flags: int, on_end: Callable[[VirtualUser], None]) -> VirtualUser:
        """Return a new user."""

    def note_users(self, now: int, *, due: bool = False) -> None:
        """Record the number of live users when it changed."""

    def release_data(self, user: VirtualUser) -> None:
        """Give back the rows that a user held."""
