"""The hub: hears the bus once, and gives each frame to every client that wants it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import Refused
from maid_lab.server.sockets.frames import RECIPE_GENERATED, TOPICS, gap_frame, make_frame
from maid_lab.server.sockets.history import History
from maid_lab.server.sockets.session import Session
from maid_lab.server.sockets.view import idle_data, metrics_data, resident_bytes, status_data
from maid_lab.services.bus import LOGS, METRICS, STATUS, TEST_COMPLETED, TEST_STARTED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from maid_lab.services.access.principal import Principal
    from maid_lab.services.bus import Bus
    from maid_lab.services.desk import ControlDesk
    from maid_lab.services.runs import RunService

__all__ = ["GOING_AWAY", "POLICY_VIOLATION", "Hub"]

#: Close codes (RFC 6455, 7.4): the server ends; the credential was withdrawn.
GOING_AWAY: Final = 1001
POLICY_VIOLATION: Final = 1008
_PER_PRINCIPAL: Final = 1200
_TICK_S: Final = 1.0

log = logging.getLogger(__name__)


class Hub:
    """Turns what happens into frames for the clients.

    A status goes out on each change and each second, metrics once a second; each frame is made into text once. `open` and everything else
    but the bus belong to one event loop; what is published on other threads is brought to it.

    Parameters
    ----------
    bus : Bus
        What happens.
    runs : RunService
        Tells the state of the run each second.
    desk : ControlDesk
        Tells which test waits.
    per_principal : int
        Most clients of one principal at a time.
    api : str
        Where the links of a completed test begin, below the base URL of the server.
    tick_s : float
        Time between two frames of a running test.
    """

    def __init__(
        self,
        bus: Bus,
        runs: RunService,
        desk: ControlDesk,
        *,
        per_principal: int = _PER_PRINCIPAL,
        api: str = "api/maid",
        tick_s: float = _TICK_S,
    ) -> None:
        self._bus = bus
        self._runs = runs
        self._desk = desk
        self._per_principal = per_principal
        self._api = api
        self._tick_s = tick_s
        # A later server begins higher, so that who resumes from another server's frame is seen to.
        self._seq = time.time_ns() // 1_000_000
        self._history = History(self._seq)
        self._sessions: set[Session] = set()
        self._metrics: Mapping[str, Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._ticking: asyncio.Task[None] | None = None
        self._leave_bus: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self) -> None:
        """Begin to listen; on the loop that the clients live on."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._leave_bus = self._bus.subscribe(self._hear, TOPICS)
        self._ticking = asyncio.create_task(self._tick(), name="frames of each second")

    async def close(self) -> None:
        """Listen no more and have all clients closed."""
        if self._leave_bus is not None:
            self._leave_bus()
        for session in tuple(self._sessions):
            session.outbox.end(GOING_AWAY, "the server ends; resume with last_seq")
        ticking, self._ticking, self._loop = self._ticking, None, None
        if ticking is not None:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking

    # ---- clients

    def join(self, principal: Principal, *, allowed: Iterable[str] = TOPICS) -> Session:
        """Return the session of a new client.

        Raises
        ------
        Refused
            If the principal has too many already.
        """
        held = sum(1 for session in self._sessions if _owner(session.principal) == _owner(principal))
        if held >= self._per_principal:
            raise Refused(f"{held} sockets are open with this credential.", hint="Close one of them; one socket carries all topics.")
        session = Session(principal, allowed=allowed)
        self._sessions.add(session)
        return session

    def leave(self, session: Session) -> None:
        """Forget a client that is gone."""
        self._sessions.discard(session)

    def drop_key(self, key_id: str) -> int:
        """Close the clients of a key that was revoked, and return their number."""
        dropped = [session for session in self._sessions if session.principal.key_id == key_id]
        for session in dropped:
            session.outbox.end(POLICY_VIOLATION, "the credential was withdrawn")
        return len(dropped)

    def catch_up(self, session: Session, topics: Collection[str], last_seq: int | None) -> None:
        """Give a client what it missed of topics since `last_seq`, or the newest status and metrics when it is new."""
        if last_seq is not None and last_seq <= self._seq:
            frames = self._history.after(last_seq, topics, session.run_id, session.rank)
        else:
            frames = self._history.newest(topics, session.run_id)
            if last_seq is not None:
                frames.insert(0, gap_frame(sorted(topics), after=self._seq, before=self._seq + 1))
        for frame in frames:
            session.outbox.put(frame)

    # ---- frames

    def _hear(self, topic: str, data: Any) -> None:
        if threading.get_ident() == self._thread:
            self._take(topic, data)
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(self._take, topic, data)

    def _take(self, topic: str, data: Any) -> None:
        if topic == METRICS:
            self._metrics = data
        elif topic == STATUS:
            self._send(STATUS, status_data(data, thresholds=self._thresholds()), run_id=data.get("run_id"))
        elif topic == LOGS:
            self._send(LOGS, data, run_id=data.get("run_id") or self._runs.live_run_id)
        elif topic == TEST_COMPLETED:
            self._send(TEST_COMPLETED, {**data, "links": self._links(data["run_id"])}, run_id=data["run_id"])
        elif topic in (TEST_STARTED, RECIPE_GENERATED):
            self._send(topic, data, run_id=data.get("run_id"))

    def _send(self, topic: str, data: Any, *, run_id: str | None, is_newest_only: bool = False) -> None:
        self._seq += 1
        frame = make_frame(topic, self._seq, data, run_id=run_id, is_newest_only=is_newest_only)
        self._history.add(frame)
        for session in self._sessions:
            if session.wants(frame):
                session.outbox.put(frame)

    async def _tick(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            # By the clock and not by sleeping a second each time, so that frames do not drift; moments that were missed are left out.
            due = max(due + self._tick_s, clock())
            await asyncio.sleep(due - clock())
            try:
                await self._second()
            except Exception:
                log.exception("the frames of a second could not be made")

    async def _second(self) -> None:
        metrics, self._metrics = self._metrics, None
        if metrics is not None:
            pids = [worker["pid"] for worker in metrics.get("workers") or ()]
            memory = await asyncio.to_thread(resident_bytes, pids)
            self._send(METRICS, metrics_data(metrics, memory), run_id=metrics.get("run_id"), is_newest_only=True)
        # A run of another process is told by a file.
        live = self._runs.status if self._runs.live_run_id is not None else await asyncio.to_thread(lambda: self._runs.status)
        if live is not None:
            self._send(STATUS, status_data(live, thresholds=self._thresholds()), run_id=live["run_id"], is_newest_only=True)
            return
        plan = self._desk.waiting.plan if self._desk.waiting is not None else None
        data = idle_data() if plan is None else idle_data(slot="pending", title=plan.title, thresholds=plan.thresholds)
        self._send(STATUS, data, run_id=None, is_newest_only=True)

    def _thresholds(self) -> tuple[str, ...]:
        plan = self._runs.live_plan
        return plan.thresholds if plan is not None else ()

    def _links(self, run_id: str) -> dict[str, str]:
        return {"run": f"{self._api}/runs/{run_id}", "report": f"{self._api}/runs/{run_id}/report"}


def _owner(principal: Principal) -> tuple[str, str]:
    return (principal.id, principal.key_id or "")
