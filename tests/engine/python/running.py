"""Python scenarios in plans for the engine's harnesses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from maid_lab.model.plan import Code
from tests.engine.whole import planned

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan

ONCE = "{profile: iterations, users: 1, iterations: 1}"


def code_plan(url: str, *functions: Any, load: str = ONCE, think: str = "0s", **options: Any) -> Plan:
    """Return a plan whose scenarios are functions of importable modules, one share each."""
    lines = "\n".join(f"  - {{name: {each.__name__}, think: {think}, steps: [{{think: 1ms}}]}}" for each in functions)
    plan = planned(url, load, scenarios=lines, **options)
    scenarios = tuple(
        replace(
            scenario, steps=(), think=scenario.think if think != "0s" else None, code=Code(module=each.__module__, function=each.__name__)
        )
        for scenario, each in zip(plan.scenarios, functions, strict=True)
    )
    return replace(plan, scenarios=scenarios).hashed()
