"""What the switches do: hold answers back, refuse, queue, leak and stall."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final

from maid_lab.demo.shop.answer import Answer, problem
from maid_lab.demo.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.shop.routing import Call, Route

__all__ = ["Trouble"]

_LEAK_BLOCK: Final = 64 * 1024


class Trouble:
    """Applies the switches to requests and to the server as a whole.

    Parameters
    ----------
    seed : int
        Seed of all draws.
    on_stall : callable
        Told of each stall, before it begins.
    """

    def __init__(self, seed: int, on_stall: Callable[[], None]) -> None:
        self._rng = random.Random(seed)
        self._on_stall = on_stall
        self._kept: list[bytes] = []
        self._owed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._slots: asyncio.Semaphore | None = None
        self.switches = Switches()
        #: Whether requests have to come by here at all.
        self.active = False

    @property
    def leaked_bytes(self) -> int:
        """Memory that is kept for nothing."""
        return len(self._kept) * _LEAK_BLOCK

    def set(self, switches: Switches) -> None:
        """Take over new switches; needs a running loop. What has leaked is freed when the leak is switched off."""
        if switches.capacity != self.switches.capacity:
            # Those who hold a slot of the old limit give it back to the old limit.
            self._slots = asyncio.Semaphore(switches.capacity) if switches.capacity else None
        if not switches.leak_mb:
            self._kept.clear()
        self.switches = switches
        self.active = switches.touches_requests
        self._plan_stall()

    async def serve(self, route: Route, call: Call) -> tuple[Answer, bool]:
        """Answer a request with all that is switched on; the second value says whether the error was injected."""
        if self._slots is None:
            return await self._work(route, call)
        async with self._slots:
            return await self._work(route, call)

    async def _work(self, route: Route, call: Call) -> tuple[Answer, bool]:
        switches = self.switches
        if switches.leak_mb:
            self._leak(switches)
        if switches.latency.ms or switches.latency.spread:
            await asyncio.sleep(switches.latency.draw_s(self._rng))
        if switches.errors and self._rng.random() < switches.errors:
            return problem(switches.error_status, "switched on: a share of requests fails", headers=(("X-Demo-Injected", "error"),)), True
        answer = route.function(call)
        if answer.after_s:
            await asyncio.sleep(answer.after_s)
        return answer, False

    def _leak(self, switches: Switches) -> None:
        self._owed += switches.leak_mb * 1_000_000 / 1000
        most = int(switches.leak_cap_mb * 1_000_000)
        while self._owed >= _LEAK_BLOCK:
            self._owed -= _LEAK_BLOCK
            if self.leaked_bytes + _LEAK_BLOCK <= most:
                self._kept.append(b"\x01" * _LEAK_BLOCK)  # not zeros: the system hands those out without taking memory

    def _plan_stall(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.switches.stall_every_s and self.switches.stall_ms:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(loop.time() + self.switches.stall_every_s, self._stall, loop.time() + self.switches.stall_every_s)

    def _stall(self, due: float) -> None:
        self._on_stall()
        # The loop itself stands still, so that accepting, reading and writing all wait, as they do in a collector's pause.
        time.sleep(self.switches.stall_ms / 1000)
        loop = asyncio.get_running_loop()
        due = max(due + self.switches.stall_every_s, loop.time())
        self._timer = loop.call_at(due, self._stall, due)
