"""`config`: settings in force, their schema, and changes of them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import operation
from maid_lab.services.access.principal import Scope

__all__ = [
    "Changed", "ChangesHandler", "ChangesPage", "ChangesQuery", "ConfigHandler", "ConfigView", "NewValues", "SchemaDocument", "SchemaHandler", "SettingView",
]  # fmt: skip


class SettingView(BaseModel):
    """One setting."""

    name: str
    value: Any
    layer: str = Field(description="built-in, config.json, config.runtime.json, environment or flag.")
    default: Any
    description: str
    needs_restart: bool
    for_people: bool = Field(description="Whether keys and tokens may not change it.")


class ConfigView(BaseModel):
    """All settings."""

    items: list[SettingView]
    total: int


class NewValues(RootModel[dict[str, Any]]):
    """New values by setting; null takes a change back."""


class Changed(BaseModel):
    """What was changed."""

    changed: list[str]
    overruled: list[str] = Field(description="Stored, but the environment or a flag of the server wins.")
    needs_restart: list[str]


class SchemaDocument(RootModel[dict[str, Any]]):
    """A JSON Schema."""


class ChangesQuery(BaseModel):
    """Which page."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=500)
    cursor: Annotated[str, StringConstraints(max_length=100)] | None = None


class ChangesPage(BaseModel):
    """Changes, newest first."""

    items: list[dict[str, Any]]
    next_cursor: str | None
    total: int


class ConfigHandler(MaidHandler):
    """The settings."""

    @operation(summary="List the settings in force", scope=Scope.READ, action="read", resource="maid:config", answers={200: ConfigView})
    async def get(self) -> ConfigView:
        """With the layer that each comes from."""
        items = await asyncio.to_thread(self.lab.configuration.current)
        return ConfigView(items=[SettingView(**each) for each in items], total=len(items))

    @operation(
        summary="Change settings from the next run on",
        scope=Scope.ADMIN,
        action="write",
        resource="maid:config",
        body=NewValues,
        answers={200: Changed},
    )
    async def put(self, body: NewValues) -> Changed:
        """All of them or, when one is wrong, none."""
        told = await asyncio.to_thread(self.lab.configuration.change, body.root, by=self.caller)
        await asyncio.to_thread(self.lab.reload)
        return Changed(**told)


class SchemaHandler(MaidHandler):
    """Their rules."""

    @operation(
        summary="Describe the settings (JSON Schema)",
        scope=Scope.READ,
        action="read",
        resource="maid:config",
        answers={200: SchemaDocument},
    )
    async def get(self) -> SchemaDocument:
        """For a form."""
        return SchemaDocument(self.lab.configuration.schema())


class ChangesHandler(MaidHandler):
    """Their history."""

    @operation(
        summary="List changes of settings",
        scope=Scope.ADMIN,
        action="read",
        resource="maid:config",
        query=ChangesQuery,
        answers={200: ChangesPage},
    )
    async def get(self, query: ChangesQuery) -> ChangesPage:
        """Who changed what, from what, to what."""
        return ChangesPage(**await asyncio.to_thread(self.lab.configuration.changes, limit=query.limit, cursor=query.cursor))
