"""The server extension: it opens the lab when the server has started and closes it when the server ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.extension.application import ExtensionApp
from traitlets import Unicode

from maid_lab._version import __version__
from maid_lab.lab import Lab
from maid_lab.model.errors import Conflict, MaidError
from maid_lab.server.credentials import Credentials
from maid_lab.server.events import announce
from maid_lab.server.idempotency import Answers
from maid_lab.server.problems import Fault
from maid_lab.server.refusals import Refusals
from maid_lab.services.catalogue import keep, let_go

if TYPE_CHECKING:
    from maid_lab.server.sockets.conversation import Conversation
    from maid_lab.server.sockets.hub import Hub

__all__ = ["MaidLabApp", "main"]

log = logging.getLogger(__name__)

_CLOSE_S: Final = 10.0
_RETRY_S: Final = 5.0


class MaidLabApp(ExtensionApp):
    """Runs, history and policies of one home folder, offered to every face over REST and WebSocket."""

    name = "maid_lab"
    version = __version__
    description = "MAID Lab: load testing and performance analytics that live in the notebook."
    default_url = "/lab"
    load_other_extensions = True
    file_url_prefix = "/lab/tree"

    home = Unicode("", help="Home folder; empty means MAID_HOME, or `maid` in Jupyter's data folder.").tag(config=True)

    def initialize_settings(self) -> None:
        """Make what needs no file; nothing is opened before the server listens."""
        self.credentials = Credentials()
        self.answers = Answers()
        self._lab: Lab | None = None
        self._why_closed: MaidError = Fault(503, "starting", "MAID Lab is starting.", hint="Try again in a second.")
        self._opening: asyncio.Task[None] | None = None
        self._sockets: tuple[Hub, Conversation] | None = None

    def initialize_handlers(self) -> None:
        """Add the routes."""
        from maid_lab.server.routes import routes

        self.handlers.extend(routes())

    async def _start_jupyter_server_extension(self, _serverapp: Any) -> None:
        """Open the lab beside the server, which answers meanwhile."""
        if self.serverapp is not None:
            # Kernels that are started from now on find the server by it; the credential is in a file that only its owner can read.
            os.environ["MAID_LAB_URL"] = self.serverapp.connection_url
        self._opening = asyncio.create_task(self._open(), name="opening of the lab")

    async def stop_extension(self) -> None:
        """Stop the run that is under way, keep its rows, and let go of the history."""
        if self._opening is not None:
            self._opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._opening
        lab, self._lab = self._lab, None
        self._why_closed = Fault(503, "stopping", "MAID Lab is being closed.", hint="Start the server again.")
        if lab is None:
            return
        await asyncio.to_thread(lab.access.local.withdraw)
        try:
            await asyncio.wait_for(lab.close(), _CLOSE_S)
        except TimeoutError:
            log.warning("the lab was not closed within %g s; the next start closes its run", _CLOSE_S)
        if self._sockets is not None:
            # After the lab, so that clients still hear how the run ended.
            await self._sockets[0].close()
        await asyncio.to_thread(let_go, lab.home)

    def current_activity(self) -> Any:
        """Tell the server that it is not idle while a test runs."""
        return None if self._lab is None else self._lab.runs.live_run_id

    def open_lab(self) -> Lab:
        """Return the lab.

        Raises
        ------
        MaidError
            If it is not open: why not.
        """
        if self._lab is None:
            raise self._why_closed
        return self._lab

    def document(self, base: str) -> dict[str, Any]:
        """Return the OpenAPI document of all routes."""
        from maid_lab.server.openapi import document
        from maid_lab.server.routes import ROUTES

        return document(ROUTES, base=base)

    def sockets(self) -> tuple[Hub, Conversation]:
        """Return the hub of all sockets and what answers their messages; made when the lab is opened, so that who comes late hears of before.

        Raises
        ------
        MaidError
            If the lab is not open: why not.
        """
        if self._sockets is None:
            from maid_lab.server.sockets.conversation import Conversation
            from maid_lab.server.sockets.hub import Hub

            lab = self.open_lab()
            hub = Hub(lab.bus, lab.runs, lab.desk)
            hub.open()
            self._sockets = hub, Conversation(hub, lab.desk)
            loop = asyncio.get_running_loop()
            # Revoking happens on whatever thread; sockets belong to the loop.
            lab.access.keys.on_revoked(lambda key_id: loop.call_soon_threadsafe(hub.drop_key, key_id))
        self.open_lab()
        return self._sockets

    async def _open(self) -> None:
        """Open the lab; while another process holds the history, try again now and then."""
        while True:
            try:
                self._lab = await self._opened()
                self.sockets()
            except Conflict as error:
                self._why_closed = Fault(423, "store-held", error.message, hint=error.hint)
                log.warning("MAID Lab waits: %s", error)
                await asyncio.sleep(_RETRY_S)
            except MaidError as error:
                self._why_closed = Fault(503, error.code, error.message, hint=error.hint)
                log.error("MAID Lab cannot be opened: %s", error)  # noqa: TRY400 - a person is told, not shown a traceback
                return
            except Exception:
                self._why_closed = Fault(503, "internal", "MAID Lab could not be opened.", hint="The server's log says why.")
                log.exception("MAID Lab cannot be opened")
                return
            else:
                return

    async def _opened(self) -> Lab:
        from pathlib import Path

        lab = await asyncio.to_thread(Lab.open, Path(self.home) if self.home else None)
        if self.serverapp is not None:
            # A test must not load the server that runs it.
            lab.gate.keep_off([(self.serverapp.ip, self.serverapp.port), ("localhost", self.serverapp.port)])
        keep(lab.home)
        try:
            access = await asyncio.to_thread(lambda: lab.access)
            lab.runs.limit_by(access.quota.check_start)
            refusals = Refusals(lab.audit)
            self.credentials = Credentials(verifiers=(access,), roles=lab.settings.access_roles, on_refusal=refusals.note)
            await lab.__aenter__()
            if self.serverapp is not None:
                if self.serverapp.event_logger is not None:
                    announce(lab.bus, self.serverapp.event_logger)
                await asyncio.to_thread(access.local.publish, self.serverapp.connection_url)
            return lab
        except BaseException:
            await asyncio.to_thread(let_go, lab.home)
            raise


def main() -> None:
    """Start Jupyter with MAID Lab and open its page: `jupyter maid-lab`."""
    MaidLabApp.launch_instance()  # type: ignore[no-untyped-call]
