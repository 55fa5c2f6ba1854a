"""What handlers know of the extension that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from maid_lab.lab import Lab
    from maid_lab.server.credentials import Credentials
    from maid_lab.server.idempotency import Answers
    from maid_lab.server.sockets.conversation import Conversation
    from maid_lab.server.sockets.hub import Hub

__all__ = ["Extension"]


class Extension(Protocol):
    """The extension."""

    credentials: Credentials
    answers: Answers

    def open_lab(self) -> Lab:
        """Return the lab, or raise why it is not open."""

    def sockets(self) -> tuple[Hub, Conversation]:
        """Return the hub of all sockets and what answers their messages."""

    def document(self, base: str) -> dict[str, Any]:
        """Return the OpenAPI document."""
