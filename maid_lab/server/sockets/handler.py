"""The socket itself: who comes in, one writer for each client, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from maid_lab.model.errors import MaidError
from maid_lab.server.handler import CredentialMixin
from maid_lab.server.problems import problem_of
from maid_lab.server.sockets.frames import TOPICS
from maid_lab.server.sockets.messages import MOST_CHARACTERS
from maid_lab.server.sockets.outbox import write_out
from maid_lab.services.access.principal import Scope

if TYPE_CHECKING:
    from maid_lab.server.sockets.conversation import Conversation
    from maid_lab.server.sockets.hub import Hub
    from maid_lab.server.sockets.session import Session

__all__ = ["TOO_BIG", "SocketHandler"]

log = logging.getLogger(__name__)

#: Close code of a message so long that it is not read at all (RFC 6455, 7.4).
TOO_BIG: Final = 1009
#: A text whose last byte has not left this process after this time waits for somebody who reads nothing.
_PATIENCE_S: Final = 10.0


class SocketHandler(CredentialMixin, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """`GET api/maid/ws`."""

    _session: Session | None = None
    _topics: frozenset[str] = frozenset(TOPICS)
    _hub: Hub | None = None
    _talk: Conversation | None = None
    _writing: asyncio.Task[None] | None = None

    def _redeem(self) -> None:
        """Take a ticket, for clients that can send no header; it is in the query because a browser can put it nowhere else."""
        text = self.get_query_argument("ticket_token", "")
        if self.principal is None and text:
            ticket = self.app.open_lab().access.tickets.redeem(text)
            self.principal, self._by_header = ticket.principal, True
            self._topics = ticket.topics or self._topics

    @property
    def max_message_size(self) -> int:
        """Longest message in bytes; up to it a message that is too long is answered, beyond it the socket is closed."""
        return 4 * MOST_CHARACTERS

    async def prepare(self) -> None:  # type: ignore[override]
        """Find out who asks; a credential of ours that is wrong is 401, never anonymous."""
        try:
            await self.identify()
            self._redeem()
        except MaidError as error:
            self.note_wrong_credential(error)
            raise _http(error) from error
        await super().prepare()
        self.adopt_user()

    # Jupyter's strict mode asks for its own login before ours is looked at; without either there is no way past the first lines.
    @allow_unauthenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Let a client in that may read."""
        principal = self.principal
        if principal is None:
            raise HTTPError(403, "this needs a credential")
        try:
            self.app.credentials.admit(principal)
            principal.require(Scope.READ)
        except MaidError as error:
            self.app.credentials.note_refusal(principal, "GET ws", error.message)
            raise _http(error) from error
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, "execute", "maid:ws")):
            self.app.credentials.note_refusal(principal, "GET ws", "the authorizer of this Jupyter server")
            raise HTTPError(403, "the authorizer of this Jupyter server refuses execute of maid:ws")
        try:
            self._hub, self._talk = self.app.sockets()
        except MaidError as error:
            raise _http(error) from error
        await super().get(*args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin to write to the client."""
        super().open(*args, **kwargs)
        assert self._hub is not None
        assert self.principal is not None
        try:
            self._session = self._hub.join(self.principal, allowed=self._topics)
        except MaidError as error:
            self.close(1008, error.message[:100])
            return
        self._writing = asyncio.create_task(self._write(self._session), name="writer of a socket")

    async def on_message(self, message: str | bytes) -> None:
        """Answer a message; the next one is read when this one was answered."""
        if self._session is not None and self._talk is not None:
            await self._talk.hear(self._session, message)

    def on_close(self) -> None:
        """Forget the client."""
        if self._hub is not None and self._session is not None:
            self._hub.leave(self._session)
        if self._writing is not None:
            self._writing.cancel()
        super().on_close()

    async def _write(self, session: Session) -> None:
        async def send(text: str) -> None:
            await self.write_message(text)

        with contextlib.suppress(WebSocketClosedError):
            code, reason = await write_out(session.outbox, send, patience_s=_PATIENCE_S)
            # Whoever reads nothing does not read this either; tornado cuts the connection a few seconds later.
            self.close(code, reason)


def _http(error: MaidError) -> HTTPError:
    problem, headers = problem_of(error, request_id="")
    failure = HTTPError(problem.status, "%s", problem.detail, reason=problem.title)
    failure.headers = headers  # type: ignore[attr-defined]
    return failure
