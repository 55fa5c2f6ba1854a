"""`maid run --list` and `--scenarios-list`: what a recipe holds, without sending anything."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from maid_lab.model.nearest import machine_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maid_lab.cli.request import RunRequest
    from maid_lab.model.plan import Plan

__all__ = ["list_scenarios"]


async def list_scenarios(request: RunRequest, *, machine_names: bool, as_json: bool) -> int:
    """Print the scenarios of a recipe with their transactions, requests and weights, or their machine names alone."""
    from maid_lab.lab import Lab

    async with Lab.open() as lab:
        plan = (await lab.runs.planned(request.recipe, request.parameters, request.overrides, preset=request.preset)).plan
    entries = list(_entries(plan))
    if as_json:
        sys.stdout.write(json.dumps([entry["machine_name"] for entry in entries] if machine_names else entries, ensure_ascii=False) + "\n")
    elif machine_names:
        sys.stdout.writelines(f"{entry['machine_name']}\n" for entry in entries)
    else:
        sys.stdout.writelines(f"{line}\n" for entry in entries for line in _lines(entry))
    return 0


def _entries(plan: Plan) -> Iterator[dict[str, Any]]:
    for scenario in plan.scenarios:
        own = [label for label in plan.labels if label.scenario == scenario.name and label.section == "scenario"]
        yield {
            "name": scenario.name,
            "machine_name": machine_name(scenario.name),
            "weight": scenario.weight,
            "transactions": [label.name for label in own if label.kind == "transaction"],
            "requests": list(dict.fromkeys(label.name for label in own if label.kind not in ("transaction", "iteration", "users"))),
        }


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    yield f"{entry['name']}  weight {entry['weight']}"
    yield from (f"  transaction  {name}" for name in entry["transactions"])
    yield from (f"  request      {name}" for name in entry["requests"])
