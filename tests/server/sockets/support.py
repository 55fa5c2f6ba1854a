"""Clients without a network: what a hub and a conversation gave them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maid_lab.server.sockets.conversation import Conversation
from maid_lab.server.sockets.frames import TOPICS
from maid_lab.server.sockets.hub import Hub
from maid_lab.server.sockets.session import Session
from maid_lab.services.access.principal import ALL_SCOPES, CredentialKind, Principal, Scope
from maid_lab.services.bus import Bus
from maid_lab.services.desk import ControlDesk
from maid_lab.services.runs import RunService
from tests.services.fakes import FakeEngine, service

__all__ = ["ADMIN", "READER", "House", "drained", "house"]

ADMIN = Principal(kind=CredentialKind.KEY, id="ada", name="ada", scopes=ALL_SCOPES, key_id="k1")
READER = Principal(kind=CredentialKind.KEY, id="bob", name="bob", scopes=frozenset({Scope.READ}), key_id="k2")


def drained(session: Session) -> list[dict[str, Any]]:
    """Return what waits for a client, in the order in which it would be sent."""
    texts = []
    while (text := session.outbox.take()) is not None:
        texts.append(json.loads(text))
    return texts


@dataclass
class House:
    """A hub with what it listens to."""

    bus: Bus
    runs: RunService
    engine: FakeEngine
    desk: ControlDesk
    hub: Hub
    talk: Conversation
    audited: list[tuple[str, str, dict[str, Any], str]]

    async def say(self, session: Session, **message: Any) -> dict[str, Any]:
        """Send one message and return its answer; frames stay where they are unless they come first."""
        await self.talk.hear(session, json.dumps(message))
        (text,) = [session.outbox.take()]
        assert text is not None
        answer: dict[str, Any] = json.loads(text)
        return answer

    async def client(self, *topics: str, principal: Principal = ADMIN, **fields: Any) -> Session:
        """Return a client that has subscribed and read its answer."""
        session = self.hub.join(principal)
        answer = await self.say(session, op="subscribe", topics=list(topics or TOPICS), **fields)
        assert answer["op"] == "subscribed", answer
        return session


@asynccontextmanager
async def house(home: Path, *, tick_s: float = 30.0, per_principal: int = 1200) -> AsyncIterator[House]:
    engine, bus, audited = FakeEngine(waits=True), Bus(), []
    runs = service(home, engine, bus=bus)
    desk = ControlDesk(runs)
    hub = Hub(bus, runs, desk, tick_s=tick_s, per_principal=per_principal)
    talk = Conversation(hub, desk, audit=lambda who, name, args, code: audited.append((who.id, name, args, code)))
    hub.open()
    try:
        yield House(bus, runs, engine, desk, hub, talk, audited)
    finally:
        await hub.close()
        run_id = runs.live_run_id
        if run_id is not None:
            runs.stop(mode="kill")
            await asyncio.wait_for(runs.wait(run_id), 10)
        await runs.close()
