"""`audit` and `audit/verify`: who did what, and whether the record of it is whole."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import operation
from maid_lab.services.access.principal import Scope

__all__ = ["AuditHandler", "AuditQuery", "Checked", "Entries", "Entry", "VerifyHandler"]

Word = Annotated[str, StringConstraints(max_length=500)]


class AuditQuery(BaseModel):
    """Which entries."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    actor: Word = Field(default="", description="Of this person or key.")
    action: Word = Field(default="", description="Of this action; `run.` takes all that begin so.")
    subject: Word = ""
    since: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime | None = Field(default=None, alias="to")
    limit: int = Field(default=50, ge=1, le=500)
    cursor: Word | None = None


class Entry(BaseModel):
    """What somebody did."""

    seq: int
    at: str
    actor: dict[str, Any]
    action: str
    subject: str
    detail: Any
    hash: str
    previous_hash: str


class Entries(BaseModel):
    """Some entries, newest first."""

    items: list[Entry]
    next_cursor: str | None
    total: int


class Checked(BaseModel):
    """What a check of the whole log found."""

    is_whole: bool
    entries: int
    broken: str | None = Field(description="The first fault: where it is and what it is.")
    notes: list[str]


class AuditHandler(MaidHandler):
    """The log."""

    @operation(
        summary="List who did what", scope=Scope.ADMIN, action="read", resource="maid:audit", query=AuditQuery, answers={200: Entries}
    )
    async def get(self, query: AuditQuery) -> Entries:
        """Newest first."""
        page = await asyncio.to_thread(self.lab.audit.page, **query.model_dump())
        items = [
            Entry(
                seq=each.seq, at=each.at, actor=json.loads(each.actor), action=each.action, subject=each.subject, detail=json.loads(each.detail),
                hash=each.hash, previous_hash=each.previous_hash,
            )
            for each in page.items
        ]  # fmt: skip
        return Entries(items=items, next_cursor=page.next_cursor, total=page.total)


class VerifyHandler(MaidHandler):
    """The check of the log."""

    @operation(summary="Check that the audit log is whole", scope=Scope.ADMIN, action="read", resource="maid:audit", answers={200: Checked})
    async def get(self) -> Checked:
        """Compare chain, both copies and head, and name the first fault."""
        found = await asyncio.to_thread(self.lab.audit.verify)
        broken = (
            None if found.broken is None else f"{found.broken.copy}, entry {found.broken.seq}, {found.broken.kind}: {found.broken.message}"
        )
        return Checked(is_whole=found.is_whole, entries=found.entries, broken=broken, notes=list(found.notes))
