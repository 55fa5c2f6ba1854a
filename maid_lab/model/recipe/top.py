"""The top of the tree: `maid.recipe/v1` and `maid.fragment/v1`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from maid_lab.model.recipe.base import Duration, Label, Node, Rate, Template, ThresholdText, Tree, refuse
from maid_lab.model.recipe.loads import Load
from maid_lab.model.recipe.steps import StepList, ThinkTime
from maid_lab.model.recipe.target import DataSet, Limits, Monitor, Target

__all__ = ["SCHEMA", "Author", "Extension", "Fragment", "Include", "Output", "Parameter", "Recipe", "Requires", "Scenario"]

SCHEMA = "maid.recipe/v1"
FRAGMENT = "maid.fragment/v1"


class Parameter(Node):
    """A value that the caller may give."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    type: Literal[
        "string", "enum", "integer", "number", "boolean", "duration", "rate", "size", "percent",
        "url", "host", "date", "json", "data_file", "secret",
    ]  # fmt: skip
    required: bool | None = None
    default: Any = None
    description: str = ""
    options: list[Any] | None = None
    min: Any = None
    max: Any = None
    pattern: str | None = None
    max_length: int | None = Field(None, ge=1)
    env: str | None = None

    @model_validator(mode="after")
    def _has_value(self) -> Parameter:
        given = self.model_fields_set
        if self.type in ("secret", "data_file"):
            if "default" in given:
                refuse("E224" if self.type == "secret" else "E105", f"a {self.type} has no default: say required: true or required: false")
        elif ("default" in given) is (self.required is True):
            refuse("E105", f"parameter {self.key} has exactly one of required: true and default")
        if self.type == "enum" and not self.options:
            refuse("E102", f"parameter {self.key} of type enum needs options")
        return self


class Include(Node):
    """A fragment with values for its parameters."""

    name: Label
    path: str | None = None
    recipe: str | None = None
    values: dict[str, Tree] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Include:
        if (self.path is None) is (self.recipe is None):
            refuse("E105", f"include {self.name} has exactly one of path and recipe")
        return self


class Extension(Node):
    """An extension that the recipe uses."""

    id: str
    version: str = "*"
    optional: bool = False


class Output(Node):
    """A report to write."""

    type: str
    config: Tree = None


class Author(Node):
    """Who wrote the recipe."""

    name: str
    contact: str | None = None


class Requires(Node):
    """Engine versions."""

    maid: str


def _without_x(data: Any) -> Any:
    return {key: value for key, value in data.items() if not str(key).startswith("x-")} if isinstance(data, dict) else data


def _check_random(random: str, scheduler: str | None, where: str) -> None:
    if random == "each-loop" and scheduler != "random":
        refuse("E105", f"{where}: random: each-loop says how scheduler: random draws; set that, or leave random out")


class Scenario(Node):
    """What a user does."""

    name: Label
    weight: int = Field(1, ge=0, le=1_000_000)
    think: ThinkTime | None = None
    pace: Duration = 0.0
    host: Template | None = None
    data: str | None = None
    session: Literal["user", "iteration"] = "user"
    scheduler: Literal["round-robin", "serial", "random"] | None = None
    random: Literal["once", "each-loop"] = "once"
    tags: dict[str, Template] = Field(default_factory=dict)
    on_start: StepList = Field(default_factory=list)
    on_stop: StepList = Field(default_factory=list)
    steps: StepList = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _random_order(self) -> Scenario:
        _check_random(self.random, self.scheduler, f"scenario {self.name}")
        return self


def _loads(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Recipe(Node):
    """One test: target, load, journeys, checks, verdict."""

    schema_id: str = Field(alias="schema")
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,63}$")
    version: str = Field("0.1.0", pattern=r"^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$")
    title: str = Field(min_length=1, max_length=120)
    description: str = Field(min_length=1, max_length=2000)
    language: str = "en"
    category: Literal["api", "web", "database", "real-world", "stress", "endurance", "protocol", "custom"] = "custom"
    labels: list[str] = Field(default_factory=list)
    author: Author | None = None
    license: str | None = None
    notes: str | None = None
    requires: Requires | None = None
    extensions: list[Extension] = Field(default_factory=list)
    parameters: list[Parameter] = Field(default_factory=list)
    presets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    variables: dict[str, Tree] = Field(default_factory=dict)
    target: Target = Target()
    load: Annotated[list[Load], BeforeValidator(_loads), Field(min_length=1)]
    seed: int | None = Field(None, ge=0, lt=2**63)
    scheduler: Literal["round-robin", "serial", "random"] = "round-robin"
    random: Literal["once", "each-loop"] = "once"
    throttle: Rate | None = None
    data: list[DataSet] = Field(default_factory=list)
    include: list[Include] = Field(default_factory=list)
    setup: StepList = Field(default_factory=list)
    teardown: StepList = Field(default_factory=list)
    scenarios: list[Annotated[Scenario, BeforeValidator(_without_x)]] = Field(min_length=1, max_length=100)
    thresholds: list[ThresholdText] = Field(default_factory=list)
    limits: Limits = Limits()
    outputs: list[Output] = Field(default_factory=list)
    monitors: list[Monitor] = Field(default_factory=list)

    @model_validator(mode="after")
    def _random_order(self) -> Recipe:
        _check_random(self.random, self.scheduler, "the recipe")
        return self

    @model_validator(mode="before")
    @classmethod
    def _known_schema(cls, data: Any) -> Any:
        data = _without_x(data)
        if isinstance(data, dict) and data.get("schema", SCHEMA) != SCHEMA:
            refuse("E106", f"schema is {data['schema']!r}; this version reads {SCHEMA}.", at="schema")
        return data


class Fragment(Node):
    """Steps to be included."""

    schema_id: str = Field(alias="schema")
    parameters: list[Parameter] = Field(default_factory=list)
    steps: StepList = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _known_schema(cls, data: Any) -> Any:
        data = _without_x(data)
        if isinstance(data, dict) and data.get("schema", FRAGMENT) != FRAGMENT:
            refuse("E106", f"schema is {data['schema']!r}; a fragment has {FRAGMENT}", at="schema")
        return data
