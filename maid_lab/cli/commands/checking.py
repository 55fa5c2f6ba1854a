"""`maid validate` and `maid plan`: what a recipe says, before anything is sent."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maid_lab.cli.options import (
    DecreaseRate,
    DecreaseTime,
    Host,
    IncreaseRate,
    IncreaseTime,
    Iterations,
    Parameters,
    ParametersFile,
    Preset,
    Rate,
    RecipeRef,
    RunTime,
    Scenarios,
    Seed,
    TestPlan,
    Throttle,
    Timeout,
    Users,
)

if TYPE_CHECKING:
    from maid_lab.model.diagnostics import Diagnostic

__all__ = ["plan", "validate"]

_INVALID = 2


def validate(
    *,
    recipes: Annotated[list[str], typer.Argument(metavar="RECIPE…", help="Recipe files, or ids of built-in recipes.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON list.")] = False,
) -> int:
    """Check recipes without asking for parameters or touching a target. Exit code 2 when one has an error."""
    from maid_lab.cli.findings import print_findings, tally
    from maid_lab.model.diagnostics import has_errors
    from maid_lab.services.home import home_folder
    from maid_lab.services.library import RecipeLibrary
    from maid_lab.services.planning import load_source

    library = RecipeLibrary(home_folder())
    everything: list[Diagnostic] = []
    for reference in recipes:
        source = library.find(reference)
        loaded = load_source(source)
        everything.extend(loaded.diagnostics)
        if not as_json:
            print_findings(loaded.diagnostics, texts={loaded.source: loaded.text}, stream=sys.stdout)
            sys.stdout.write(f"{source.name}: {tally(loaded.diagnostics)}\n")
    if as_json:
        sys.stdout.write(json.dumps([finding.to_json() for finding in everything], ensure_ascii=False) + "\n")
    return _INVALID if has_errors(everything) else 0


def plan(
    *,
    recipe: RecipeRef,
    host: Host = None,
    users: Users = None,
    rate: Rate = None,
    run_time: RunTime = None,
    increase_rate: IncreaseRate = None,
    increase_time: IncreaseTime = None,
    decrease_rate: DecreaseRate = None,
    decrease_time: DecreaseTime = None,
    iterations: Iterations = None,
    test_plan: TestPlan = None,
    param: Parameters = None,
    params_file: ParametersFile = None,
    preset: Preset = None,
    scenarios: Scenarios = None,
    seed: Seed = None,
    throttle_requests: Throttle = None,
    timeout: Timeout = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> int:
    """Show what a run would do: the load over time, scenarios, requests, targets, thresholds. Nothing is sent."""
    flags = dict(locals())
    from maid_lab.cli.loop import run_async
    from maid_lab.cli.request import request_from

    return run_async(_plan(request_from(recipe, flags), flags))


async def _plan(request: Any, flags: dict[str, Any]) -> int:
    from maid_lab.cli.findings import print_findings
    from maid_lab.lab import Lab

    settings = {name: flags[name] for name in ("throttle_requests", "timeout")}
    async with Lab.open(flags=settings) as lab:
        planned = await lab.runs.planned(request.recipe, request.parameters, request.overrides, preset=request.preset, code=request.code)
    print_findings(planned.diagnostics, texts={planned.source: planned.recipe_text}, stream=sys.stderr)
    if flags["as_json"]:
        from maid_lab.model.plan import plan_to_json

        sys.stdout.write(json.dumps(plan_to_json(planned.plan), ensure_ascii=False) + "\n")
    else:
        from maid_lab.cli.plans import print_plan

        print_plan(planned.plan)
    return 0
