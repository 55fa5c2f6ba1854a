"""The five times of a request as Polars expressions, in nanoseconds; one function each, so that a name means one thing everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan

__all__ = [
    "NS_PER_MS",
    "NS_PER_S",
    "TIMES",
    "blocked",
    "connect",
    "default_latency",
    "event_gap",
    "response",
    "service",
    "time_named",
    "ttfb",
]

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000


def service() -> pl.Expr:
    """Service time: end − start. Includes connecting when a connection was opened, and the whole body."""
    return (pl.col("end") - pl.col("start")).alias("service")


def response() -> pl.Expr:
    """Response time: end − intended start. What a user would have waited; safe from coordinated omission."""
    return (pl.col("end") - pl.col("intended").fill_null(pl.col("start"))).alias("response")


def ttfb() -> pl.Expr:
    """Time to first byte: first byte − start; null when no byte came. Includes connect time."""
    return (pl.col("first_byte") - pl.col("start")).alias("ttfb")


def connect() -> pl.Expr:
    """Connect time: connected − start; null when the connection was reused."""
    return (pl.col("connected") - pl.col("start")).alias("connect")


def blocked() -> pl.Expr:
    """Blocked time: start − intended start; waiting for a free user, a throttle or the generator."""
    return (pl.col("start") - pl.col("intended").fill_null(pl.col("start"))).alias("blocked")


def event_gap() -> pl.Expr:
    """Time between two messages of a stream, of the rows of `events`: null for the first message of each."""
    return pl.when(pl.col("number") > 0).then(pl.col("end") - pl.col("start")).alias("event_gap")


#: Name of a time to the function that gives its expression.
TIMES: Final = {"service": service, "response": response, "ttfb": ttfb, "connect": connect, "blocked": blocked}


def default_latency(plan: Plan) -> str:
    """Return the time that `latency` means for this plan: `response` for open models, `service` for closed ones."""
    return "response" if plan.is_open else "service"


def time_named(name: str, *, plan: Plan) -> pl.Expr:
    """Return the expression of a time by its name, `latency` being the plan's default.

    Raises
    ------
    InvalidInput
        If there is no time of this name.
    """
    try:
        return TIMES[default_latency(plan) if name == "latency" else name]()
    except KeyError:
        raise InvalidInput(f"There is no time named {name!r} in a request row.", hint=f"Use one of latency, {', '.join(TIMES)}.") from None
