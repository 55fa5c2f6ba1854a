"""A plan as a person reads it: load over time, what is sent how often, where to, and what decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TextIO

from maid_lab.cli.chart import load_chart
from maid_lab.cli.consoles import console_for
from maid_lab.cli.text import clean, count, span
from maid_lab.model.plan import (
    FormStep,
    HttpStep,
    IfStep,
    LoopStep,
    ParallelStep,
    RandomStep,
    SwitchStep,
    ThinkStep,
    TransactionStep,
    UseStep,
    WhileStep,
)
from maid_lab.model.schedules import total_starts

if TYPE_CHECKING:
    from rich.console import Console

    from maid_lab.model.plan import Load, Plan, Scenario, Step

__all__ = ["expected_starts", "print_plan", "requests_of"]

_NARROW: Final = 60


def print_plan(plan: Plan, stream: TextIO | None = None) -> None:
    """Print a plan."""
    console = console_for(stream)
    console.print(f"{clean(plan.title)}  ·  {plan.recipe_id} {plan.recipe_version}", style="bold", markup=False)
    _print_facts(console, plan)
    width = max(_NARROW // 2, min(72, console.width - 16))
    for load in plan.loads:
        console.print(f"\nload {clean(load.name)} ({load.profile})", style="bold", markup=False)
        for line in load_chart(load, end_s=plan.duration_s, width=width):
            console.print(line, markup=False, soft_wrap=True, style="cyan")
        console.print(_load_words(load), markup=False)
    console.print(_scenario_table(plan))
    for text in plan.thresholds:
        console.print(f"threshold  {clean(text)}", markup=False)


def expected_starts(load: Load) -> float | None:
    """Return how many iterations an open load starts, or a load of iterations runs; None when answers decide."""
    if load.model == "rate":
        return total_starts(load.segments)
    if load.model == "iterations":
        return float(load.iterations * (round(load.peak) if load.share == "per-user" else 1))
    return None


def requests_of(steps: tuple[Step, ...], *, times: float | None = 1.0) -> Iterator[tuple[int, float | None]]:
    """Yield the label of each request with how often an iteration sends it; None when that is only known while running."""
    for step in steps:
        sometimes = times if not getattr(step, "when", "") else None
        if isinstance(step, FormStep):
            yield step.request.label, sometimes
        elif isinstance(step, HttpStep):
            yield step.label, sometimes
        elif isinstance(step, TransactionStep | UseStep):
            yield from requests_of(step.steps, times=sometimes)
        elif isinstance(step, LoopStep):
            known = isinstance(step.count, int) and not step.over and sometimes is not None
            yield from requests_of(step.steps, times=sometimes * int(step.count) if known and sometimes is not None else None)
        elif isinstance(step, ParallelStep):
            for branch in step.branches:
                yield from requests_of(branch, times=sometimes)
        elif isinstance(step, RandomStep):
            total = sum(weight for weight, _ in step.branches) or 1
            for weight, branch in step.branches:
                yield from requests_of(branch, times=None if sometimes is None else sometimes * weight / total)
        else:
            for branch in _branches(step):
                yield from requests_of(branch, times=None)


def _branches(step: Any) -> Iterator[tuple[Step, ...]]:
    if isinstance(step, WhileStep):
        yield step.steps
    elif isinstance(step, IfStep):
        yield from (step.then, step.otherwise)
    elif isinstance(step, SwitchStep):
        yield from (steps for _, steps in step.cases)
        yield step.default


def _print_facts(console: Console, plan: Plan) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    targets = [f"{target.base_url} {' '.join(target.addresses)}".strip() for target in plan.targets]
    facts = [
        ("targets", ", ".join(targets)),
        ("duration", span(plan.duration_s)),
        ("measured from", span(plan.warmup_end_s) if plan.warmup_end_s else "the start"),
        ("most users", count(plan.peak_users)),
        ("throttle", f"{plan.throttle_per_s:g} requests/s" if plan.throttle_per_s else ""),
        ("parameters", ", ".join(f"{name}={value}" for name, value in plan.parameters)),
        ("secrets", ", ".join(plan.secrets)),
        ("seed", str(plan.seed)),
        ("plan", plan.plan_hash[:16]),
    ]
    for name, value in facts:
        if value:
            grid.add_row(Text(name, style="dim"), Text(clean(value)))
    console.print(grid)


def _load_words(load: Load) -> str:
    starts = expected_starts(load)
    words = [f"open model, at most {load.max_users} users" if load.model == "rate" else "closed model"]
    if starts is not None:
        words.append(f"{count(starts)} {load.of if load.model == 'rate' else 'iterations'} expected")
    if load.start_at_s:
        words.append(f"starts at {span(load.start_at_s)}")
    return ", ".join(words)


def _scenario_table(plan: Plan) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title, justify in (
        ("scenario", "left"),
        ("share", "right"),
        ("request", "left"),
        ("per iteration", "right"),
        ("expected", "right"),
    ):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for index, scenario in enumerate(plan.scenarios):
        share = _share(plan, index)
        starts = _starts(plan, index)
        first = True
        for label, times in requests_of(scenario.steps):
            table.add_row(
                Text(clean(scenario.name) if first else ""),
                f"{share:.0%}" if first else "",
                Text(clean(plan.labels[label].name)),
                "varies" if times is None else f"{times:g}",
                "–" if times is None or starts is None else count(starts * times),
            )
            first = False
        if scenario.think is not None or _thinks(scenario):
            table.add_row("", "", Text("think time between", style="dim"), "", "")
    return table


def _share(plan: Plan, index: int) -> float:
    order = [entry for load in plan.loads for entry in load.order]
    return order.count(index) / len(order) if order else 0.0


def _starts(plan: Plan, index: int) -> float | None:
    total = 0.0
    for load in plan.loads:
        starts = expected_starts(load)
        if index in load.order:
            if starts is None or load.of == "requests":
                return None
            total += starts * load.order.count(index) / len(load.order)
    return total


def _thinks(scenario: Scenario) -> bool:
    return any(isinstance(step, ThinkStep) for step in scenario.steps)
