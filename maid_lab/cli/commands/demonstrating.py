"""`maid demo`: the bundled shop under load, from start to report, on this machine alone."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maid_lab.cli.options import Json, Quiet, RunTime, Users, Verbose, Workers

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.cli.session import Outcome
    from maid_lab.services.bundled import RunningTarget

__all__ = ["demo"]

_RECIPE = "demo"
_MISCOUNTED = 4


def demo(
    *,
    users: Users = None,
    run_time: RunTime = None,
    workers: Workers = None,
    serve: Annotated[bool, typer.Option("--serve", help="Keep the demo shop up until Ctrl-C, and put no load on it.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="Port of the shop; 0 takes a free one.")] = 0,
    as_json: Json = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> int:
    """Load-test the bundled demo shop: live progress, stored run, summary, HTML report."""
    from maid_lab.cli.loop import run_async

    if serve:
        return run_async(_serve(port, as_json=as_json))
    flags = {"users": users, "run_time": run_time, "workers": workers, "quiet": quiet, "verbose": verbose, "as_json": as_json}
    return run_async(_demo(port, flags))


async def _serve(port: int, *, as_json: bool) -> int:
    import asyncio

    from maid_lab.cli.session import signal_event
    from maid_lab.services.bundled import start_target

    shop = await asyncio.to_thread(start_target, "shop", port=port)
    try:
        text = json.dumps({"name": "shop", "url": shop.url}) if as_json else f"The demo shop is at {shop.url}  (Ctrl-C ends it)"
        with signal_event() as ended:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
            await ended.wait()
    finally:
        await asyncio.to_thread(shop.stop)
    return 0


async def _demo(port: int, flags: dict[str, Any]) -> int:
    import asyncio

    from maid_lab.cli import early
    from maid_lab.cli.progress import display_for
    from maid_lab.cli.reports import write_reports
    from maid_lab.cli.request import request_from
    from maid_lab.cli.session import run_to_end
    from maid_lab.lab import Lab
    from maid_lab.services.bundled import start_target

    # The shop's process gets ready while this one imports and opens what it needs.
    starting = asyncio.create_task(asyncio.to_thread(start_target, "shop", port=port))
    async with Lab.open(flags={"workers": flags["workers"]}) as lab:
        lab.runs.adopt(early.take())
        shop = await starting
        try:
            request = request_from(_RECIPE, {**flags, "host": shop.url})
            display = display_for(sys.stderr, quiet=flags["quiet"], verbose=flags["verbose"])
            outcome = await run_to_end(lab, request, display=display, name="Demo")
            served = await asyncio.to_thread(_served, shop)
        finally:
            await asyncio.to_thread(shop.stop)
        (report,) = await write_reports(lab, outcome.record, [None])
    return _tell(outcome, served, report, as_json=flags["as_json"])


def _served(shop: RunningTarget) -> int:
    return int(shop.stats()["served"]["total"])


def _tell(outcome: Outcome, served: int, report: Path, *, as_json: bool) -> int:
    from maid_lab.cli.records import record_json
    from maid_lab.cli.summary import print_summary

    record = outcome.record
    rows = record.rows_count or 0
    if as_json:
        sys.stdout.write(json.dumps({**record_json(record), "served": served, "report": str(report)}, ensure_ascii=False) + "\n")
    else:
        print_summary(record)
        sys.stdout.write(f"\n{_count_line(rows, served)}\n\nreport   {report}\n{_NEXT}")
    if rows != served and not outcome.interrupted:
        return _MISCOUNTED
    return outcome.exit_code


def _count_line(rows: int, served: int) -> str:
    if rows == served:
        return f"✓ {rows:,} rows stored = {served:,} requests that the shop counted"
    return f"✗ {rows:,} rows stored, but the shop counted {served:,} requests"


_NEXT = """next     maid show last               the summary again
         maid run rest-api --help     a test of your own
         maid history                 all runs
         maid demo --serve            keep the shop up to test it yourself
"""
