"""The open model: does it keep its rate, and how late does it start?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from tests.benchmarks.harness import Line, Table, say
from tests.benchmarks.maid import is_sent

if TYPE_CHECKING:
    from tests.benchmarks.harness import Context
    from tests.benchmarks.maid import Run

__all__ = ["open_model"]

#: Starts per second → how late the 99th of a hundred may start, ms.
LATENESS_MS: Final = {1_000: 0.3, 10_000: 1.0}
RATE_ERROR: Final = 0.001

_RECIPE: Final = """
schema: maid.recipe/v1
id: bench-open-model
title: Open model
description: Starts at a constant rate, whatever the answers do.
target: {{ base_url: "{url}" }}
load: {{ profile: constant-rate, rate: {rate}/s, duration: {seconds}s, max_users: 1000, prewarm: 100 }}
scenarios:
  - name: get
    steps:
      - get: /
"""


def open_model(context: Context) -> Table:
    """Return the table; starts are counted against rate × time, lateness is start − intended start over all rows that were sent."""
    title = "Open model: rate kept, lateness of starts"
    say(title)
    lines: list[Line] = []
    for rate, limit_ms in LATENESS_MS.items():
        seconds = context.seconds + 2
        recipe = _RECIPE.format(url=context.server.plain.rstrip("/"), rate=rate, seconds=seconds)
        runs = [context.maid.run(recipe) for _ in range(context.rounds)]
        errors = [_starts(run) / (rate * seconds) - 1 for run in runs]
        late = sorted(_lateness_ms(run) for run in runs)
        worst, median = max(errors, key=abs), late[len(late) // 2]
        lines += [
            Line(
                name=f"{rate:,}/s: starts",
                value=f"{worst:+.3%}",
                figure=f"within {RATE_ERROR:.1%}",
                met=abs(worst) <= RATE_ERROR,
                note=f"furthest of {len(runs)} runs",
                values=tuple(errors),
            ),
            Line(
                name=f"{rate:,}/s: lateness p99",
                value=f"{median:.3f} ms",
                figure=f"≤ {limit_ms:g} ms",
                met=median <= limit_ms,
                note=f"median of {len(runs)}: {late[0]:.3f} to {late[-1]:.3f} ms",
                values=tuple(late),
            ),
        ]
    return Table(title=title, lines=tuple(lines))


def _starts(run: Run) -> int:
    return int(run.rows.filter(is_sent()).select(pl.len()).collect().item())


def _lateness_ms(run: Run) -> float:
    late = (pl.col("start") - pl.col("intended")) / 1e6
    return float(run.rows.filter(is_sent()).select(late.quantile(0.99, "nearest")).collect().item())
