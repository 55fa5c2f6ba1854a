"""Static GET with all rows recorded, beside every client that is installed; plain and HTTPS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clients import Load, installed
from tests.benchmarks.harness import Context, Table, comparison

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.clients import Measured

__all__ = ["plain", "tls"]

CONNECTIONS: Final = 64
#: Least ratio to each peer.
LEAST: Final = {"wrk": 0.85, "hey": 3.0, "Locust FastHttpUser": 12.0}


def plain(context: Context) -> Table:
    """Return the table for HTTP."""
    return _measure(context, "http")


def tls(context: Context) -> Table:
    """Return the table for HTTPS."""
    return _measure(context, "https")


def _measure(context: Context, scheme: str) -> Table:
    title = f"Static GET over {scheme.upper()}, {CONNECTIONS} connections, one core each for nginx and client"
    load = Load(url=context.server.url(scheme), connections=CONNECTIONS, seconds=context.seconds)
    contestants: dict[str, Callable[[], Measured]] = {client.name: partial(client.run, load) for client in installed()}
    contestants["MAID"] = partial(context.maid.static_get, load, context.server)
    return comparison(title, contestants, least=LEAST, rounds=context.rounds)
