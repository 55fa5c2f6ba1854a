"""What is plugged into a virtual user, as far as the user knows it: connections, gates, branches and scripts are made in rooms above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from maid_lab.model.plan import Scenario

__all__ = ["Branches", "Compiled", "RequestGate", "Sendable", "Waiting"]


class Compiled(Protocol):
    """A compiled scenario."""

    scenario: Scenario
    label: int
    pace_ns: int
    has_farewell: bool

    def closed(self, user: Any, may_iterate: Callable[[Any], bool], pace_ns: int) -> Generator[Any, Any, None]:
        """Return the script of a whole life in the closed model; `pace_ns` is the least time between starts of iterations."""

    def starting(self, user: Any) -> Generator[Any, Any, None]:
        """Return the script of `on_start`."""

    def iteration(self, user: Any) -> Generator[Any, Any, None]:
        """Return the script of one iteration."""

    def stopping(self, user: Any) -> Generator[Any, Any, None]:
        """Return the script of `on_stop`."""

    def preparation(self, user: Any) -> Generator[Any, Any, None]:
        """Return the script of what comes before the first iteration of an open load."""

    def visit(self, user: Any) -> Generator[Any, Any, None]:
        """Return the script of one iteration of an open load."""

    def farewell(self, user: Any) -> Generator[Any, Any, None]:
        """Return the script of what comes after the last."""


class Sendable(Protocol):
    """A compiled request."""

    label: int

    def send(self, user: Any) -> Any:
        """Send the request now; returns what `Operation.begin` returns."""


class RequestGate(Protocol):
    """What may hold a request back before it is sent."""

    def holds_back(self, user: Any, operation: Sendable) -> bool:
        """Return whether the request has to wait; whoever holds it back sends it later."""


class Waiting(Protocol):
    """What a user waits for: a pause, or the turn of its request."""

    @property
    def is_request(self) -> bool:
        """Whether a request waits, not a pause."""

    @property
    def due_ns(self) -> int:
        """The end of a pause, monotonic ns."""

    def cancel(self) -> None:
        """Wait no longer."""


class Branches(Protocol):
    """Branches of a user that run at the same time."""

    end: Exception | None

    def leave_now(self) -> None:
        """Let all finish the request that is under way."""

    def abort(self) -> None:
        """End all where they stand."""

    def close_connections(self) -> None:
        """Close the connections of all."""
