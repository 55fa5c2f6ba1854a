"""Attempts that were refused, written to the audit log beside the loop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from maid_lab.model.errors import MaidError

if TYPE_CHECKING:
    from maid_lab.services.access.principal import Principal
    from maid_lab.services.audit.log import AuditLog

__all__ = ["Refusals"]

log = logging.getLogger(__name__)


class Refusals:
    """Writes `access.refused`; a refusal stands whether it can be written or not.

    Parameters
    ----------
    audit : AuditLog
        Where they are written.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._log = audit
        self._writing: set[asyncio.Future[None]] = set()

    def note(self, principal: Principal, route: str, reason: str) -> None:
        """Write who tried what, and why it was refused; called on the loop."""
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, principal, route, reason))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    def _write(self, principal: Principal, route: str, reason: str) -> None:
        try:
            self._log.refused(principal, route, {"reason": reason})
        except (MaidError, OSError) as error:
            log.warning("a refusal could not be written to the audit log: %s", error)
