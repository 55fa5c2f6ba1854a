"""`history` and `runs/:id`: what ran, and what people say of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from maid_lab.model.errors import InvalidInput
from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import operation
from maid_lab.services.access.principal import Scope
from maid_lab.store.history_pages import RunFilter

__all__ = ["HistoryHandler", "HistoryQuery", "Notes", "Removed", "RunPage", "RunView", "RunsHandler"]

Word = Annotated[str, StringConstraints(max_length=200)]
_WHOLE_ID = 36


class HistoryQuery(BaseModel):
    """Which runs, in which order."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    recipe: Word | None = None
    status: Literal["pending", "running", "stopping", "completed", "failed", "stopped"] | None = None
    verdict: Literal["pass", "fail", "unknown"] | None = None
    tag: Word | None = None
    user: Word | None = None
    since: AwareDatetime | None = Field(default=None, alias="from", description="Created at or after.")
    until: AwareDatetime | None = Field(default=None, alias="to", description="Created before.")
    text: Word | None = Field(default=None, description="Contained in id, name, recipe, notes, reason or tags.")
    sort: Word = Field(default="-created_at", description="A column; `-` before it for the largest first.")
    limit: int = Field(default=50, ge=1, le=500)
    cursor: Annotated[str, StringConstraints(max_length=2000)] | None = Field(default=None, description="`next_cursor` of the page before.")


class RunView(BaseModel):
    """A run: the columns of `maid_runs`."""

    model_config = ConfigDict(extra="allow")

    id: str
    status: str
    verdict: str | None = None


class RunPage(BaseModel):
    """Some runs, without their plans and summaries."""

    items: list[RunView]
    next_cursor: str | None
    total: int


class Notes(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    tags: list[str] | None = Field(default=None, max_length=50)
    notes: str | None = None
    pinned: bool | None = None


class Removed(BaseModel):
    """A run that is gone."""

    id: str


class HistoryHandler(MaidHandler):
    """All runs."""

    @operation(
        summary="List runs, page by page", scope=Scope.READ, action="read", resource="maid:runs", query=HistoryQuery, answers={200: RunPage}
    )
    async def get(self, query: HistoryQuery) -> RunPage:
        """Newest first unless asked otherwise; pages stay right while runs come and go."""
        chosen = RunFilter(
            recipe=query.recipe, status=query.status, verdict=query.verdict, tag=query.tag, since=query.since, until=query.until,
            text=query.text, user=query.user,
        )  # fmt: skip
        page = await self.lab.history.page(chosen, sort=query.sort, limit=query.limit, cursor=query.cursor)
        return RunPage.model_validate(page.to_json())


class RunsHandler(MaidHandler):
    """One run."""

    @operation(summary="Tell of a run", scope=Scope.READ, action="read", resource="maid:runs", answers={200: RunView}, errors=(404,))
    async def get(self, run_id: str) -> RunView:
        """With its plan and summary."""
        record = await self.lab.history.find(run_id)
        return RunView.model_validate(record.to_json())

    @operation(
        summary="Name, tag, note or pin a run", scope=Scope.WRITE, action="write", resource="maid:runs", body=Notes, answers={200: RunView},
        errors=(404,),
    )  # fmt: skip
    async def patch(self, run_id: str, body: Notes) -> RunView:
        """Also while it is under way."""
        given: dict[str, Any] = body.model_dump(exclude_none=True)
        record = await self.lab.history.annotate(run_id, principal=self.caller, **given)
        return RunView.model_validate(record.to_json())

    @operation(
        summary="Remove a run and its rows for ever",
        scope=Scope.WRITE,
        action="write",
        resource="maid:runs",
        answers={200: Removed},
        errors=(404,),
    )
    async def delete(self, run_id: str) -> Removed:
        """Take a whole id only: `last` is another run a moment later."""
        if len(run_id) != _WHOLE_ID:
            raise InvalidInput(f"{run_id} is not a whole id; a run is removed by its whole id only.", hint="GET history lists the ids.")
        record = await self.lab.history.delete(run_id, principal=self.caller)
        return Removed(id=record.id)
