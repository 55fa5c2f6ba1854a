"""`health`, `whoami`, `openapi.json`: the server about itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, RootModel

from maid_lab._version import __version__
from maid_lab.model.errors import MaidError
from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import operation

__all__ = ["Document", "Health", "HealthHandler", "OpenApiHandler", "WhoAmI", "WhoAmIHandler"]


class Health(BaseModel):
    """Whether the server can serve; no data."""

    status: str = Field(description="ok, or the code of the reason why requests are refused now.")
    version: str
    detail: str = ""


class WhoAmI(BaseModel):
    """What the server makes of the caller's credential."""

    kind: str
    id: str
    name: str
    key_id: str | None
    roles: list[str]
    scopes: list[str]
    is_interactive: bool
    is_agent: bool
    limits: dict[str, Any]


class Document(RootModel[dict[str, Any]]):
    """A JSON document."""


class HealthHandler(MaidHandler):
    """Liveness."""

    @operation(summary="Tell whether the server can serve", resource="maid:health", is_public=True, answers={200: Health})
    async def get(self) -> Health:
        """Answer anybody."""
        try:
            self.app.open_lab()
        except MaidError as error:
            return Health(status=str(getattr(error, "word", error.code)), version=__version__, detail="MAID Lab is not open.")
        return Health(status="ok", version=__version__)


class WhoAmIHandler(MaidHandler):
    """The caller."""

    @operation(summary="Tell who the caller is and may do", resource="maid:whoami", any_credential=True, answers={200: WhoAmI})
    async def get(self) -> WhoAmI:
        """Answer every credential that is valid."""
        caller = self.caller
        limits = {name: getattr(caller.limits, name) for name in type(caller.limits).__dataclass_fields__}
        return WhoAmI(
            kind=str(caller.kind), id=caller.id, name=caller.name, key_id=caller.key_id, roles=list(caller.roles), scopes=sorted(caller.scopes),
            is_interactive=caller.is_interactive, is_agent=caller.is_agent, limits=limits,
        )  # fmt: skip


class OpenApiHandler(MaidHandler):
    """The description of this interface."""

    @operation(summary="Describe this interface (OpenAPI 3.1)", resource="maid:openapi", is_public=True, answers={200: Document})
    async def get(self) -> Document:
        """Answer anybody: it holds no data."""
        return Document(self.app.document(f"{self.base_url}api/maid"))
