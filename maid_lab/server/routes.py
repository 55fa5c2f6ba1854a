"""All routes of the extension, below `<base_url>api/maid/`."""

from __future__ import annotations

import secrets
from typing import Any, Final

from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import operations_of
from maid_lab.server.problems import Fault
from maid_lab.server.rest.audit import AuditHandler, VerifyHandler
from maid_lab.server.rest.configuration import ChangesHandler, ConfigHandler, SchemaHandler
from maid_lab.server.rest.health import HealthHandler, OpenApiHandler, WhoAmIHandler
from maid_lab.server.rest.history import HistoryHandler, RunsHandler
from maid_lab.server.rest.keys import KeyHandler, KeyRotation, KeysHandler, TicketHandler, TokenHandler
from maid_lab.server.rest.policy import ExplainHandler, TargetsHandler
from maid_lab.server.rest.results import (
    CompareHandler,
    DistributionHandler,
    ErrorsHandler,
    LogsHandler,
    QueryHandler,
    ReportHandler,
    RowsHandler,
    SamplesHandler,
    SlowestHandler,
    SummaryHandler,
    TimelineHandler,
)
from maid_lab.server.rest.running import ControlHandler, PlanHandler, RunHandler, StatusHandler, StopHandler
from maid_lab.server.sockets.handler import SocketHandler

__all__ = ["ROUTES", "routes"]

#: Path as OpenAPI writes it → handler.
ROUTES: Final[dict[str, type[MaidHandler]]] = {
    "/health": HealthHandler,
    "/whoami": WhoAmIHandler,
    "/openapi.json": OpenApiHandler,
    "/plan": PlanHandler,
    "/run": RunHandler,
    "/stop": StopHandler,
    "/policy/targets": TargetsHandler,
    "/policy/explain": ExplainHandler,
    "/status": StatusHandler,
    "/keys": KeysHandler,
    "/keys/{key_id}": KeyHandler,
    "/keys/{key_id}/rotate": KeyRotation,
    "/auth/token": TokenHandler,
    "/ws-ticket": TicketHandler,
    "/config": ConfigHandler,
    "/config/schema": SchemaHandler,
    "/config/changes": ChangesHandler,
    "/audit": AuditHandler,
    "/audit/verify": VerifyHandler,
    "/history": HistoryHandler,
    "/runs/{run_id}": RunsHandler,
    "/runs/{run_id}/control": ControlHandler,
    "/runs/{run_id}/summary": SummaryHandler,
    "/runs/{run_id}/timeline": TimelineHandler,
    "/runs/{run_id}/errors": ErrorsHandler,
    "/runs/{run_id}/slowest": SlowestHandler,
    "/runs/{run_id}/distribution": DistributionHandler,
    "/runs/{run_id}/logs": LogsHandler,
    "/runs/{run_id}/samples": SamplesHandler,
    "/runs/{run_id}/rows": RowsHandler,
    "/runs/{run_id}/report": ReportHandler,
    "/query": QueryHandler,
    "/compare": CompareHandler,
}

#: Parameter in a path → what it matches.
_PATTERNS: Final = {"run_id": r"([0-9a-fA-F-]{4,36}|last)", "key_id": r"([A-Za-z0-9_-]{1,100})"}


def routes() -> list[tuple[str, type[MaidHandler | SocketHandler], dict[str, Any]]]:
    """Return the routes as tornado wants them, relative to the base URL; what is not there is told as a problem too.

    Raises
    ------
    TypeError
        If a verb of a handler declares nothing.
    """
    found: list[tuple[str, type[MaidHandler | SocketHandler], dict[str, Any]]] = []
    for path, handler in ROUTES.items():
        operations_of(handler)
        pattern = path.replace(".", r"\.")
        for name, shape in _PATTERNS.items():
            pattern = pattern.replace(f"{{{name}}}", shape)
        found.append((f"api/maid{pattern}", handler, {}))
    found.append((r"api/maid/ws", SocketHandler, {}))
    return [*found, (r"api/maid(?:/.*)?", _NothingHandler, {})]


class _NothingHandler(MaidHandler):
    """What no other route took."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Answer every verb alike, without looking who asks."""
        self.request_id = secrets.token_hex(8)
        self._refuse(Fault(404, "missing", "there is nothing at this path.", hint="openapi.json tells what there is."))
