"""Two worker processes against one, on cores that the target does not use or hardly uses."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import Context, Table, comparison
from tests.benchmarks.maid import STATIC_GET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.clients import Measured

__all__ = ["workers"]

CONNECTIONS: Final = 64
LEAST: Final = {"1 worker": 1.8}
#: One for the target, two for the workers.
_CORES: Final = 3

_EXTRACTS: Final = 11
#: The same places as STATIC_GET.
_HEAVY: Final = f"""
schema: maid.recipe/v1
id: bench-workers
title: Answers that are read thoroughly
description: One request in a loop, each answer searched {_EXTRACTS} times.
target: {{{{ base_url: "{{url}}", defaults: {{{{ tls: {{{{ ca: "{{ca}}" }}}} }}}} }}}}
load: {{{{ users: {{users}}, hold: {{seconds}}s }}}}
scenarios:
  - name: get
    steps:
      - get: /items
        extract:
{"".join(f"          - {{{{ name: v{number}, json: '$.items[?@.id > {number}].id' }}}}" + chr(10) for number in range(_EXTRACTS))}"""


def workers(context: Context) -> Table:
    """Return the table.

    Notes
    -----
    With fewer than three cores the target takes from the second worker what it needs itself. There the load is one whose answers cost the client
    many times what they cost the target: values are found in each by JSONPath, so that the target is light.
    """
    is_apart = len(os.sched_getaffinity(0)) >= _CORES
    recipe = STATIC_GET if is_apart else _HEAVY
    text = recipe.format(url=context.server.plain.rstrip("/"), users=CONNECTIONS, seconds=context.seconds, ca=context.server.ca)

    def measure(count: int) -> Measured:
        return context.maid.run(text, core=None, workers=count).measured()

    contestants: dict[str, Callable[[], Measured]] = {"1 worker": partial(measure, 1), "MAID": partial(measure, 2)}
    what = "static GET, target on a core of its own" if is_apart else "answers read thoroughly, light target on a shared core"
    return comparison(f"Two workers beside one, {what}, {CONNECTIONS} connections", contestants, least=LEAST, rounds=context.rounds)
