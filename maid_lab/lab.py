"""The lab: the only place where store, engine, services and policies are put together."""

from __future__ import annotations

import asyncio
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from maid_lab.services.desk import ControlDesk
from maid_lab.services.door import Door
from maid_lab.services.home import home_folder, open_home

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maid_lab.model.run_record import RunRecord
    from maid_lab.model.snapshot import LiveStatus
    from maid_lab.services.access.principal import Principal
    from maid_lab.services.access.service import Access
    from maid_lab.services.audit.log import AuditLog
    from maid_lab.services.bus import Bus
    from maid_lab.services.configuration import Configuration
    from maid_lab.services.console import Console
    from maid_lab.services.history import History
    from maid_lab.services.library import RecipeLibrary
    from maid_lab.services.policy.approvals import Approvals
    from maid_lab.services.policy.gate import TargetGate
    from maid_lab.services.reports.service import ReportService
    from maid_lab.services.results.service import Results
    from maid_lab.services.runs import Audit, RunService
    from maid_lab.services.settings import Settings

__all__ = ["Lab"]


class Lab:
    """Everything that runs tests and keeps their history, over one home folder; an async context manager.

    Attributes
    ----------
    home : Path
        The home folder.
    settings : Settings
        Settings of the program.
    bus : Bus
        What happens, by topic.
    library : RecipeLibrary
        Recipes by name.
    runs : RunService
        Plans and runs tests.
    history : History
        What ran.
    gate : TargetGate
        Decides which addresses may be loaded.
    approvals : Approvals
        What people allowed beyond the policy's file.
    desk : ControlDesk
        Takes commands to the test that runs or waits; other processes reach it through `door`.
    recovered : list of RunRecord
        Runs that had been left open and were closed when the lab was opened.

    Examples
    --------
    >>> async def front_page():
    ...     async with Lab.open() as lab:
    ...         plan = await lab.runs.plan("hello")
    ...         return await lab.runs.wait(await lab.runs.start(plan))
    """

    def __init__(
        self,
        *,
        home: Path,
        settings: Settings,
        bus: Bus,
        library: RecipeLibrary,
        runs: RunService,
        history: History,
        gate: TargetGate,
        flags: Mapping[str, Any] | None = None,
    ) -> None:
        self.home = home
        self.settings = settings
        self.bus = bus
        self.library = library
        self.runs = runs
        self.history = history
        self.gate = gate
        self._flags = dict(flags or {})
        self.desk = ControlDesk(runs)
        self.door = Door(home, self.desk)
        runs.open_to(self.door)
        self.recovered: list[RunRecord] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._approvals: Approvals | None = None

    @classmethod
    def open(cls, home: Path | None = None, *, flags: Mapping[str, Any] | None = None) -> Lab:
        """Put a lab together; enter it to begin.

        Parameters
        ----------
        home : Path, optional
            Home folder; `MAID_HOME` or `<jupyter data dir>/maid` by default.
        flags : mapping, optional
            Settings that win over files and environment; None means "not given".

        Raises
        ------
        InvalidInput
            If a setting is wrong.
        Refused
            If the home folder is open to others, or the target policy cannot be read.
        """
        from maid_lab.services.archive import Archive
        from maid_lab.services.bundled import BundledTargets
        from maid_lab.services.bus import Bus
        from maid_lab.services.engines import LocalEngine
        from maid_lab.services.files.gate import FileGate
        from maid_lab.services.history import History
        from maid_lab.services.library import RecipeLibrary, shipped_recipes
        from maid_lab.services.planning import Planner
        from maid_lab.services.policy.approvals import valid_approvals
        from maid_lab.services.policy.gate import TargetGate, agent_caps
        from maid_lab.services.runs import RunService
        from maid_lab.services.settings import load_settings

        folder = open_home(home or home_folder())
        settings, bus = load_settings(folder, flags=flags), Bus()
        library = RecipeLibrary(folder, files=FileGate.load(folder, settings, Path.cwd(), shipped_recipes()))
        gate = TargetGate.load(folder, approvals=valid_approvals(folder), agent_caps=agent_caps(settings))
        runs = RunService(
            settings=settings,
            planner=Planner(library, settings),
            gate=gate,
            archive=Archive(folder),
            engine=LocalEngine(),
            bus=bus,
            bundled=BundledTargets,
            audit=_written_to(folder),
        )
        return cls(home=folder, settings=settings, bus=bus, library=library, runs=runs, history=History(folder), gate=gate, flags=flags)

    @staticmethod
    def glance(home: Path | None = None) -> LiveStatus | None:
        """Return the newest status of the run that is under way in any process, without opening anything."""
        from maid_lab.services.archive import Archive

        return cast("LiveStatus | None", Archive(home or home_folder()).live_status())

    @property
    def reports(self) -> ReportService:
        """Writes reports; imported when first used."""
        from maid_lab.services.reports.service import ReportService

        return ReportService()

    @cached_property
    def results(self) -> Results:
        """Tells of runs, finished ones and the one under way; imported when first used."""
        from maid_lab.services.results.service import Results

        return Results(self.home)

    @cached_property
    def console(self) -> Console:
        """Answers SQL over the rows of runs; imported when first used."""
        from maid_lab.services.console import Console

        return Console(self.home)

    @cached_property
    def access(self) -> Access:
        """Knows credentials and their limits; imported when first used."""
        from maid_lab.services.access.service import Access

        return Access(self.home, self.settings, audit=self.audit.write)

    @cached_property
    def configuration(self) -> Configuration:
        """Tells of settings and changes them; imported when first used."""
        from maid_lab.services.configuration import Configuration

        return Configuration(self.home, flags=self._flags, audit=self.audit.write)

    def reload(self) -> None:
        """Read the settings again, for the next plan and run; those that are read at opening stay as they are."""
        from maid_lab.services.settings import load_settings

        self.settings = load_settings(self.home, flags=self._flags)
        self.runs.use(self.settings)

    @cached_property
    def audit(self) -> AuditLog:
        """Keeps who did what; imported when first used."""
        from maid_lab.services.audit.log import AuditLog

        return AuditLog(self.home)

    @property
    def approvals(self) -> Approvals:
        """Gives and withdraws approvals of targets; imported when first used."""
        from maid_lab.services.policy.approvals import Approvals

        if self._approvals is None:
            self._approvals = Approvals(self.home, self.gate, audit=self.audit.write, on_withdrawn=self._withdrawn)
        return self._approvals

    def _withdrawn(self, approval_id: str) -> None:
        """Stop the run that needs the approval; from whatever thread, a run belongs to the loop that it was started on."""
        if self._loop is None:
            return
        self._loop.call_soon_threadsafe(self.runs.stop_for, approval_id)

    async def close(self) -> None:
        """Stop what is under way, keep its rows, and end all workers."""
        await self.runs.close()
        self._loop = None

    async def __aenter__(self) -> Self:
        from maid_lab.services.housekeeping import keep_bounds
        from maid_lab.services.recovery import recover

        self._loop = asyncio.get_running_loop()
        self.recovered = await asyncio.to_thread(recover, self.home)
        await asyncio.to_thread(keep_bounds, self.home, self.settings)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


def _written_to(home: Path) -> Audit:
    """Return what writes into the audit log; imported on the thread that writes first, beside the preparation of a run."""

    def write(who: Principal, action: str, subject: str, detail: Mapping[str, Any]) -> object:
        from maid_lab.services.audit.log import AuditLog

        return AuditLog(home).write(who, action, subject, detail)

    return write
