"""What a connection knows of the operation whose request it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from maid_lab.engine.http.head import Head
    from maid_lab.model.rows import Outcome

__all__ = ["Asking"]


class Asking(Protocol):
    """Who asked, and wants the answer.

    Attributes
    ----------
    is_simple : bool
        Nothing but the status decides about the answer, so that the connection may record it without looking at it.
    is_head : bool
        The answer has no body whatever its head says.
    needs_body, keeps_body : bool
        Whether the body is wanted; whether its beginning is kept in case that the answer is found wrong.
    streams : bool
        Whether `body_for` gives what takes the body while it comes.
    total_ns, connect_ns, read_ns : int
        Limits in ns; 0 for none.
    """

    label: int
    is_simple: bool
    is_head: bool
    needs_body: bool
    keeps_body: bool
    total_ns: int
    connect_ns: int
    read_ns: int

    @property
    def reuse(self) -> str:
        """How long the connection is kept: user, iteration or none."""

    @property
    def streams(self) -> bool:
        """Whether `body_for` gives what takes the body while it comes."""

    def body_for(self, connection: Any, head: Head, /) -> list[bytes] | None:
        """Return what takes the pieces of this answer's body instead of the usual list."""

    def finish(self, connection: Any, head: Head, body: bytes, now: int, *, reusable: bool) -> None:
        """Take a whole answer."""

    def fail(self, connection: Any, outcome: Outcome, text: str, now: int) -> None:
        """Take a failed exchange; the connection is closed already."""

    def abort(self, connection: Any, now: int) -> None:
        """Record the exchange as cut by the end of the run; nobody goes on."""
