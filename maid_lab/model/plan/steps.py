"""Steps of a scenario as a plan holds them."""

from __future__ import annotations

from dataclasses import dataclass

from maid_lab.model.plan.requests import HttpStep, Value

__all__ = [
    "FormStep",
    "IfStep",
    "LogStep",
    "LoopStep",
    "ParallelStep",
    "RandomStep",
    "SetStep",
    "Step",
    "SwitchStep",
    "ThinkStep",
    "TransactionStep",
    "UseStep",
    "WaitForStep",
    "WhileStep",
]


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
class ParallelStep:
    """Run branches at the same time, at most `limit` of them."""

    branches: tuple[tuple[Step, ...], ...]
    limit: int = 6
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormStep:
    """Submit a form of the last HTML page of the iteration: by its index or a CSS selector, with these fields beside the page's own."""

    request: HttpStep
    form: int | str = 0
    fields: tuple[tuple[str, Value], ...] = ()
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
    | ParallelStep
    | FormStep
    | WaitForStep
    | UseStep
)
