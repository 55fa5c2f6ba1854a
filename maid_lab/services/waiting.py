"""A test that is made ready and waits until somebody starts it; afterwards it waits again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maid_lab.model.plan import Plan
    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.code import CodeSource
    from maid_lab.services.planning import Planned
    from maid_lab.services.runs import RunService

__all__ = ["WaitingTest"]


class WaitingTest:
    """The test of a program that was started idle.

    Each change makes a new plan, which passes validation and the policies again; one that does not leaves the old plan as it was.

    Parameters
    ----------
    runs : RunService
        Plans and starts it.
    recipe : str
        The recipe.
    parameters, overrides : mapping
        As the caller gave them; changes come on top.
    preset, name, tags, code
        As for any run.
    """

    def __init__(
        self,
        runs: RunService,
        recipe: str,
        parameters: Mapping[str, Any],
        overrides: Mapping[str, Any],
        *,
        preset: str = "",
        code: CodeSource | None = None,
        name: str = "",
        tags: tuple[str, ...] = (),
    ) -> None:
        self._runs = runs
        self._recipe = recipe
        self._parameters = dict(parameters)
        self._overrides = dict(overrides)
        self._preset = preset
        self._code = code
        self._name = name
        self._tags = tags
        self._planned: Planned | None = None
        self._started = asyncio.Event()
        self._ended = asyncio.Event()
        self._run_id = ""

    @property
    def plan(self) -> Plan | None:
        """The plan that would be started."""
        return self._planned.plan if self._planned is not None else None

    async def prepare(self) -> Planned:
        """Make the plan, and return it with its warnings."""
        self._planned = await self._plan(self._overrides)
        return self._planned

    async def change(self, field: str, value: Any) -> dict[str, Any]:
        """Change one override; returns the plan's hash and size."""
        overrides = {**{key: given for key, given in self._overrides.items() if key not in _REPLACED.get(field, ())}, field: value}
        planned = await self._plan(overrides)
        self._overrides, self._planned = overrides, planned
        plan = planned.plan
        return {field: value, "plan_hash": plan.plan_hash, "peak_users": plan.peak_users, "duration_s": plan.duration_s}

    async def start(self) -> dict[str, Any]:
        """Start the test; of several who ask at once one wins, the others get a conflict."""
        # Planned anew: a plan may be run once its addresses are known to be right, and time has passed.
        planned = await self._plan(self._overrides)
        self._run_id = await self._runs.start(planned.plan, name=self._name, tags=self._tags)
        self._started.set()
        return {"run_id": self._run_id}

    def end(self) -> None:
        """Wait no longer."""
        self._ended.set()

    async def serve(self, finished: Callable[[RunRecord], None]) -> None:
        """Wait for starts and follow each run to its end, until `end` is called."""
        while not self._ended.is_set():
            waits = [asyncio.create_task(event.wait()) for event in (self._started, self._ended)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waits:
                    task.cancel()
            if self._started.is_set():
                self._started.clear()
                finished(await self._runs.wait(self._run_id))

    async def _plan(self, overrides: Mapping[str, Any]) -> Planned:
        return await self._runs.planned(self._recipe, self._parameters, overrides, preset=self._preset, code=self._code)


#: A new value takes the place of those that it excludes.
_TIMES = ("test_plan",)
_REPLACED = {
    "test_plan": (
        "users", "rate", "run_time", "increase_rate", "increase_time", "decrease_rate", "decrease_time", "iterations",
    ),
    "increase_rate": ("increase_time", *_TIMES), "increase_time": ("increase_rate", *_TIMES),
    "decrease_rate": ("decrease_time", *_TIMES), "decrease_time": ("decrease_rate", *_TIMES),
    "users": ("rate", *_TIMES), "rate": ("users", *_TIMES), "run_time": ("iterations", *_TIMES),
}  # fmt: skip
