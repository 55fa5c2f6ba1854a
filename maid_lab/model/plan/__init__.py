"""The frozen plan (see `whole`) with its parts, and its form as JSON. Imported by worker processes, so it imports nothing heavy."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any, Final

from maid_lab.model.plan.code import Code
from maid_lab.model.plan.codec import from_json, to_json
from maid_lab.model.plan.loads import Ceilings, Load, Search, Segment
from maid_lab.model.plan.requests import Body, Check, EventStream, Extract, HttpStep, Page, Retry, Route, Timeouts, Tls
from maid_lab.model.plan.steps import (
    FormStep,
    IfStep,
    LogStep,
    LoopStep,
    ParallelStep,
    RandomStep,
    SetStep,
    Step,
    SwitchStep,
    ThinkStep,
    TransactionStep,
    UseStep,
    WaitForStep,
    WhileStep,
)
from maid_lab.model.plan.whole import DataSet, Label, Plan, Scenario, Target

__all__ = [
    "Body",
    "Ceilings",
    "Check",
    "Code",
    "DataSet",
    "EventStream",
    "Extract",
    "FormStep",
    "HttpStep",
    "IfStep",
    "Label",
    "Load",
    "LogStep",
    "LoopStep",
    "Page",
    "ParallelStep",
    "Plan",
    "RandomStep",
    "Retry",
    "Route",
    "Scenario",
    "Search",
    "Segment",
    "SetStep",
    "Step",
    "SwitchStep",
    "Target",
    "ThinkStep",
    "Timeouts",
    "Tls",
    "TransactionStep",
    "UseStep",
    "WaitForStep",
    "WhileStep",
    "plan_from_json",
    "plan_to_json",
]

_CLASSES: Final[dict[str, Any]] = {name: kind for name, kind in globals().items() if is_dataclass(kind)}

plan_to_json = to_json


def plan_from_json(data: Any) -> Any:
    """Return the plan, or the part of one, that `plan_to_json` wrote."""
    return from_json(data, _CLASSES)
