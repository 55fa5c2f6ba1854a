"""The frozen plan: all that a run needs, resolved, and nothing that has to be looked up again.

A plan is plain data: numbers, text and tuples. It is written to `plan.json`, sent to each worker, and identified by its `plan_hash`.

Parameters and plan-time expressions are values here; what is only known while running stays an expression text (`{{ … }}`) with every name
qualified (`vars.sku`, `row.email`). Secrets stand as references (`{{ secrets.password }}`); their values travel to workers apart and are
never stored.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from maid_lab.model.plan.code import Code
from maid_lab.model.plan.codec import to_json
from maid_lab.model.plan.loads import Ceilings, Load
from maid_lab.model.plan.steps import Step, ThinkStep

__all__ = [
    "DataSet",
    "Label",
    "Plan",
    "Scenario",
    "Target",
]

_NO_CEILINGS = Ceilings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What all rows of one request name share; a row holds its index in `Plan.labels`.

    `section` is `scenario` for measured rows, else `setup`, `teardown`, `on_start` or `on_stop`. `kind` is one of `model.rows.KINDS`.
    """

    scenario: str
    transaction: str
    name: str
    kind: str
    method: str = ""
    url: str = ""
    section: str = "scenario"
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_request(self) -> bool:
        """Whether rows of this name are requests, of whatever protocol."""
        return self.kind not in ("users", "transaction", "iteration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One base URL with its share of users and the addresses that the policy allowed (ip texts, resolved at plan time)."""

    base_url: str
    weight: int = 1
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Rows that iterations or users draw from; `rows` are resolved values, loaded and hashed at plan time."""

    name: str
    path: str
    rows: tuple[dict[str, Any], ...]
    order: Literal["sequential", "shuffle", "random"] = "sequential"
    per: Literal["iteration", "user"] = "iteration"
    unique: bool = False
    on_end: Literal["recycle", "stop-user", "stop-run"] = "recycle"
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a user does. `label` is the label of its iteration rows; `data` names the set behind `row`.

    `scheduler` is empty (steps in file order) or orders the top-level transactions per iteration. With `code` it is a function instead of
    steps.
    """

    name: str
    label: int
    weight: int
    steps: tuple[Step, ...]
    code: Code | None = None
    think: ThinkStep | None = None
    pace_s: float = 0.0
    host: str = ""
    data: str = ""
    session: Literal["user", "iteration"] = "user"
    scheduler: str = ""
    random_each_loop: bool = False
    on_start: tuple[Step, ...] = ()
    on_stop: tuple[Step, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A test, resolved and frozen.

    Attributes
    ----------
    labels : tuple of Label
        Index 0 is the engine's own (kind `users`).
    warmup_end_s : float
        End of the warm-up: start of the first `maintain` segment, seconds from the start of the run; 0 when there is none.
    duration_s : float
        End of the last segment of all loads, graceful periods apart; for `iterations` loads their `max_duration`.
    measured_until_s : float
        End of what is measured when that is not the end of the run: of the best probe of a search for capacity. 0 for the end of the run.
    thresholds : tuple of str
        Canonical texts of the threshold grammar.
    secrets : tuple of str
        Keys of the secret parameters in use, never values.
    """

    recipe_id: str
    recipe_version: str
    title: str
    content_hash: str
    seed: int
    targets: tuple[Target, ...]
    loads: tuple[Load, ...]
    scenarios: tuple[Scenario, ...]
    labels: tuple[Label, ...]
    setup: tuple[Step, ...] = ()
    teardown: tuple[Step, ...] = ()
    setup_code: Code | None = None
    teardown_code: Code | None = None
    parameters: tuple[tuple[str, Any], ...] = ()
    variables: tuple[tuple[str, Any], ...] = ()
    secrets: tuple[str, ...] = ()
    data: tuple[DataSet, ...] = ()
    thresholds: tuple[str, ...] = ()
    dns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    throttle_per_s: float = 0.0
    max_requests: int = 0
    ceilings: Ceilings = _NO_CEILINGS
    warmup_end_s: float = 0.0
    duration_s: float = 0.0
    measured_until_s: float = 0.0
    tags: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    plan_hash: str = ""
    base_dir: str = field(default="", compare=False)

    @property
    def is_open(self) -> bool:
        """Whether any load is of the open model; then latency means response time by default."""
        return any(load.model == "rate" for load in self.loads)

    @property
    def peak_users(self) -> int:
        """Most users that can be live at once."""
        return sum(load.max_users if load.model == "rate" else int(-(-load.peak // 1)) for load in self.loads)

    def hashed(self) -> Plan:
        """Return the plan with `plan_hash` set: SHA-256 of its canonical JSON without the hash itself and without paths of this machine."""
        scenarios = tuple(replace(each, code=_portable(each.code)) for each in self.scenarios)
        setup, teardown = _portable(self.setup_code), _portable(self.teardown_code)
        bare = to_json(replace(self, plan_hash="", base_dir="", scenarios=scenarios, setup_code=setup, teardown_code=teardown))
        text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return replace(self, plan_hash=hashlib.sha256(text.encode()).hexdigest())


def _portable(code: Code | None) -> Code | None:
    return None if code is None else replace(code, path=(), file="")
