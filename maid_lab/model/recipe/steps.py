"""Steps: each has exactly one action."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from maid_lab.model.nearest import did_you_mean, nearest
from maid_lab.model.recipe.base import Duration, Expression, Label, Node, Number, Percent, Switch, Template, Tree, Whole, refuse
from maid_lab.model.recipe.checks import Check, Extract
from maid_lab.model.recipe.target import Auth, Timeout, TlsOptions

__all__ = [
    "ACTIONS", "METHODS", "DriverAction", "HttpAction", "HttpCall", "If", "Log", "Loop", "LoopOptions", "Parallel", "ParallelOptions",
    "RandomBranch", "RandomChoice", "RetryRule", "Set", "Step", "StepBase", "StepList", "Switch_", "Think", "ThinkRange", "ThinkSpread",
    "ThinkTime", "Transaction", "Use", "WaitFor", "WaitOptions", "While",
]  # fmt: skip

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
#: Actions whose schema is their driver's; the engine names what it cannot run yet.
DRIVER_ACTIONS = ("form_submit", "graphql", "grpc", "websocket", "sql", "mcp", "call")
CONTROL_ACTIONS = ("think", "transaction", "loop", "while", "if", "switch", "parallel", "random", "set", "log", "use", "wait_for")
ACTIONS = (*METHODS, "http", *DRIVER_ACTIONS, *CONTROL_ACTIONS)
COMMON = ("name", "when", "tags", "timeout", "extract", "check", "retry", "on_error")


class ThinkRange(Node):
    """Think time between two bounds."""

    min: Duration
    max: Duration | None = None
    dist: Literal["uniform", "normal", "exponential", "constant"] = "uniform"


def _think(value: Any) -> Any:
    """Turn `2s ±20%` into its bounds."""
    if isinstance(value, str) and "±" in value:
        middle, _, spread = value.partition("±")
        return {"spread": spread.strip(), "middle": middle.strip()}
    return value


class ThinkSpread(Node):
    """A middle and how far around it, as a share."""

    middle: Duration
    spread: Percent


def _think_tag(value: Any) -> str:
    if isinstance(value, ThinkSpread) or (isinstance(value, dict) and "spread" in value):
        return "spread"
    return "range" if isinstance(value, dict | ThinkRange) else "one"


ThinkTime = Annotated[
    Annotated[Duration, Tag("one")] | Annotated[ThinkRange, Tag("range")] | Annotated[ThinkSpread, Tag("spread")],
    Discriminator(_think_tag),
    BeforeValidator(_think),
]


class RetryRule(Node):
    """When and how often a step is tried again."""

    times: int = Field(ge=1, le=100)
    wait: Duration = 0.0
    on: list[str | int] = Field(default_factory=list)


class StepBase(Node):
    """Keys that every step may have."""

    name: Label | None = None
    when: Expression | None = None
    tags: dict[str, Template] = Field(default_factory=dict)
    timeout: Timeout | None = None
    extract: list[Extract] = Field(default_factory=list)
    check: list[Check] = Field(default_factory=list)
    retry: RetryRule | None = None
    on_error: Literal["continue", "iteration", "user", "run"] = "iteration"


class HttpCall(Node):
    """One HTTP request in its long form."""

    url: Template
    method: str | None = None
    params: dict[str, Tree] = Field(default_factory=dict)
    headers: dict[str, Template] = Field(default_factory=dict)
    cookies: dict[str, Template] = Field(default_factory=dict)
    json_body: Tree = Field(None, alias="json")
    form: dict[str, Tree] | None = None
    multipart: Tree = None
    body: Template | None = None
    body_file: Template | None = None
    auth: Auth | None = None
    timeout: Timeout | None = None
    http_version: Template | None = None
    redirects: int | None = Field(None, ge=0, le=50)
    gzip: Switch | None = None
    sticky: Switch | None = None
    tls: TlsOptions | None = None
    proxy: Template | None = None
    source_addresses: list[str] | None = None
    dns: Tree = None
    reuse: Literal["user", "iteration", "none"] | None = None
    trace: Switch | None = None
    page: Tree = None
    sse: Tree = None

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, data: Any) -> Any:
        return {"url": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_body(self) -> HttpCall:
        bodies = [key for key in ("json_body", "form", "multipart", "body", "body_file") if key in self.model_fields_set]
        if len(bodies) > 1:
            names = [key.replace("json_body", "json") for key in bodies]
            refuse("E105", f"{' and '.join(names)} exclude each other: a request has one body")
        return self


class HttpAction(StepBase):
    """A request by one of the method keys."""

    get: HttpCall | None = None
    post: HttpCall | None = None
    put: HttpCall | None = None
    patch: HttpCall | None = None
    delete: HttpCall | None = None
    head: HttpCall | None = None
    options: HttpCall | None = None
    http: HttpCall | None = None

    @property
    def method(self) -> str:
        """The HTTP method in capitals."""
        key = self.action
        return (self.call.method or "get").upper() if key == "http" else key.upper()

    @property
    def action(self) -> str:
        """The action key as written."""
        return next(key for key in (*METHODS, "http") if getattr(self, key) is not None)

    @property
    def call(self) -> HttpCall:
        """The request."""
        call: HttpCall = getattr(self, self.action)
        return call


class DriverAction(StepBase):
    """A step of another protocol."""

    form_submit: Tree = None
    graphql: Tree = None
    grpc: Tree = None
    websocket: Tree = None
    sql: Tree = None
    mcp: Tree = None
    call: Tree = None

    @property
    def action(self) -> str:
        """The action key as written."""
        return next(key for key in DRIVER_ACTIONS if key in self.model_fields_set)


class Think(StepBase):
    """A pause."""

    think: ThinkTime


class Transaction(StepBase):
    """A named group, measured as one row."""

    transaction: Label
    steps: StepList
    weight: int = Field(1, ge=0)
    sequence: int | None = None
    include_think: bool = False


class LoopOptions(Node):
    """How often, or over what."""

    count: Whole | None = None
    over: Expression | None = None
    as_: Label | None = Field(None, alias="as")

    @model_validator(mode="after")
    def _one(self) -> LoopOptions:
        if (self.count is None) is (self.over is None):
            refuse("E105", "a loop has either count, or over and as")
        if self.over is not None and self.as_ is None:
            refuse("E102", "a loop over a list needs as: the variable's name")
        return self


class Loop(StepBase):
    """Steps repeated."""

    loop: LoopOptions
    steps: StepList


class While(StepBase):
    """Steps repeated while a condition holds."""

    while_: Expression = Field(alias="while")
    steps: StepList
    max: int = Field(1000, ge=1, le=1_000_000)


class If(StepBase):
    """A branch."""

    if_: Expression = Field(alias="if")
    then: StepList
    else_: StepList | None = Field(None, alias="else")


class Switch_(StepBase):
    """Branches by value."""

    switch: Expression
    cases: dict[str, StepList]
    default: StepList | None = None


class ParallelOptions(Node):
    """How many at once."""

    max: int = Field(6, ge=1)


class Parallel(StepBase):
    """Branches at the same time."""

    parallel: ParallelOptions
    branches: list[StepList]


class RandomBranch(Node):
    """A branch with its weight."""

    weight: Number = 1.0
    steps: StepList


class RandomChoice(StepBase):
    """One branch, drawn by weight."""

    random: list[RandomBranch] = Field(min_length=1)


class Set(StepBase):
    """Variables."""

    set_: dict[str, Tree] = Field(alias="set")
    keep: bool = False


class Log(StepBase):
    """A line in the run's log."""

    log: Template
    level: Literal["debug", "info", "warning", "error"] = "info"
    sample: Percent = 0.01


class Use(StepBase):
    """The steps of an included fragment."""

    use: str


class WaitOptions(Node):
    """What to wait for."""

    get: HttpCall | None = None
    sql: Tree = None
    grpc: Tree = None
    status: int = 200
    timeout: Duration = 60.0
    every: Duration = 1.0


class WaitFor(StepBase):
    """Setup only: wait until the target answers."""

    wait_for: WaitOptions


_GROUPS = {**dict.fromkeys((*METHODS, "http"), "http"), **dict.fromkeys(DRIVER_ACTIONS, "driver")}


def _one_action(data: Any) -> Any:
    if not isinstance(data, dict):
        if isinstance(data, StepBase):
            return data
        refuse("E103", "a step is a mapping such as {get: /products}")
    actions = [key for key in data if key in ACTIONS]
    if len(actions) > 1:
        refuse("E108", f"a step has exactly one action; this one has {' and '.join(actions)}. Make {len(actions)} steps of it.")
    if not actions:
        unknown = [key for key in data if key not in COMMON and not key.startswith("x-")]
        near = next((found for key in unknown if (found := nearest(key, ACTIONS))), "")
        about = f" {unknown[0]!r} is not known. {did_you_mean(unknown[0], ACTIONS) if near else ''}" if unknown else ""
        refuse("E108", f"the step has no action such as get, post, think or transaction.{about}".rstrip())
    return {key: value for key, value in data.items() if not key.startswith("x-")}


def _tag(data: Any) -> str:
    key = next((key for key in data if key in ACTIONS), "http") if isinstance(data, dict) else "http"
    return _GROUPS.get(key, key)


Step = Annotated[
    Annotated[HttpAction, Tag("http")]
    | Annotated[DriverAction, Tag("driver")]
    | Annotated[Think, Tag("think")]
    | Annotated[Transaction, Tag("transaction")]
    | Annotated[Loop, Tag("loop")]
    | Annotated[While, Tag("while")]
    | Annotated[If, Tag("if")]
    | Annotated[Switch_, Tag("switch")]
    | Annotated[Parallel, Tag("parallel")]
    | Annotated[RandomChoice, Tag("random")]
    | Annotated[Set, Tag("set")]
    | Annotated[Log, Tag("log")]
    | Annotated[Use, Tag("use")]
    | Annotated[WaitFor, Tag("wait_for")],
    Discriminator(_tag),
    BeforeValidator(_one_action),
]
StepList = list[Step]

for _model in (Transaction, Loop, While, If, Switch_, Parallel, RandomBranch, RandomChoice):
    _model.model_rebuild()
