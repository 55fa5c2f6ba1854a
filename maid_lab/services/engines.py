"""The run service's view of the engine: what starts workers and what supervises a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.engine.supervision.supervisor import RunEnd
    from maid_lab.model.capture import CaptureOptions
    from maid_lab.model.control import ControlChange
    from maid_lab.model.plan import Plan
    from maid_lab.model.snapshot import LiveStatus

__all__ = ["Engine", "LocalEngine", "Pool", "Publish", "RunSupervisor", "StopMode"]

StopMode = Literal["graceful", "kill"]
Publish = Callable[[str, Mapping[str, Any]], None]


class Pool(Protocol):
    """Workers that wait for a run."""

    @property
    def workers(self) -> Sequence[Any]:
        """The workers, by number."""

    async def close(self) -> None:
        """End all workers."""


class RunSupervisor(Protocol):
    """What directs the workers of one run."""

    @property
    def status(self) -> LiveStatus:
        """The newest merged state."""

    async def run(self) -> RunEnd:
        """Run the whole test."""

    def stop(self, *, mode: StopMode = "graceful", reason: str = "") -> None:
        """End the run early."""

    def control(self, change: ControlChange, *, by: str = "") -> dict[str, Any]:
        """Change the running load."""


class Engine(Protocol):
    """Makes pools and supervisors."""

    def warm(self, workers: int) -> Pool:
        """Start workers without waiting for them; 0 is one for each core."""

    def supervisor(
        self,
        *,
        run_id: str,
        plan: Plan,
        folder: Path,
        pool: Pool,
        secrets: Mapping[str, str],
        publish: Publish,
        capture: CaptureOptions | None = None,
        auto_stop: bool = False,
    ) -> RunSupervisor:
        """Return the supervisor of a run that has not begun."""


class LocalEngine:
    """Worker processes of this machine; imported when first used."""

    def warm(self, workers: int) -> Pool:
        """Start worker processes; 0 is one for each core."""
        from maid_lab.engine.supervision.pool import LocalPool

        return LocalPool.warm(workers or None)

    def supervisor(
        self,
        *,
        run_id: str,
        plan: Plan,
        folder: Path,
        pool: Pool,
        secrets: Mapping[str, str],
        publish: Publish,
        capture: CaptureOptions | None = None,
        auto_stop: bool = False,
    ) -> RunSupervisor:
        """Return the supervisor of a run that has not begun."""
        from maid_lab.engine.supervision.pool import LocalPool
        from maid_lab.engine.supervision.supervisor import Supervisor

        if not isinstance(pool, LocalPool):
            raise TypeError(f"the local engine runs on a LocalPool, got {type(pool).__name__}")
        return Supervisor(
            run_id=run_id, plan=plan, folder=folder, pool=pool, secrets=secrets, publish=publish, capture=capture, auto_stop=auto_stop
        )
