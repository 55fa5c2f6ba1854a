"""`keys`, `auth/token` and `ws-ticket`: credentials for programs."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import Answer, operation
from maid_lab.services.access.principal import Scope
from maid_lab.services.access.tickets import LIFE_S

if TYPE_CHECKING:
    from maid_lab.store.access import KeyRow

__all__ = [
    "KeyHandler", "KeyList", "KeyMade", "KeyRotation", "KeyView", "KeysHandler", "NewKey", "RotateKey", "Ticket", "TicketHandler", "TicketRequest", "Token",
    "TokenHandler",
]  # fmt: skip

_DAY_S = 86_400


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    scopes: list[Scope] = Field(min_length=1, max_length=5)
    expires_at: AwareDatetime | None = Field(default=None, description="RFC 3339; 90 days from now when left out, at most a year.")
    kind: Literal["live", "test"] = Field(default="live", description="`test` reaches bundled targets and loopback only.")
    agent: bool = Field(default=False, description="Whether the caps of agents hold.")
    limits: dict[str, int | float | list[str] | None] = Field(default={}, description="recipe_limit, concurrent_tests, max_users, …")


class KeyView(BaseModel):
    """A key without its secret."""

    id: str
    name: str
    prefix: str
    user_id: str
    scopes: list[str]
    agent: bool
    limits: dict[str, object]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyMade(KeyView):
    """A key that was just made or rotated; its text is shown this once."""

    key: str


class KeyList(BaseModel):
    """All keys that the caller may see."""

    items: list[KeyView]
    next_cursor: str | None = None
    total: int


class RotateKey(BaseModel):
    """How long the old secret goes on to work."""

    model_config = ConfigDict(extra="forbid")

    overlap_s: int = Field(default=0, ge=0, le=7 * _DAY_S, description="Seconds, at most 7 days.")


class Token(BaseModel):
    """A short-lived token."""

    token: str
    token_type: str = "Bearer"
    expires_at: datetime


class TicketRequest(BaseModel):
    """What a WebSocket is to hear."""

    model_config = ConfigDict(extra="forbid")

    topics: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(
        default=[], max_length=20, description="All when empty."
    )


class Ticket(BaseModel):
    """A ticket that opens one WebSocket: `ws?ticket_token=…`."""

    ticket: str
    expires_in_s: float


def _fields(row: KeyRow) -> dict[str, object]:
    return {
        "id": row.id, "name": row.name, "prefix": row.prefix, "user_id": row.user_id, "scopes": sorted(row.scopes), "agent": row.agent,
        "limits": dict(row.metadata), "created_at": row.created_at, "expires_at": row.expires_at, "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }  # fmt: skip


class KeysHandler(MaidHandler):
    """All keys."""

    @operation(summary="List API keys", scope=Scope.ADMIN, action="read", resource="maid:keys", answers={200: KeyList})
    async def get(self) -> KeyList:
        """Without their secrets, which are kept nowhere."""
        rows = await asyncio.to_thread(self.lab.access.keys.list, self.caller)
        return KeyList(items=[KeyView.model_validate(_fields(row)) for row in rows], total=len(rows))

    @operation(summary="Make an API key", scope=Scope.ADMIN, action="write", resource="maid:keys", body=NewKey, answers={201: KeyMade})
    async def post(self, body: NewKey) -> Answer:
        """Show its text this once."""
        made = await asyncio.to_thread(
            self.lab.access.keys.create,
            self.caller,
            name=body.name,
            scopes=body.scopes,
            expires_at=body.expires_at,
            limits={name: value for name, value in body.limits.items() if value is not None},
            kind=body.kind,
            agent=body.agent,
        )
        shown = KeyMade.model_validate({**_fields(made.key), "key": made.text})
        return Answer(body=shown, status=201, headers={"Cache-Control": "no-store"})


class KeyHandler(MaidHandler):
    """One key."""

    @operation(summary="Revoke an API key", scope=Scope.ADMIN, action="write", resource="maid:keys", answers={200: KeyView}, errors=(404,))
    async def delete(self, key_id: str) -> KeyView:
        """From the next request on; its tokens, tickets and sockets end too."""
        row = await asyncio.to_thread(self.lab.access.keys.revoke, self.caller, key_id)
        return KeyView.model_validate(_fields(row))


class KeyRotation(MaidHandler):
    """A new secret for a key."""

    @operation(
        summary="Give an API key a new secret", scope=Scope.ADMIN, action="write", resource="maid:keys", body=RotateKey, answers={200: KeyMade},
        errors=(404,),
    )  # fmt: skip
    async def post(self, key_id: str, body: RotateKey) -> Answer:
        """Show its text this once."""
        made = await asyncio.to_thread(self.lab.access.keys.rotate, self.caller, key_id, overlap=timedelta(seconds=body.overlap_s))
        shown = KeyMade.model_validate({**_fields(made.key), "key": made.text})
        return Answer(body=shown, headers={"Cache-Control": "no-store"})


class TokenHandler(MaidHandler):
    """A token for a key."""

    @operation(
        summary="Exchange an API key for a token of 15 minutes",
        any_credential=True,
        action="write",
        resource="maid:tokens",
        answers={201: Token},
    )
    async def post(self) -> Answer:
        """Bear the scopes of the key; revoking the key ends it."""
        made = await asyncio.to_thread(self.lab.access.tokens.issue, self.caller)
        return Answer(body=Token(token=made.text, expires_at=made.expires_at), status=201, headers={"Cache-Control": "no-store"})


class TicketHandler(MaidHandler):
    """A ticket for a WebSocket."""

    @operation(
        summary="Make a ticket for a WebSocket",
        scope=Scope.READ,
        action="write",
        resource="maid:ws",
        body=TicketRequest,
        answers={201: Ticket},
    )
    async def post(self, body: TicketRequest) -> Answer:
        """For clients that cannot send headers; works once, for 30 seconds."""
        ticket = self.lab.access.tickets.issue(self.caller, body.topics)
        return Answer(body=Ticket(ticket=ticket, expires_in_s=LIFE_S), status=201, headers={"Cache-Control": "no-store"})
