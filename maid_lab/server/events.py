"""Started and ended tests, announced to other extensions by Jupyter's own event log.

An announcement, not the record: any Jupyter user can emit under any schema, and nobody may listen. What was done, and by whom, is in the audit log.
"""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import yaml

from maid_lab.services.bus import TEST_COMPLETED, TEST_STARTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_events import EventLogger

    from maid_lab.services.bus import Bus

__all__ = ["SCHEMA_ID", "announce"]

log = logging.getLogger(__name__)

_WHAT: Final = {TEST_STARTED: "started", TEST_COMPLETED: "completed"}
_TOLD: Final = ("run_id", "title", "recipe_id", "status", "verdict")
_SCHEMA: Final[dict[str, Any]] = yaml.safe_load((files("maid_lab.server") / "schemas" / "run.yaml").read_text(encoding="utf-8"))
SCHEMA_ID: Final = str(_SCHEMA["$id"])


def announce(bus: Bus, logger: EventLogger) -> Callable[[], None]:
    """Register the schema and announce tests from now on; the returned function ends it."""
    if SCHEMA_ID not in logger.schemas.schema_ids:
        logger.register_event_schema(_SCHEMA)

    def tell(topic: str, data: dict[str, Any]) -> None:
        told: dict[str, Any] = {name: data[name] for name in _TOLD if name in data}
        logger.emit(schema_id=SCHEMA_ID, data={"what": _WHAT[topic], **told})

    return bus.subscribe(tell, tuple(_WHAT))
