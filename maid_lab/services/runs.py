"""Runs: from a recipe to a plan, from a plan to a finished record. One run at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, MaidError, Missing
from maid_lab.model.states import RunStatus
from maid_lab.services.access.principal import LOCAL, Principal
from maid_lab.services.admission import Resolver, admitted, readmit
from maid_lab.services.bus import TEST_COMPLETED, TEST_STARTED
from maid_lab.services.housekeeping import keep_bounds
from maid_lab.services.logs.choice import LogChoice
from maid_lab.services.logs.running import LogWriter
from maid_lab.services.outputs import write_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.engine.supervision.supervisor import RunEnd
    from maid_lab.model.control import ControlChange
    from maid_lab.model.plan import Plan
    from maid_lab.model.run_record import RunRecord
    from maid_lab.model.snapshot import LiveStatus
    from maid_lab.services.archive import Archive
    from maid_lab.services.bundled import BundledTargets
    from maid_lab.services.bus import Bus
    from maid_lab.services.code import CodeSource
    from maid_lab.services.engines import Engine, Pool, RunSupervisor, StopMode
    from maid_lab.services.planning import Planned, Planner
    from maid_lab.services.policy.gate import TargetGate
    from maid_lab.services.settings import Settings

__all__ = ["Audit", "Doorway", "RunService"]

log = logging.getLogger(__name__)

#: `audit(who, action, subject, detail)` keeps what is about to be done; what cannot be kept is not done.
Audit = Callable[[Principal, str, str, Mapping[str, Any]], object]

_RECALLED_PLANS: Final = 16
_RECALLED_S: Final = 600.0
#: Longest time that a run goes on after another process has withdrawn its approval.
_APPROVAL_WATCH_S: Final = 2.0


class Doorway(Protocol):
    """A way in for other processes while a run is under way."""

    async def open(self) -> None:
        """Let them in."""

    async def close(self) -> None:
        """Let nobody in any more."""


@dataclass(slots=True, eq=False)
class _Live:
    """The run that holds the slot."""

    record: RunRecord
    plan: Plan
    supervisor: RunSupervisor
    pool: Pool
    slot: Any
    bundled: BundledTargets
    logs: LogWriter | None = None
    keeps_rows: bool = True
    approvals: frozenset[str] = frozenset()
    stops: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    task: asyncio.Task[RunRecord] | None = None


class RunService:
    """Plans and runs tests in this process.

    Parameters
    ----------
    settings : Settings
        Number of workers and least free disk space.
    planner : Planner
        Turns recipes into plans.
    gate : TargetGate
        Decides which addresses may be loaded.
    archive : Archive
        Keeps records and rows.
    engine : Engine
        Makes the load.
    bus : Bus
        Hears of the run while it lives.
    bundled : callable
        Makes a holder of bundled targets, one for each run.
    resolve : callable, optional
        Finds the addresses of a name; the system's by default.
    audit : callable, optional
        Keeps who starts, stops and changes runs, before it is done; see `AuditLog.write`.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        planner: Planner,
        gate: TargetGate,
        archive: Archive,
        engine: Engine,
        bus: Bus,
        bundled: Callable[[], BundledTargets],
        resolve: Resolver | None = None,
        audit: Audit | None = None,
    ) -> None:
        self._settings = settings
        self._planner = planner
        self._gate = gate
        self._archive = archive
        self._engine = engine
        self._bus = bus
        self._bundled = bundled
        self._resolve = resolve
        self._audit = audit
        self._limits: Callable[[Principal, str], None] | None = None
        self._pool: Pool | None = None
        self._planned: dict[str, Planned] = {}
        self._planned_at: dict[str, float] = {}
        self._live: _Live | None = None
        self._finished: dict[str, RunRecord] = {}
        self._door: Doorway | None = None

    def open_to(self, door: Doorway) -> None:
        """Open a door to other processes whenever a run is under way."""
        self._door = door

    def use(self, settings: Settings) -> None:
        """Take other settings, from the next plan and run on."""
        self._settings = settings
        self._planner.use(settings)

    def limit_by(self, check: Callable[[Principal, str], None]) -> None:
        """Ask before each start of an API key whether its limits allow it: `check(who, recipe_id)` raises when they do not."""
        self._limits = check

    def adopt(self, pool: Pool | None) -> None:
        """Take workers that were started early, for the first run; this service ends them."""
        self._pool = pool

    async def plan(
        self,
        recipe: str,
        parameters: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        preset: str = "",
        shapes: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        code: CodeSource | None = None,
        changes: Mapping[str, Any] | None = None,
        by: Principal = LOCAL,
    ) -> Plan:
        """Return the plan of a recipe: validated, admitted by the policy, addresses pinned.

        Parameters
        ----------
        recipe : str
            Id of a recipe, path of a file, or the text of a recipe.
        parameters, overrides : mapping
            Values of recipe parameters; changes of the load as recipe.md, section 4, lists them.
        shapes : mapping of str to Shape
            Load shapes in Python for loads of profile `custom`, by name (see `model.shapes`).
        data : mapping of str to table
            Rows for data sets of the recipe: Polars or pandas data frames, Arrow tables or lists of mappings.
        code : CodeSource
            Functions that take the place of the steps of scenarios.
        changes : mapping
            Fields of the recipe with other values, as in its file.
        by : Principal
            Who asks; keys and agents have bounds of their own.

        Raises
        ------
        InvalidInput
            With the diagnostics.
        Refused
            If the policy does not allow a target or a cap is exceeded.
        """
        planned = await self.planned(
            recipe, parameters, overrides, preset=preset, shapes=shapes, data=data, code=code, changes=changes, by=by
        )
        return planned.plan

    async def planned(
        self,
        recipe: str,
        parameters: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        preset: str = "",
        shapes: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        code: CodeSource | None = None,
        changes: Mapping[str, Any] | None = None,
        by: Principal = LOCAL,
    ) -> Planned:
        """Return the plan with its warnings and the recipe it came from."""
        # Beside the loop: reading a large recipe takes a moment, in which a server has others to answer.
        planned = await asyncio.to_thread(
            self._planner.plan,
            recipe, parameters or {}, overrides or {}, preset=preset, shapes=shapes, data=data, code=code, changes=changes,
        )  # fmt: skip
        admission = await admitted(planned.plan, self._gate, resolve=self._resolve, by=by)
        planned = replace(planned, plan=admission.plan, by=by)
        self._planned.pop(planned.plan.plan_hash, None)
        self._planned[planned.plan.plan_hash] = planned
        self._planned_at[planned.plan.plan_hash] = time.monotonic()
        for oldest in list(self._planned)[:-_RECALLED_PLANS]:
            del self._planned[oldest]
            self._planned_at.pop(oldest, None)
        return planned

    def recalled(self, plan_hash: str) -> Planned:
        """Return a plan that this service made within the last ten minutes.

        Raises
        ------
        Missing
            If there is none with this hash, or it is older.
        """
        planned = self._planned.get(plan_hash)
        if planned is None or time.monotonic() - self._planned_at.get(plan_hash, 0.0) > _RECALLED_S:
            raise Missing(f"there is no plan {plan_hash[:12]} of the last {_RECALLED_S / 60:.0f} minutes.", hint="Plan the recipe again.")
        return planned

    async def start(self, plan: Plan, *, name: str = "", tags: tuple[str, ...] = (), notes: str = "", by: Principal | None = None) -> str:
        """Start a plan that this service made, and return the run's id at once.

        Parameters
        ----------
        by : Principal
            Who starts it and owns the run: the policies are asked for them again. Who planned it, when left out.

        Raises
        ------
        InvalidInput
            If a log cannot be written where the settings want it.
        Conflict
            If a run is under way, here or in another process; names it.
        Refused
            If the policy does not allow a target any more, or a name has another address than when it was planned.
        EngineFailure
            If the disk is too full to keep rows.
        """
        planned = self._planned.get(plan.plan_hash)
        if planned is None:
            raise InvalidInput(
                f"plan {plan.plan_hash[:12] or '(without hash)'} was not made by this service.", hint="Plan the recipe again."
            )
        if self._live is not None:
            raise Conflict(f"run {self._live.record.id} ({self._live.plan.title}) is under way.", hint="Wait for it, or stop it first.")
        _check_disk(self._archive.home, self._settings.min_free_bytes)
        choice = LogChoice.of(self._settings)
        choice.check()
        admission = await readmit(plan, self._gate, resolve=self._resolve, by=by or planned.by)
        if self._live is not None:
            raise Conflict(f"run {self._live.record.id} ({self._live.plan.title}) is under way.", hint="Wait for it, or stop it first.")
        who = by or planned.by
        if self._limits is not None and who.key_id is not None:
            await asyncio.to_thread(self._limits, who, plan.recipe_id)
            if self._live is not None:
                raise Conflict(f"run {self._live.record.id} ({self._live.plan.title}) is under way.", hint="Wait for it, or stop it first.")
        planned = replace(planned, approvals=admission.approvals, auto_stop=admission.auto_stop)
        record = self._archive.new_record(planned, name=name, tags=tags).changed(user_id=who.id, api_key_id=who.key_id, notes=notes)
        slot = self._archive.claim(record)
        bundled = self._bundled()
        try:
            resolved = await self._begun(bundled, plan, by or planned.by, record.id)
            folder = self._archive.begin(record, resolved, planned.recipe_text)
            pool = self._take_pool()
            supervisor = self._engine.supervisor(
                run_id=record.id, plan=resolved, folder=folder, pool=pool, secrets=planned.secrets, publish=self._bus.publish,
                capture=choice.capture, auto_stop=admission.auto_stop,
            )  # fmt: skip
            logs = LogWriter.begin(choice, home=self._archive.home, run_id=record.id)
        except BaseException:
            self._archive.discard(record)
            await bundled.stop()
            slot.release()
            raise
        self._live = _Live(
            record=record, plan=resolved, supervisor=supervisor, pool=pool, slot=slot, bundled=bundled, logs=logs, keeps_rows=choice.rows,
            approvals=admission.approvals,
        )  # fmt: skip
        self._live.task = asyncio.create_task(self._course(self._live), name=f"run {record.id}")
        return record.id

    async def _begun(self, bundled: BundledTargets, plan: Plan, who: Principal, run_id: str) -> Plan:
        """Start bundled targets and record the start, side by side; both are done before a worker is told to begin."""
        resolved, recorded = await asyncio.gather(
            bundled.start_for(plan),
            asyncio.to_thread(self._record, who, "run.start", run_id, _planned_load(plan)),
            return_exceptions=True,
        )
        if isinstance(recorded, BaseException):
            raise recorded
        if isinstance(resolved, BaseException):
            raise resolved
        return resolved

    async def wait(self, run_id: str) -> RunRecord:
        """Wait for the end of a run and return its record; cancelling the wait does not stop the run.

        Raises
        ------
        Missing
            If this service did not start the run.
        """
        if run_id in self._finished:
            return self._finished[run_id]
        if self._live is None or self._live.record.id != run_id or self._live.task is None:
            raise Missing(f"run {run_id} was not started here.", hint="maid history lists runs.")
        return await asyncio.shield(self._live.task)

    def stop(self, *, mode: StopMode = "graceful", reason: str = "stopped by request", by: Principal = LOCAL) -> None:
        """End the run that is under way. It is recorded once for each mode; a disk that is full never keeps a run from being stopped.

        Parameters
        ----------
        mode : str
            `graceful` lets answers under way arrive, for a bounded time; `kill` cuts everything at once.

        Raises
        ------
        Missing
            If no run is under way here.
        """
        if self._live is None:
            raise Missing("no run is under way here.", hint="maid status shows runs of other processes.")
        if mode not in self._live.stops and self._audit is not None:
            # The entry is begun first and waited for at the end of the run: load on a target ends now, however slow the disk is.
            self._live.stops[mode] = asyncio.get_running_loop().run_in_executor(
                None, self._record_stop, by, self._live.record.id, {"mode": mode, "reason": reason}
            )
        self._live.supervisor.stop(mode=mode, reason=reason)

    def stop_for(self, approval_id: str) -> bool:
        """End the run that is under way here when it needs an approval that was withdrawn, and return whether it did."""
        if self._live is None or approval_id not in self._live.approvals:
            return False
        self._live.supervisor.stop(mode="kill", reason=f"approval {approval_id[:8]} of its target was withdrawn or has expired")
        return True

    def control(self, change: ControlChange, *, by: str = "", principal: Principal = LOCAL) -> dict[str, Any]:
        """Change the load of the run that is under way; see `Supervisor.control`.

        Parameters
        ----------
        by : str
            Who orders it, for the log of the run.
        principal : Principal
            Who orders it, for the audit log; what cannot be recorded is not done.

        Raises
        ------
        Missing
            If no run is under way here.
        """
        if self._live is None:
            raise Missing("no run is under way here.", hint="maid control reaches a run of another process.")
        self._record(principal, "run.control", self._live.record.id, change.said())
        return self._live.supervisor.control(change, by=by)

    def _record(self, who: Principal, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        if self._audit is not None:
            self._audit(who, action, subject, detail)

    def _record_stop(self, who: Principal, run_id: str, detail: Mapping[str, Any]) -> None:
        try:
            self._record(who, "run.stop", run_id, detail)
        except MaidError as error:
            log.warning("the stop of run %s could not be recorded: %s", run_id, error)

    @property
    def live_run_id(self) -> str | None:
        """Id of the run that is under way here."""
        return None if self._live is None else self._live.record.id

    @property
    def live_owner(self) -> str:
        """User who started the run that is under way here; empty when there is none."""
        return "" if self._live is None else self._live.record.user_id

    @property
    def live_plan(self) -> Plan | None:
        """Plan of the run that is under way here."""
        return None if self._live is None else self._live.plan

    @property
    def status(self) -> LiveStatus | None:
        """The newest state of the run in this process, else of the one that holds the slot, else None."""
        return self._live.supervisor.status if self._live is not None else cast("LiveStatus | None", self._archive.live_status())

    async def close(self) -> None:
        """Stop what is under way, keep its rows, and end all workers."""
        if self._live is not None and self._live.task is not None:
            self._live.supervisor.stop(mode="kill", reason="the program was closed")
            await self._live.task
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    # ---- the course of a run

    async def _course(self, live: _Live) -> RunRecord:
        try:
            live.record = self._archive.note(live.record, status=str(RunStatus.RUNNING), start_time=datetime.now(UTC))
            self._bus.publish(TEST_STARTED, _started(live))
            async with self._opened_door(live.record.id), self._watched_approvals(live):
                end = await self._supervise(live)
            await live.pool.close()
            await _finish_logs(live)
            counted = None if live.keeps_rows else live.supervisor.status
            live.record = await asyncio.to_thread(self._archive.finish, live.record, live.plan, end, counted=counted)
            await asyncio.to_thread(write_outputs, self._archive.home, live.record)
            await asyncio.to_thread(keep_bounds, self._archive.home, self._settings)
            self._finished[live.record.id] = live.record
            self._bus.publish(TEST_COMPLETED, _completed(live.record))
            return live.record
        finally:
            self._live = None
            await asyncio.gather(*live.stops.values())
            await live.pool.close()
            await _finish_logs(live)
            await live.bundled.stop()
            live.slot.release()

    @contextlib.asynccontextmanager
    async def _opened_door(self, run_id: str) -> AsyncIterator[None]:
        """Let other processes in while the run lives; a run that cannot be reached is a run all the same."""
        if self._door is None:
            yield
            return
        # Not waited for: the first request should not be later because of it.
        opening = asyncio.create_task(self._door.open())
        try:
            yield
        finally:
            try:
                await opening
            except (Conflict, OSError) as error:
                log.warning("run %s could not be controlled from other programs: %s", run_id, error)
            else:
                await self._door.close()

    @contextlib.asynccontextmanager
    async def _watched_approvals(self, live: _Live) -> AsyncIterator[None]:
        """Stop a run when an approval that it needs ends, whoever withdrew it: this process, another one, or time."""
        if not live.approvals:
            yield
            return
        watching = asyncio.create_task(self._watch_approvals(live))
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _watch_approvals(self, live: _Live) -> None:
        while True:
            await asyncio.sleep(_APPROVAL_WATCH_S)
            try:
                ended = live.approvals - await asyncio.to_thread(self._gate.approved_ids)
            except MaidError as error:
                log.warning("approvals cannot be read, the run goes on: %s", error)
                continue
            for approval_id in sorted(ended)[:1]:
                self.stop_for(approval_id)
                return

    async def _supervise(self, live: _Live) -> RunEnd:
        from maid_lab.engine.supervision.supervisor import RunEnd

        started = datetime.now(UTC)
        try:
            return await live.supervisor.run()
        except EngineFailure as error:
            reason = str(error)
        except Exception as error:
            log.exception("the supervisor of run %s failed", live.record.id)
            reason = f"supervisor failed: {type(error).__name__}: {error}"
        return RunEnd(
            status=RunStatus.FAILED, reason=reason, generator_bound=False, started_at=started, ended_at=datetime.now(UTC), interrupted=False
        )  # fmt: skip

    def _take_pool(self) -> Pool:
        pool, self._pool = self._pool, None
        wanted = self._settings.workers
        if pool is not None and wanted and len(pool.workers) != wanted:
            # Only the first run of a process can find workers that were started early; their number was read from the same settings.
            log.warning("%d workers were started early, %d are wanted", len(pool.workers), wanted)
        return pool or self._engine.warm(wanted)


async def _finish_logs(live: _Live) -> None:
    """Wait for the last lines: the rows that they are made from are about to become Parquet files."""
    if live.logs is not None:
        await live.logs.finish()


def _check_disk(home: Path, least: int) -> None:
    free = shutil.disk_usage(home).free
    if free < least:
        message = f"E407 only {free / 2**20:.0f} MiB are free at {home}; a run needs {least / 2**20:.0f} MiB to keep its rows."
        raise EngineFailure(message, hint="Make room, set MAID_HOME to a larger disk, or lower the setting min_free_bytes.")


def _planned_load(plan: Plan) -> dict[str, Any]:
    return {
        "title": plan.title, "recipe_id": plan.recipe_id, "plan_hash": plan.plan_hash, "peak_users": plan.peak_users,
        "duration_s": plan.duration_s,
    }  # fmt: skip


def _started(live: _Live) -> dict[str, Any]:
    return {"run_id": live.record.id, "title": live.plan.title, "recipe_id": live.plan.recipe_id, "plan_hash": live.plan.plan_hash}


def _completed(record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.id,
        "title": record.name,
        "status": str(record.status),
        "verdict": record.verdict,
        "reason": record.reason,
        "rows": record.rows_count,
    }
