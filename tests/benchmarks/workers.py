"""Two worker processes against one, on cores that the target does not use."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import Context, Table, comparison
from tests.benchmarks.maid import STATIC_GET
from tests.benchmarks.pinned import Failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.clients import Measured

__all__ = ["workers"]

CONNECTIONS: Final = 64
LEAST: Final = {"1 worker": 1.8}
#: One for the target, two for the workers.
_CORES: Final = 3


def workers(context: Context) -> Table:
    """Return the table.

    Raises
    ------
    Failed
        On a machine with fewer cores, where the target would take from the second worker what it adds.
    """
    if len(os.sched_getaffinity(0)) < _CORES:
        raise Failed(f"it needs {_CORES} cores: one for the target, two for the workers")
    recipe = STATIC_GET.format(url=context.server.plain.rstrip("/"), users=CONNECTIONS, seconds=context.seconds, ca=context.server.ca)

    def measure(count: int) -> Measured:
        return context.maid.run(recipe, core=None, workers=count).measured()

    contestants: dict[str, Callable[[], Measured]] = {"1 worker": partial(measure, 1), "MAID": partial(measure, 2)}
    return comparison(f"Two workers beside one, static GET, {CONNECTIONS} connections", contestants, least=LEAST, rounds=context.rounds)
