"""A scenario in Python that asks for one page in a loop, each user a real asyncio Task, all rows recorded; beside wrk, plain and HTTPS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clients import Load, installed
from tests.benchmarks.harness import Context, Table, comparison

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.clients import Measured

__all__ = ["python_plain", "python_tls"]

CONNECTIONS: Final = 64
LEAST: Final = {"wrk": 0.5}

SCENARIO: Final = """
import maid_lab


@maid_lab.scenario(ca={ca!r})
async def get(user):
    await user.get("/")
"""


def python_plain(context: Context) -> Table:
    """Return the table for HTTP."""
    return _measure(context, "http")


def python_tls(context: Context) -> Table:
    """Return the table for HTTPS."""
    return _measure(context, "https")


def _measure(context: Context, scheme: str) -> Table:
    title = f"Python scenario over {scheme.upper()}, {CONNECTIONS} users, one core each for nginx and client"
    load = Load(url=context.server.url(scheme), connections=CONNECTIONS, seconds=context.seconds)
    contestants: dict[str, Callable[[], Measured]] = {
        client.name: partial(client.run, load) for client in installed() if client.name in LEAST
    }
    contestants["MAID"] = partial(context.maid.python, SCENARIO.format(ca=str(context.server.ca)), load, context.server)
    return comparison(title, contestants, least=LEAST, rounds=context.rounds)
