"""The demo shop as a process: `python -m maid_lab.demo.shop --port 8000 --latency normal:20:5`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from maid_lab.demo.shop.server import Shop
from maid_lab.demo.switches import DISTRIBUTIONS, Switches
from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_FOR_PARENT_S: Final = 0.5
_FLAGS: Final = {
    "latency": f"added to every answer: dist:ms[:spread] with dist {', '.join(DISTRIBUTIONS)}",
    "errors": "share of requests answered with an error, 0 to 1",
    "error-status": "status of these errors",
    "stall-every-s": "stand still each so many seconds",
    "stall-ms": "for so long",
    "leak-mb": "memory kept for every 1,000 requests",
    "leak-cap-mb": "the most that is kept",
    "capacity": "requests worked on at the same time; 0 = no limit",
    "token-ttl-s": "seconds for which a token is good",
    "cold-ms": "what a search costs the first time",
}


def main() -> int:
    """Serve until told to end; print one JSON line with the address when ready."""
    parser = argparse.ArgumentParser(prog="python -m maid_lab.demo.shop", description="The demo shop on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--seed", type=int, default=1, help="seed of goods and trouble")
    parser.add_argument("--switches", default="{}", metavar="JSON", help="all switches at once; the flags below win")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends or the parent process is gone")
    for flag, text in _FLAGS.items():
        parser.add_argument(f"--{flag}", help=text)
    given = parser.parse_args()
    try:
        switches = _switches(given)
        _runner()(_serve(given.port, given.seed, switches, with_parent=given.with_parent))
    except (InvalidInput, OSError) as problem:
        parser.exit(2, f"{problem}\n")
    return 0


def _switches(given: argparse.Namespace) -> Switches:
    try:
        changes = json.loads(given.switches)
    except ValueError as wrong:
        raise InvalidInput(f"--switches is not JSON: {wrong}.") from None
    if not isinstance(changes, dict):
        raise InvalidInput("--switches is not a JSON object.")
    names = [flag.replace("-", "_") for flag in _FLAGS]
    return Switches().changed(changes | {name: value for name in names if (value := getattr(given, name)) is not None})


def _runner() -> Callable[[Any], Any]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


async def _serve(port: int, seed: int, switches: Switches, *, with_parent: bool) -> None:
    _allow_many_connections()
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    if with_parent:
        threading.Thread(target=_watch_parent, args=(loop, end), daemon=True).start()
    shop = Shop(seed=seed)
    url = await shop.start(port, switches)
    gc.collect()
    gc.freeze()  # the goods and pages live as long as the process; the collector need not visit them again
    sys.stdout.write(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    await end.wait()
    await shop.stop()


def _watch_parent(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    """End with the parent: its end of our standard input closes, or, where a copy of that lives on in another process, it is gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], _LOOK_FOR_PARENT_S)
        if ready and not os.read(0, 4096):
            break
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(end.set)


def _allow_many_connections() -> None:
    """Lift the soft limit of open files to the hard one; the usual 1,024 would end a test of 2,000 users."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
