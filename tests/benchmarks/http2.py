"""Static GET over HTTP/2 and TLS with all rows recorded, one request at a time on each connection, beside h2load."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clients import Load, Measured, h2load
from tests.benchmarks.harness import Context, Table, comparison

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["http2"]

CONNECTIONS: Final = 64


def http2(context: Context) -> Table:
    """Return the table; no figure is set for it."""
    title = f"Static GET over HTTP/2 and TLS, {CONNECTIONS} connections, one core each for nginx and client"
    load = Load(url=context.server.h2, connections=CONNECTIONS, seconds=context.seconds)
    contestants: dict[str, Callable[[], Measured]] = {}
    if shutil.which("h2load"):
        contestants["h2load -m1"] = partial(h2load, load)
    contestants["MAID"] = partial(context.maid.static_get, load, context.server, version="2")
    return comparison(title, contestants, least={}, rounds=context.rounds)
