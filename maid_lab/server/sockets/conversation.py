"""What a client says and what it is answered; wrong messages are answered too, they end nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import MaidError, Refused
from maid_lab.server.sockets.frames import TOPICS, rank_of, reply
from maid_lab.server.sockets.messages import CommandCall, Ping, Subscribe, Unsubscribe, id_in, parse_message
from maid_lab.services.access.principal import Scope
from maid_lab.services.commands import command_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.server.sockets.hub import Hub
    from maid_lab.server.sockets.session import Session
    from maid_lab.services.access.principal import Principal
    from maid_lab.services.desk import ControlDesk

__all__ = ["Conversation"]

log = logging.getLogger(__name__)

_INTERNAL: Final = {
    "code": "internal",
    "message": "the command failed; this is a fault of MAID Lab.",
    "hint": "The log of the server has more.",
}


class Conversation:
    """Answers the messages of clients.

    Parameters
    ----------
    hub : Hub
        Gives frames to those who subscribe.
    desk : ControlDesk
        Carries out commands.
    audit : callable, optional
        Told of each command that changes something: who, its name, its arguments, and the code of the error or nothing.
    """

    def __init__(self, hub: Hub, desk: ControlDesk, *, audit: Callable[[Principal, str, dict[str, Any], str], None] | None = None) -> None:
        self._hub = hub
        self._desk = desk
        self._audit = audit

    async def hear(self, session: Session, text: str | bytes) -> None:
        """Do what a message says, and let the answer wait in the client's outbox."""
        try:
            message = parse_message(text)
        except MaidError as error:
            session.outbox.put_reply(reply("error", number=id_in(text), error=_told(error)))
            return
        if isinstance(message, CommandCall):
            session.outbox.put_reply(await self._command(session, message))
        elif isinstance(message, Subscribe):
            self._subscribe(session, message)
        elif isinstance(message, Unsubscribe):
            gone = set(message.topics or TOPICS)
            session.topics -= gone
            session.outbox.forget(gone)
            session.outbox.put_reply(reply("unsubscribed", number=message.id, topics=sorted(session.topics)))
        elif isinstance(message, Ping):
            session.outbox.put_reply(reply("pong", number=message.id))

    def _subscribe(self, session: Session, message: Subscribe) -> None:
        topics = set(message.topics)
        try:
            session.principal.require(Scope.READ)
            if not topics <= session.allowed:
                raise Refused(
                    f"the ticket does not cover {', '.join(sorted(topics - session.allowed))}.", hint="Ask for a ticket with these topics."
                )
        except MaidError as error:
            session.outbox.put_reply(reply("error", number=message.id, error=_told(error)))
            return
        session.run_id = message.run_id
        if message.level is not None:
            session.rank = rank_of(message.level)
        new = topics if message.last_seq is not None else topics - session.topics
        session.topics |= topics
        session.outbox.put_reply(reply("subscribed", number=message.id, topics=sorted(session.topics)))
        self._hub.catch_up(session, new, message.last_seq)

    async def _command(self, session: Session, message: CommandCall) -> str:
        name, code = message.name, ""
        try:
            command = command_named(name)
            name = command.name
            session.principal.require(Scope(command.scope))
            response = await self._desk.do(
                name, message.args, by=session.principal.name or session.principal.id, principal=session.principal
            )
            answer = reply("answer", number=message.id, success=True, response=response)
        except MaidError as error:
            code = error.code
            answer = reply("answer", number=message.id, success=False, error=_told(error))
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            code = "invalid-input"
            told = {
                "code": code,
                "message": f"{name}: the arguments cannot be read: {error}"[:300],
                "hint": "The command help tells what they are.",
            }
            answer = reply("answer", number=message.id, success=False, error=told)
        except Exception:
            log.exception("the command %s failed", name)
            code = "internal"
            answer = reply("answer", number=message.id, success=False, error=_INTERNAL)
        if self._audit is not None and code != "invalid-input" and command_named(name).scope == Scope.WRITE:
            self._audit(session.principal, name, dict(message.args), code)
        return answer


def _told(error: MaidError) -> dict[str, Any]:
    found = [str(finding) for finding in getattr(error, "diagnostics", ())]
    return {"code": error.code, "message": " ".join([error.message, *found]), "hint": error.hint}
