"""A journey of three steps with extraction, checks and a cookie, beside wrk that sends the same requests and looks at no answer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clients import Load, Measured
from tests.benchmarks.harness import Context, Table, comparison
from tests.benchmarks.pinned import run_pinned

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["journey"]

CONNECTIONS: Final = 64
LEAST: Final = 0.35

_RECIPE: Final = """
schema: maid.recipe/v1
id: bench-journey
title: Journey of three steps
description: Log in, list, put into the cart.
target: {{ base_url: "{url}" }}
load: {{ users: {users}, hold: {seconds}s }}
scenarios:
  - name: buy
    session: iteration
    steps:
      - get: /login
        check: [{{ status: 200 }}]
        extract: [{{ name: token, json: $.token }}]
      - get: {{ url: /items, headers: {{ Authorization: "Bearer {{{{ vars.token }}}}" }} }}
        check: [{{ json: {{ path: $.total, equals: 2 }} }}]
        extract: [{{ name: item, json: "$.items[1].id" }}]
      - get: {{ url: /cart, params: {{ item: "{{{{ vars.item }}}}" }}, headers: {{ Authorization: "Bearer {{{{ vars.token }}}}" }} }}
        check: [{{ status: 200 }}, {{ body_contains: '"ok": true' }}]
"""
_SCRIPT: Final = """
local auth = { ["Authorization"] = "Bearer t-81", ["Cookie"] = "sid=5f1c" }
local requests = {}
local next_one = 0
init = function()
  requests = { wrk.format("GET", "/login"), wrk.format("GET", "/items", auth), wrk.format("GET", "/cart?item=12", auth) }
end
request = function()
  next_one = next_one % 3 + 1
  return requests[next_one]
end
"""


def journey(context: Context) -> Table:
    """Return the table."""
    title = f"Journey of three steps with extraction, checks and a cookie, {CONNECTIONS} users"
    load = Load(url=context.server.plain, connections=CONNECTIONS, seconds=context.seconds)
    script = context.folder / "journey.lua"
    script.write_text(_SCRIPT, encoding="utf-8")
    contestants: dict[str, Callable[[], Measured]] = {"wrk": partial(_wrk, load, script), "MAID": partial(_maid, context, load)}
    return comparison(title, contestants, least={"wrk": LEAST}, rounds=context.rounds)


def _wrk(load: Load, script: Path) -> Measured:
    out = run_pinned(["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s", "-s", str(script), load.url])
    rate = next(line.split()[1] for line in out.splitlines() if line.startswith("Requests/sec:"))
    return Measured(rate=float(rate))


def _maid(context: Context, load: Load) -> Measured:
    return context.maid.run(_RECIPE.format(url=load.url.rstrip("/"), users=load.connections, seconds=load.seconds)).measured()
