"""The frozen plan: all that a run needs, resolved, and nothing that has to be looked up again.

A plan is plain data: numbers, text and tuples. It is written to `plan.json`, sent to each worker, and identified by its `plan_hash`.

Parameters
----------
and plan-time expressions are values here; what is only known while running stays an expression text (`{{ … }}`) with every name qualified
(`vars.sku`, `row.email`). Secrets stand as references (`{{ secrets.password }}`); their values travel to workers apart and are never
stored.

This module is imported by worker processes, so it imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Final, Literal

from maid_lab.model.rows import Phase

__all__ = [
    "Body",
    "Check",
    "DataSet",
    "Extract",
    "HttpStep",
    "IfStep",
    "Label",
    "Load",
    "LogStep",
    "LoopStep",
    "Plan",
    "RandomStep",
    "Retry",
    "Scenario",
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

NS: Final = 1_000_000_000

#: A JSON-like value whose string leaves may be templates.
Value = Any


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A linear piece of a load profile; times in seconds from the start of its load, levels in users or starts per second."""

    start_s: float
    end_s: float
    level_from: float
    level_to: float

    @property
    def phase(self) -> Phase:
        """Phase by slope: increase, maintain or decrease."""
        if self.level_to > self.level_from:
            return Phase.INCREASE
        return Phase.DECREASE if self.level_to < self.level_from else Phase.MAINTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load profile, resolved.

    `model` is `users` (closed: the level is live users), `iterations` (closed: `users` loop `iterations` times each, or draw from one
    pool) or
    `rate` (open: the level is starts per second). `order` lists scenario indexes; user or start k takes entry k mod its length. With
    `assignment`
    `per-iteration` every iteration draws the next entry. `random_each_loop` reshuffles `order` at each pass.
    """

    name: str
    profile: str
    model: Literal["users", "rate", "iterations"]
    segments: tuple[Segment, ...]
    order: tuple[int, ...]
    start_at_s: float = 0.0
    assignment: Literal["per-user", "per-iteration"] = "per-user"
    random_each_loop: bool = False
    pace_s: float = 0.0
    graceful_stop_s: float = 30.0
    graceful_ramp_down_s: float = 30.0
    max_users: int = 0
    prewarm: int = 0
    arrivals: Literal["uniform", "poisson"] = "uniform"
    of: Literal["iterations", "requests"] = "iterations"
    iterations: int = 0
    share: Literal["per-user", "shared"] = "per-user"

    @property
    def end_s(self) -> float:
        """End of the last segment, seconds from the start of the run."""
        return self.start_at_s + (self.segments[-1].end_s if self.segments else 0.0)

    @property
    def peak(self) -> float:
        """Highest level of all segments."""
        return max((max(s.level_from, s.level_to) for s in self.segments), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How TLS connections are made; paths are absolute."""

    verify: bool = True
    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of one request in seconds; 0 = none but `total_s`."""

    connect_s: float = 0.0
    read_s: float = 0.0
    total_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One base URL with its share of users and the addresses that the policy allowed (ip texts, resolved at plan time)."""

    base_url: str
    weight: int = 1
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request body: `json` (value tree), `form` (mapping), `text` (template) or `file` (absolute path)."""

    kind: Literal["json", "form", "text", "file"]
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """One value taken from an answer; `source` is json, regex, header, cookie or status, `expr` its path, pattern or name."""

    name: str
    source: str
    expr: str = ""
    pick: str | int = "first"
    group: int = 1
    has_default: bool = False
    default: Value = None
    required: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition on an answer.

    `kind` is status, json, body_contains, body_matches, title, header, content_type, size, latency or redirect. `subject` is the JSON
    path or header name.
    `op` is equals, contains, matches, exists, count, lt, le, gt, ge or in; `value` may hold templates (status: a list of ints and texts
    such as `2xx`;
    size in bytes, latency in seconds).
    """

    kind: str
    op: str
    value: Value = None
    subject: str = ""
    negated: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again up to `times` after `wait_s` when the outcome word or status text is in `on`."""

    times: int
    wait_s: float = 0.0
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpStep:
    """One HTTP request. `url` is absolute or relative to the user's base URL; defaults of the target are merged in already."""

    label: int
    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    timeouts: Timeouts = Timeouts()
    redirects: int = 10
    gzip: bool = True
    sticky: bool = False
    reuse: Literal["user", "iteration", "none"] = "user"
    auth: tuple[str, ...] = ()
    tls: Tls = Tls()
    extract: tuple[Extract, ...] = ()
    check: tuple[Check, ...] = ()
    retry: Retry | None = None
    when: str = ""
    on_error: Literal["continue", "iteration", "user", "run"] = "iteration"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkStep:
    """A pause; seconds or templates that give them. `dist`: constant (uses `low`), uniform, normal, exponential."""

    low: float | str
    high: float | str
    dist: str = "constant"
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStep:
    """A named group of steps, measured as one row."""

    label: int
    steps: tuple[Step, ...]
    include_think: bool = False
    weight: int = 1
    sequence: int | None = None
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStep:
    """Set variables; with `keep` they outlive the iteration."""

    values: tuple[tuple[str, Value], ...]
    keep: bool = False
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStep:
    """Write a line to the run's log for a share of the iterations."""

    text: str
    level: str = "info"
    sample: float = 0.01
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStep:
    """Repeat steps `count` times (number or template), or once for each item of `over` (expression) as variable `name`."""

    steps: tuple[Step, ...]
    count: int | str = 0
    over: str = ""
    name: str = ""
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhileStep:
    """Repeat steps while the expression holds, at most `limit` times."""

    condition: str
    steps: tuple[Step, ...]
    limit: int = 1000
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IfStep:
    """Branch by an expression."""

    condition: str
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...] = ()
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchStep:
    """Branch by the text of an expression's value."""

    expression: str
    cases: tuple[tuple[str, tuple[Step, ...]], ...]
    default: tuple[Step, ...] = ()
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomStep:
    """Run one branch, drawn by weight."""

    branches: tuple[tuple[float, tuple[Step, ...]], ...]
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForStep:
    """Setup only: repeat the request until it answers with `status`, for at most `timeout_s`."""

    request: HttpStep
    status: int = 200
    timeout_s: float = 60.0
    every_s: float = 1.0
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseStep:
    """The steps of an included fragment with its values in scope as variables."""

    steps: tuple[Step, ...]
    values: tuple[tuple[str, Value], ...] = ()
    when: str = ""


Step = (
    HttpStep
    | ThinkStep
    | TransactionStep
    | SetStep
    | LogStep
    | LoopStep
    | WhileStep
    | IfStep
    | SwitchStep
    | RandomStep
    | WaitForStep
    | UseStep
)


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

    `scheduler` is empty (steps in file order) or orders the top-level transactions per iteration.
    """

    name: str
    label: int
    weight: int
    steps: tuple[Step, ...]
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
    parameters: tuple[tuple[str, Any], ...] = ()
    variables: tuple[tuple[str, Any], ...] = ()
    secrets: tuple[str, ...] = ()
    data: tuple[DataSet, ...] = ()
    thresholds: tuple[str, ...] = ()
    throttle_per_s: float = 0.0
    max_requests: int = 0
    warmup_end_s: float = 0.0
    duration_s: float = 0.0
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
        bare = plan_to_json(replace(self, plan_hash="", base_dir=""))
        text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return replace(self, plan_hash=hashlib.sha256(text.encode()).hexdigest())


def plan_to_json(value: Any) -> Any:
    """Return plain JSON data; each dataclass becomes a mapping with its class name under `$` and without its default-valued fields."""
    if is_dataclass(value) and not isinstance(value, type):
        data: dict[str, Any] = {"$": type(value).__name__}
        for spec in fields(value):
            item = getattr(value, spec.name)
            if item != spec.default or spec.name == "label":
                data[spec.name] = plan_to_json(item)
        return data
    if isinstance(value, list | tuple):
        return [plan_to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plan_to_json(item) for key, item in value.items()}
    return value


def plan_from_json(data: Any) -> Any:
    """Return what `plan_to_json` wrote; lists come back as tuples."""
    if isinstance(data, dict):
        kind = data.get("$")
        if isinstance(kind, str) and kind in _CLASSES:
            return _CLASSES[kind](**{key: plan_from_json(item) for key, item in data.items() if key != "$"})
        return {key: plan_from_json(item) for key, item in data.items()}
    if isinstance(data, list):
        return tuple(plan_from_json(item) for item in data)
    return data


_CLASSES: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (
        Body, Check, DataSet, Extract, HttpStep, IfStep, Label, Load, LogStep, LoopStep, Plan, RandomStep, Retry, Scenario,
        Segment, SetStep, SwitchStep, Target, ThinkStep, Timeouts, Tls, TransactionStep, UseStep, WaitForStep, WhileStep,
    )
}  # fmt: skip
