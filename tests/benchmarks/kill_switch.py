"""The kill switch: how long after the order the target still gets requests."""

from __future__ import annotations

import asyncio
import subprocess
import time
from typing import TYPE_CHECKING, Final

from maid_lab.services.door import ask, knock
from tests.benchmarks.harness import Line, Table, say
from tests.benchmarks.maid import MAID, STATIC_GET
from tests.benchmarks.pinned import CLIENT, Failed, start_pinned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.harness import Context
    from tests.benchmarks.target import Nginx

__all__ = ["kill_switch"]

LIMIT_S: Final = 1.0
_AT_SPEED_S: Final = 2.0
_WATCH_S: Final = 2.0
_START_LIMIT_S: Final = 20.0


def kill_switch(context: Context) -> Table:
    """Return the table of the last request after `maid stop --now`, at full speed."""
    title = "Kill switch: last request at the target after the order"
    say(title)
    worst = max(_once(context, number) for number in range(min(context.rounds, 3)))
    return Table(
        title=title,
        lines=(
            Line(
                name="MAID", value=f"{worst * 1000:.0f} ms", figure=f"≤ {LIMIT_S * 1000:g} ms", met=worst <= LIMIT_S, note="longest of all"
            ),
        ),
    )


def _once(context: Context, number: int) -> float:
    home, server = context.folder / f"kill-{number}", context.server
    home.mkdir(mode=0o700)
    recipe = context.folder / f"kill-{number}.yaml"
    recipe.write_text(STATIC_GET.format(url=server.plain.rstrip("/"), users=64, seconds=60, ca=server.ca), encoding="utf-8")
    process = start_pinned([MAID, "run", str(recipe), "--quiet", "--workers", "1"], core=CLIENT, env={"MAID_HOME": str(home)})
    try:
        return asyncio.run(_order(server, home, process))
    finally:
        process.kill()
        process.wait()


async def _order(server: Nginx, home: Path, process: subprocess.Popen[str]) -> float:
    """Stop a run at full speed and return when the target's count last grew, seconds after the order."""
    before, deadline = server.requests(), time.monotonic() + _START_LIMIT_S
    while server.requests() < before + 1000:
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failed("the run did not begin")
        await asyncio.sleep(0.05)
    await asyncio.sleep(_AT_SPEED_S)
    reader, writer = await knock(home)
    ordered = time.monotonic()
    await ask(reader, writer, "shutdown")
    writer.close()
    # Each question is a request of its own, which the count leaves out.
    last, count, asked = 0.0, server.requests(), 0
    while time.monotonic() < ordered + _WATCH_S:
        await asyncio.sleep(0.01)
        asked += 1
        now = server.requests()
        if now - asked > count:
            last, count = time.monotonic() - ordered, now - asked
    return last
