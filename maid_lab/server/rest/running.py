"""`plan`, `run`, `stop`, `status` and `runs/:id/control`: the test that is to run or runs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from maid_lab.model.errors import Conflict, Missing
from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import Answer, operation
from maid_lab.server.problems import Finding
from maid_lab.services.access.principal import Scope
from maid_lab.services.live import slot_state

__all__ = [
    "Change", "ControlHandler", "Controlled", "PlanHandler", "PlanRequest", "PlanView", "RunHandler", "RunRequest", "Started", "Status", "StatusHandler",
    "StopHandler", "StopRequest", "Stopped",
]  # fmt: skip

#: Ids of the library alone: over REST no path of the server's files is taken.
RecipeId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
Level = int | float | str
_RECIPE_BYTES = 1_000_000


class PlanRequest(BaseModel):
    """A recipe and how it is to run."""

    model_config = ConfigDict(extra="forbid")

    recipe_id: RecipeId | None = Field(default=None, description="Id of a recipe of the library.")
    recipe: Annotated[str, StringConstraints(max_length=_RECIPE_BYTES)] | dict[str, Any] | None = Field(
        default=None, description="A recipe, as YAML text or as JSON."
    )
    preset: Annotated[str, StringConstraints(max_length=200)] = ""
    parameters: dict[str, Any] = Field(default={}, description="Values of the recipe's parameters.")
    overrides: dict[str, Any] = Field(
        default={}, description="Changes of the load: host, users, rate, run_time, increase_rate, test_plan, …"
    )

    @model_validator(mode="after")
    def _one_recipe(self) -> Self:
        given = [name for name in ("recipe_id", "recipe", "plan_hash") if getattr(self, name, None) is not None]
        if len(given) != 1:
            raise ValueError(f"name one of recipe_id, recipe and plan_hash, not {' and '.join(given) or 'none'}")
        if given == ["plan_hash"] and (self.preset or self.parameters or self.overrides):
            raise ValueError("a plan_hash stands for a whole plan: preset, parameters and overrides belong to the request that made it")
        return self

    def reference(self) -> str:
        """Return what the run service takes: the id, or the text of the recipe."""
        if self.recipe_id is not None:
            return self.recipe_id
        if isinstance(self.recipe, dict):
            import yaml

            return str(yaml.safe_dump(self.recipe, allow_unicode=True, sort_keys=False))
        # A text of one line would be taken for a name or path.
        return f"{self.recipe}\n"


class RunRequest(PlanRequest):
    """A recipe, or a plan that was made before, to be run now."""

    plan_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="Hash of a plan of the last 10 minutes."
    )
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    tags: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(default=[], max_length=50)
    notes: Annotated[str, StringConstraints(max_length=10_000)] = ""


class PlanView(BaseModel):
    """What a run would do; nothing has been sent."""

    plan_hash: str
    recipe_id: str
    recipe_version: str
    title: str
    hosts: list[str]
    peak_users: int
    peak_rate_per_s: float
    duration_s: float
    expected_starts: float | None = Field(description="Iterations that open loads start, None when answers decide.")
    scenarios: list[str]
    thresholds: list[str]
    warnings: list[Finding]


class Started(BaseModel):
    """A run that was started."""

    run_id: str
    status: str
    plan_hash: str
    links: dict[str, str]


class StopRequest(BaseModel):
    """Which run is to end, and how."""

    model_config = ConfigDict(extra="forbid")

    run_id: str | None = Field(default=None, description="Only this run; whichever is under way when left out.")
    mode: Literal["graceful", "now"] = Field(default="graceful", description="`now` cuts what is under way.")


class Stopped(BaseModel):
    """What became of the run; a run that had ended already is told as it ended."""

    run_id: str | None
    status: str


class Status(BaseModel):
    """The run slot."""

    model_config = ConfigDict(extra="allow")

    state: str = Field(description="idle, pending, running or stopping.")
    run_id: str | None


class Change(BaseModel):
    """What is to change in the run that is under way; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    users: Level | None = None
    rate: Level | None = None
    paused: bool | None = None
    throttle: Level | None = None
    run_time: Level | None = None
    increase_rate: Level | None = None
    increase_time: Level | None = None
    decrease_rate: Level | None = None
    decrease_time: Level | None = None
    test_plan: str | None = None
    host: str | None = None
    load: str | None = None


class Controlled(BaseModel):
    """What the run follows now."""

    run_id: str
    applied: dict[str, Any]


class PlanHandler(MaidHandler):
    """Dry run."""

    @operation(
        summary="Plan a recipe without running it", scope=Scope.READ, action="read", resource="maid:plan", body=PlanRequest, answers={200: PlanView},
        errors=(404,),
    )  # fmt: skip
    async def post(self, body: PlanRequest) -> PlanView:
        """Validate, ask the policies, resolve the targets; nothing is sent."""
        from maid_lab.model.schedules import total_starts

        planned = await self.lab.runs.planned(body.reference(), body.parameters, body.overrides, preset=body.preset, by=self.caller)
        plan = planned.plan
        starts = [total_starts(load.segments) if load.model == "rate" else None for load in plan.loads]
        return PlanView(
            plan_hash=plan.plan_hash,
            recipe_id=plan.recipe_id,
            recipe_version=plan.recipe_version,
            title=plan.title,
            hosts=[target.base_url for target in plan.targets],
            peak_users=plan.peak_users,
            peak_rate_per_s=sum(load.peak for load in plan.loads if load.model == "rate"),
            duration_s=plan.duration_s,
            expected_starts=None if any(value is None for value in starts) else sum(value or 0.0 for value in starts),
            scenarios=[scenario.name for scenario in plan.scenarios],
            thresholds=[str(text) for text in plan.thresholds],
            warnings=[Finding.model_validate(each.to_json()) for each in planned.diagnostics],
        )


class RunHandler(MaidHandler):
    """Start."""

    @operation(
        summary="Start a run", scope=Scope.WRITE, action="write", resource="maid:runs", body=RunRequest, answers={202: Started}, errors=(404, 409, 429),
    )  # fmt: skip
    async def post(self, body: RunRequest) -> Answer:
        """Take the slot and answer at once; the run goes on in the server."""
        runs = self.lab.runs
        busy = runs.live_run_id
        if busy is not None:
            raise Conflict(f"run {busy} is under way; one test runs at a time.", hint="Wait for it, or stop it first.")
        if body.plan_hash is not None:
            plan = runs.recalled(body.plan_hash).plan
        else:
            plan = (await runs.planned(body.reference(), body.parameters, body.overrides, preset=body.preset, by=self.caller)).plan
        run_id = await runs.start(plan, name=body.name, tags=tuple(body.tags), notes=body.notes, by=self.caller)
        base = f"{self.base_url}api/maid"
        links = {name: f"{base}/runs/{run_id}{path}" for name, path in (("self", ""), ("summary", "/summary"), ("report", "/report"))}
        return Answer(
            body=Started(run_id=run_id, status="pending", plan_hash=plan.plan_hash, links=links | {"status": f"{base}/status"}), status=202
        )


class StopHandler(MaidHandler):
    """Stop."""

    @operation(
        summary="Stop the run that is under way", scope=Scope.WRITE, action="write", resource="maid:runs", body=StopRequest, answers={200: Stopped},
        errors=(404,),
    )  # fmt: skip
    async def post(self, body: StopRequest) -> Stopped:
        """Order the end; a run that has ended, or none at all, is no error."""
        runs = self.lab.runs
        live = runs.live_run_id
        if body.run_id is not None and body.run_id != live:
            record = await self.lab.history.find(body.run_id)
            if record.id != live:
                return Stopped(run_id=record.id, status=str(record.status))
        if live is None:
            return Stopped(run_id=None, status="idle")
        owner = runs.live_owner
        self.caller.require_owner(owner, f"run {live}")
        try:
            runs.stop(
                mode="kill" if body.mode == "now" else "graceful", reason=f"stopped by {self.caller.kind} {self.caller.id}", by=self.caller
            )
        except Missing:
            return Stopped(run_id=live, status="completed")  # it ended in this moment
        return Stopped(run_id=live, status="stopping")


class StatusHandler(MaidHandler):
    """The slot."""

    @operation(summary="Tell what runs", scope=Scope.READ, action="read", resource="maid:runs", answers={200: Status})
    async def get(self) -> Status:
        """Tell of the run in this server, or of the one of another process in this home folder."""
        status = self.lab.runs.status if self.lab.runs.live_run_id is not None else await asyncio.to_thread(lambda: self.lab.runs.status)
        return Status.model_validate(slot_state(status))


class ControlHandler(MaidHandler):
    """Live changes."""

    @operation(
        summary="Change the run that is under way", scope=Scope.WRITE, action="write", resource="maid:runs", body=Change, answers={200: Controlled},
        errors=(404, 409),
    )  # fmt: skip
    async def patch(self, run_id: str, body: Change) -> Controlled:
        """Change users, rate, pause, throttle or the time that is left."""
        runs = self.lab.runs
        if run_id != runs.live_run_id:
            record = await self.lab.history.find(run_id)
            raise Conflict(f"run {record.id} is {record.status}; only a run that is under way can be changed.", hint="Start it again.")
        self.caller.require_owner(runs.live_owner, f"run {run_id}")
        fields = body.model_dump(exclude_none=True)
        applied = self.lab.desk.change(fields, by=f"{self.caller.kind} {self.caller.id}", principal=self.caller)
        return Controlled(run_id=run_id, applied=applied)
