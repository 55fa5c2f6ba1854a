"""The planner: a loaded recipe, parameter values and overrides become a frozen plan, or findings that say why not."""

from __future__ import annotations

import fnmatch
import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from maid_lab.model import plan as out
from maid_lab.model.diagnostics import Diagnostic, has_errors
from maid_lab.model.functions import text_of
from maid_lab.model.nearest import did_you_mean, machine_name
from maid_lab.model.planning.addresses import plan_dns
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.leaves import Leaves
from maid_lab.model.planning.loads import plan_loads
from maid_lab.model.planning.overrides import Overrides, read_overrides
from maid_lab.model.planning.parameters import resolve_parameters
from maid_lab.model.planning.replays import Recordings, recorded_fields
from maid_lab.model.planning.sizes import ceilings_of, check_size
from maid_lab.model.planning.sources import DataError, ReadData, ReadRecording, nothing_recorded
from maid_lab.model.planning.steps import StepPlanner, fragment_names, think_step
from maid_lab.model.planning.walks import has_relative_url
from maid_lab.model.recipe.identity import content_hash
from maid_lab.model.recipe.loading import Loaded
from maid_lab.model.recipe.loads import Replay
from maid_lab.model.recipe.scopes import Names, defined_in, names_of
from maid_lab.model.recipe.target import DataSet
from maid_lab.model.recipe.top import Recipe, Scenario
from maid_lab.model.rows import Phase
from maid_lab.model.shapes import Shape
from maid_lab.model.templates import is_template
from maid_lab.model.thresholds import ThresholdError, parse_threshold, unwatchable
from maid_lab.model.units import parse_duration, parse_rate

__all__ = ["DataError", "PlanResult", "ReadData", "make_plan"]

#: Reports that can be written.
OUTPUTS: Final = ("html", "json", "csv", "md", "junit")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """What planning gave.

    Attributes
    ----------
    plan : Plan or None
        None when there are errors.
    secrets : dict
        Values of secret parameters; they never enter the plan.
    """

    plan: out.Plan | None
    diagnostics: tuple[Diagnostic, ...]
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


def make_plan(
    loaded: Loaded,
    *,
    parameters: Mapping[str, Any] | None = None,
    preset: str = "",
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    read_data: ReadData | None = None,
    read_recording: ReadRecording = nothing_recorded,
    capacity_per_s: float | None = None,
    shapes: Mapping[str, Shape] | None = None,
) -> PlanResult:
    """Return the plan of a recipe.

    Parameters
    ----------
    loaded : Loaded
        A recipe that was read.
    parameters : mapping
        Values that the caller gives, as text or typed.
    preset : str
        Name of a preset of the recipe.
    overrides : mapping
        host, users, rate, run_time, increase_rate, increase_time, decrease_rate, decrease_time, iterations, test_plan, scenarios (list of names with
        wildcards), throttle, timeout, gzip, seed.
    environment : mapping
        Where secrets may stand.
    read_data : callable
        Reads data sets; without it they are refused.
    read_recording : callable
        Reads recordings that are replayed; without it they are refused.
    capacity_per_s : float, optional
        Requests per second that this machine was measured to make; a load above it is warned of.
    shapes : mapping of str to Shape
        Load shapes in Python that loads of profile `custom` may name.
    """
    recipe = loaded.recipe
    if recipe is None or has_errors(loaded.diagnostics):
        return PlanResult(plan=None, diagnostics=loaded.diagnostics)
    values = resolve_parameters(loaded, parameters or {}, preset, environment or {})
    secret_keys = frozenset(parameter.key for parameter in recipe.parameters if parameter.type == "secret")
    context = Context(loaded.document, values.plain, secret_keys, shapes)
    if values.found:
        return PlanResult(plan=None, diagnostics=(*loaded.diagnostics, *values.found))
    plan = None
    try:
        plan = _Planner(recipe, loaded, context, read_overrides(overrides or {}, context), read_data, read_recording, capacity_per_s).plan()
    except PlanningError:
        # The findings say why; there is no plan.
        plan = None
    found = (*loaded.diagnostics, *context.found)
    return PlanResult(plan=None if has_errors(found) else plan, diagnostics=found, secrets=values.secrets)


class _Planner:
    def __init__(
        self,
        recipe: Recipe,
        loaded: Loaded,
        context: Context,
        overrides: Overrides,
        read_data: ReadData | None,
        read_recording: ReadRecording,
        capacity_per_s: float | None,
    ) -> None:
        self._recipe = recipe
        self._loaded = loaded
        self._context = context
        self._overrides = overrides
        self._read_data = read_data
        self._read_recording = read_recording
        self._capacity_per_s = capacity_per_s
        self._data: dict[str, Any] = loaded.document.data
        self._fields: dict[str, frozenset[str]] = {}
        self._recorded: dict[str, frozenset[str]] = {}

    def plan(self) -> out.Plan:
        recipe, context = self._recipe, self._context
        given = recipe.seed if self._overrides.seed is None else self._overrides.seed
        seed = randomness.randbelow(2**53) if given is None else given
        for name, value in recipe.variables.items():
            context.variables[name] = context.value(value, _same, f"/variables/{name}")
        context.check_known(context.parameters, "/parameters")
        context.check_known(context.variables, "/variables")
        self._refuse_parts()
        scenarios = self._chosen_scenarios()
        data = self._data_sets()
        recordings = Recordings(read=self._read_recording, base_dir=self._loaded.base_dir, recipe=recipe, scenarios=scenarios)
        loads = plan_loads(recipe, scenarios, self._overrides, seed, context, recordings)
        if not loads and any(isinstance(load, Replay) for load in recipe.load):
            raise PlanningError  # nothing is known of its rows, so all names of them would be reported too
        self._recorded = recorded_fields(scenarios, loads, context)
        planned = tuple(self._scenario(scenario, self._index_of(scenario)) for scenario in scenarios)
        setup, teardown = self._once("setup"), self._once("teardown")
        thresholds = self._thresholds(loads)
        targets = self._targets((*planned, *(out.Scenario(name="", label=0, weight=0, steps=steps) for steps in (setup, teardown))))
        self._check_outputs()
        if has_errors(context.found):
            raise PlanningError
        plan = out.Plan(
            recipe_id=recipe.id,
            recipe_version=recipe.version,
            title=recipe.title,
            content_hash=content_hash(self._data, self._loaded.fragment_hashes),
            seed=seed,
            targets=targets,
            loads=loads,
            scenarios=planned,
            labels=tuple(context.labels),
            setup=setup,
            teardown=teardown,
            parameters=tuple(sorted(context.parameters.items())),
            variables=tuple(sorted(context.variables.items())),
            secrets=tuple(sorted(context.used_secrets)),
            data=data,
            thresholds=thresholds,
            dns=plan_dns(recipe.target.defaults.dns, context, "/target/defaults/dns"),
            throttle_per_s=self._throttle(),
            max_requests=self._limit("max_requests"),
            ceilings=ceilings_of(recipe.limits, context),
            warmup_end_s=0.0 if self._overrides.warmup is False else _warmup_end(loads),
            duration_s=max(load.end_s for load in loads),
            tags=tuple(recipe.labels),
            outputs=tuple(output.type for output in recipe.outputs),
            base_dir=str(self._loaded.base_dir or ""),
        )
        check_size(plan, recipe.limits, context, capacity_per_s=self._capacity_per_s)
        if has_errors(context.found):
            raise PlanningError
        # Through JSON once, so that the plan equals what workers and later readers get from its file.
        whole: out.Plan = out.plan_from_json(out.plan_to_json(plan))
        return whole.hashed()

    # ---- scenarios

    def _chosen_scenarios(self) -> list[Scenario]:
        patterns = self._overrides.scenarios
        scenarios = list(self._recipe.scenarios)
        if not patterns:
            return scenarios
        names = [scenario.name for scenario in scenarios]

        def matches(name: str, pattern: str) -> bool:
            return any(fnmatch.fnmatchcase(each, pattern) for each in (name, machine_name(name)))

        for pattern in patterns:
            if not any(matches(name, pattern) for name in names):
                self._context.add("E221", f"there is no scenario {pattern!r}", did_you_mean(pattern, names), "/scenarios")
                raise PlanningError
        return [scenario for scenario in scenarios if any(matches(scenario.name, pattern) for pattern in patterns)]

    def _index_of(self, scenario: Scenario) -> int:
        return next(index for index, item in enumerate(self._recipe.scenarios) if item is scenario)

    def _scenario(self, scenario: Scenario, index: int) -> out.Scenario:
        context, pointer = self._context, f"/scenarios/{index}"
        known = names_of(self._data, self._data["scenarios"][index], self._loaded.base_dir, self._loaded.files)
        # The data set was read by now, so its fields are known whatever its format.
        recorded = self._recorded.get(scenario.name, frozenset())
        row, made = self._fields.get(scenario.data or "", recorded), fragment_names(self._loaded)
        names = replace(known, row=row, variables=known.variables | made)
        tags = tuple((key, context.value(value, text_of, f"{pointer}/tags/{key}")) for key, value in scenario.tags.items())
        label = context.label(out.Label(scenario=scenario.name, transaction="", name=scenario.name, kind="iteration", tags=tags))

        def steps(section: str, field: str, written: list[Any]) -> tuple[out.Step, ...]:
            return self._step_planner(names, scenario.name, section, tags).steps(written, f"{pointer}/{field}")

        leaves = Leaves(context, names, self._fixed())
        think = think_step(scenario.think, leaves, f"{pointer}/think") if scenario.think is not None else None
        return out.Scenario(
            name=scenario.name,
            label=label,
            weight=scenario.weight,
            steps=steps("scenario", "steps", scenario.steps),
            think=think,
            pace_s=context.value(scenario.pace, parse_duration, f"{pointer}/pace"),
            host="" if self._overrides.host else context.value(scenario.host or "", str, f"{pointer}/host"),
            data=scenario.data or "",
            session=scenario.session,
            scheduler=scenario.scheduler or "",
            random_each_loop=scenario.random == "each-loop",
            on_start=steps("on_start", "on_start", scenario.on_start),
            on_stop=steps("on_stop", "on_stop", scenario.on_stop),
            tags=tags,
        )

    def _once(self, field_name: str) -> tuple[out.Step, ...]:
        written = getattr(self._recipe, field_name)
        if not written:
            return ()
        common = names_of(self._data, None, self._loaded.base_dir, self._loaded.files)
        made = defined_in(self._data.get(field_name)) | fragment_names(self._loaded)
        names = Names(common.params, common.secrets, common.variables | made)
        return self._step_planner(names, "", field_name, ()).steps(written, f"/{field_name}")

    def _step_planner(self, names: Names, scenario: str, section: str, tags: tuple[tuple[str, str], ...]) -> StepPlanner:
        return StepPlanner(
            Leaves(self._context, names, self._fixed()),
            self._loaded,
            scenario=scenario,
            section=section,
            defaults=self._recipe.target.defaults,
            overrides=self._overrides,
            tags=tags,
        )

    def _fixed(self) -> frozenset[str]:
        """Return the variables that no step changes."""
        changed = defined_in([self._data.get(field) for field in ("setup", "teardown", "scenarios")]) | fragment_names(self._loaded)
        changed |= {name for include in self._recipe.include for name in include.values}
        return frozenset(self._context.variables) - changed

    # ---- target, data, thresholds

    def _targets(self, scenarios: tuple[out.Scenario, ...]) -> tuple[out.Target, ...]:
        target, context = self._recipe.target, self._context
        host = self._overrides.host
        if host:
            found = [(host, 1)]
        elif target.hosts is not None:
            found = [(context.value(item.base_url, str, f"/target/hosts/{i}/base_url"), item.weight) for i, item in enumerate(target.hosts)]
        elif target.base_url is not None:
            found = [(context.value(target.base_url, str, "/target/base_url"), 1)]
        else:
            found = []
        if not found and any(not scenario.host and has_relative_url(scenario) for scenario in scenarios):
            context.add("E102", "the recipe says nowhere what to test", "Set target.base_url, or give --host URL.", "/target")
        if found and not any(weight for _, weight in found):
            context.add("E232", "all hosts have weight 0", "Give at least one a weight.", "/target/hosts")
        for url in [url for url, _ in found] + [scenario.host for scenario in scenarios if scenario.host]:
            if not url.startswith(("http://", "https://", "demo:")):
                context.add("E104", f"{url!r} is not an address", "Write it as http://host:port or demo:shop.", "/target")
        return tuple(out.Target(base_url=url, weight=weight) for url, weight in found)

    def _data_sets(self) -> tuple[out.DataSet, ...]:
        result = []
        for index, data_set in enumerate(self._recipe.data):
            pointer = f"/data/{index}"
            if data_set.source is not None:
                self._context.refuse(f"data from {data_set.source}", f"{pointer}/source")
                continue
            path = self._context.value(data_set.path or "", str, f"{pointer}/path")
            try:
                rows, digest = (self._read_data or _no_data)(data_set, path, self._loaded.base_dir)
            except DataError as error:
                place = f"{pointer}/path" if data_set.path is not None else f"{pointer}/rows"
                self._context.add(error.code, f"data set {data_set.name}: {error}", "Check the path and the file.", place)
                raise PlanningError from None
            self._fields[data_set.name] = frozenset(key for row in rows for key in row)
            self._context.check_known({"path" if data_set.path is not None else "rows": rows}, pointer)
            result.append(
                out.DataSet(
                    name=data_set.name, path=path, rows=rows, order=data_set.order, per=data_set.per, unique=data_set.unique,
                    on_end=data_set.on_end, sha256=digest,
                )
            )  # fmt: skip
        return tuple(result)

    def _thresholds(self, loads: tuple[out.Load, ...]) -> tuple[str, ...]:
        texts = []
        for index, written in enumerate(self._recipe.thresholds):
            pointer = f"/thresholds/{index}"
            text = self._context.value(written, str, pointer) if is_template(written) else written
            try:
                threshold = parse_threshold(text)
            except ThresholdError as error:
                self._context.add("E110", str(error), "A threshold reads: p95 < 300ms over 30s.", pointer)
                continue
            if threshold.metric == "messages_out":
                hint = "HTTP sends one message a request: judge those that come by messages_in, requests by count(request:name)."
                self._context.refuse("the metric messages_out", pointer, hint)
            elif threshold.metric.startswith("custom:"):
                self._context.refuse(f"the metric {threshold.metric}", pointer)
            reason = unwatchable(threshold, is_open=any(load.model == "rate" for load in loads)) if threshold.abort else ""
            if reason:
                self._context.refuse(f"abort of {threshold}", pointer, f"{reason[0].upper()}{reason[1:]}; leave abort out.")
            texts.append(str(threshold))
        return tuple(texts)

    # ---- limits

    def _refuse_parts(self) -> None:
        for number, monitor in enumerate(self._recipe.monitors):
            self._context.refuse(f"the monitor {monitor.type}", f"/monitors/{number}")
        for number, extension in enumerate(self._recipe.extensions):
            if extension.optional:
                self._context.add(
                    "W307", f"extension {extension.id} is not enabled", "Steps that use it are left out.", f"/extensions/{number}"
                )
            else:
                self._context.add("E307", f"extension {extension.id} is not enabled", "Enable it, or remove it.", f"/extensions/{number}")
        for protocol in ("graphql", "grpc", "sql", "mcp"):
            if getattr(self._recipe.target, protocol) is not None:
                self._context.refuse(f"target.{protocol}", f"/target/{protocol}")

    def _check_outputs(self) -> None:
        for number, output in enumerate(self._recipe.outputs):
            if output.type not in OUTPUTS:
                self._context.refuse(f"the output {output.type}", f"/outputs/{number}/type", did_you_mean(output.type, OUTPUTS))

    def _throttle(self) -> float:
        given = self._recipe.throttle if self._overrides.throttle is None else self._overrides.throttle
        return 0.0 if given is None else self._context.value(given, parse_rate, "/throttle")

    def _limit(self, key: str) -> int:
        value = getattr(self._recipe.limits, key)
        return 0 if value is None else int(self._context.value(value, float, f"/limits/{key}"))


def _warmup_end(loads: tuple[out.Load, ...]) -> float:
    starts = [
        load.start_at_s + segment.start_s
        for load in loads
        for segment in load.segments
        if segment.phase is Phase.MAINTAIN and segment.level_to > 0
    ]
    return min(starts, default=0.0)


def _no_data(_data_set: DataSet, _path: str, _base_dir: Path | None) -> tuple[tuple[dict[str, Any], ...], str]:
    raise DataError("E306", "data sets cannot be read here")


def _same(value: Any) -> Any:
    return value
