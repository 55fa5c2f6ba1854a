"""What it costs to record every row: the same engine on the same load, with its recorder and with one that keeps nothing."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.pinned import CLIENT, run_pinned

if TYPE_CHECKING:
    from tests.benchmarks.harness import Context, Table

__all__ = ["recording"]

LIMIT: Final = 0.08
USERS: Final = 64


def recording(context: Context) -> Table:
    """Return the table."""
    from tests.benchmarks.harness import Line, Table, say

    title = "Cost of recording every row"
    say(title)
    rates: dict[str, list[float]] = {"without rows": [], "with all rows": []}
    for _ in range(context.rounds):
        for name, found in rates.items():
            command = [sys.executable, "-m", "tests.benchmarks.recording", context.server.plain, str(context.seconds), name.split()[0]]
            found.append(float(run_pinned(command, core=CLIENT)))
    without, with_rows = (statistics.median(found) for found in rates.values())
    cost = 1 - with_rows / without
    return Table(
        title=title,
        lines=(
            Line(name="without rows", value=f"{without:,.0f}/s", ratio="1.00", values=tuple(rates["without rows"])),
            Line(
                name="with all rows",
                value=f"{with_rows:,.0f}/s",
                ratio=f"{with_rows / without:.2f}",
                figure=f"≤ {LIMIT:.0%} of throughput",
                met=cost <= LIMIT,
                note=f"costs {cost:.1%}",
                values=tuple(rates["with all rows"]),
            ),
        ),
    )


async def _rate(url: str, seconds: float, *, records: bool) -> float:
    """Run one shard in this process for some seconds and return its requests per second."""
    from maid_lab.engine.http import connection
    from maid_lab.engine.recording.recorder import Recorder
    from maid_lab.engine.shard import Shard
    from maid_lab.engine.timers import Timers
    from maid_lab.model.plan import HttpStep, Label, Load, Plan, Scenario, Segment, Target

    segment = Segment(start_s=0, end_s=3600, level_from=USERS, level_to=USERS)
    labels = (("", "users", "users"), ("s", "s", "iteration"), ("s", "GET /", "http"))
    plan = Plan(
        recipe_id="bench", recipe_version="1.0.0", title="Bench", content_hash="", seed=1,
        targets=(Target(base_url=url.rstrip("/"), addresses=("127.0.0.1",)),),
        loads=(Load(name="l", profile="constant-users", model="users", segments=(segment,), order=(0,)),),
        scenarios=(Scenario(name="s", label=1, weight=1, steps=(HttpStep(label=2, method="GET", url="/"),)),),
        labels=tuple(Label(scenario=scenario, transaction="", name=name, kind=kind) for scenario, name, kind in labels),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        loop = asyncio.get_running_loop()
        recorder, timers = Recorder(Path(folder), worker=0, epoch=0, open_model=False), Timers(loop)
        if not records:
            recorder.pack = _nothing
            vars(connection)["_pack_pair"] = _nothing
            recorder.limit = sys.maxsize
        shard = Shard(plan, run_id="bench", worker=0, workers=1, loop=loop, recorder=recorder, timers=timers, secrets={}, log=_nothing)
        shard.start(time.monotonic_ns(), {})
        before = _loops(shard)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            await asyncio.sleep(0.1)
            if records:
                recorder.take()
            shard.sweep(time.monotonic_ns())
        rate = (_loops(shard) - before) / (time.monotonic() - began)
        shard.kill()
        timers.close()
    return rate


def _loops(shard: object) -> int:
    return sum(user.iteration for load in shard.loads for user in load.members)  # type: ignore[attr-defined]


def _nothing(*_values: object) -> None:
    return None


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    parser.add_argument("mode", choices=("with", "without"))
    options = parser.parse_args()
    sys.stdout.write(f"{uvloop.run(_rate(options.url, options.seconds, records=options.mode == 'with'))}\n")
