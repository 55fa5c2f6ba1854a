"""Static GET with all rows recorded, beside every client that is installed; plain and HTTPS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clients import Load, installed
from tests.benchmarks.harness import Context, Line, Table, comparison, say
from tests.benchmarks.maid import STATIC_GET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.clients import Measured

__all__ = ["plain", "row_size", "tls"]

CONNECTIONS: Final = 64
#: Least ratio to each peer.
LEAST: Final = {"wrk": 0.85, "hey": 3.0, "Locust FastHttpUser": 12.0}
PARQUET_BYTES: Final = 20.0


def plain(context: Context) -> Table:
    """Return the table for HTTP."""
    return _measure(context, "http")


def tls(context: Context) -> Table:
    """Return the table for HTTPS."""
    return _measure(context, "https")


def row_size(context: Context) -> Table:
    """Return the table for what a request costs on disk once the run is over."""
    title = "Bytes of a request in Parquet"
    say(title)
    recipe = STATIC_GET.format(url=context.server.plain.rstrip("/"), users=CONNECTIONS, seconds=context.seconds, ca=context.server.ca)
    run = context.maid.run(recipe)
    each = (run.folder / "requests.parquet").stat().st_size / run.measured().requests
    line = Line(name="MAID", value=f"{each:.1f}", figure=f"≤ {PARQUET_BYTES:g}", met=each <= PARQUET_BYTES)
    return Table(title=title, lines=(line,))


def _measure(context: Context, scheme: str) -> Table:
    title = f"Static GET over {scheme.upper()}, {CONNECTIONS} connections, one core each for nginx and client"
    load = Load(url=context.server.url(scheme), connections=CONNECTIONS, seconds=context.seconds)
    contestants: dict[str, Callable[[], Measured]] = {client.name: partial(client.run, load) for client in installed()}
    contestants["MAID"] = partial(context.maid.static_get, load, context.server)
    return comparison(title, contestants, least=LEAST, rounds=context.rounds)
