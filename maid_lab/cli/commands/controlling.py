"""`maid control` and `maid stop`: orders to a test that another program runs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import asyncio

__all__ = ["control", "stop"]

JsonOutput = Annotated[bool, typer.Option("--json", help="Print the answers as JSON, one object a line.")]

_LEAVE = ("exit", "quit", "q")


def control(
    *,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]", help="One command, such as `users 20`; without one, lines are read until exit."),
    ] = None,
    as_json: JsonOutput = False,
) -> int:
    """Control the test that runs, or waits to be started, in another program of this MAID_HOME; `help` lists the commands."""
    from maid_lab.cli.loop import run_async

    return run_async(_once(" ".join(command), as_json=as_json) if command else _console(as_json=as_json))


def stop(
    *,
    now: Annotated[bool, typer.Option("--now", help="Cut what is under way instead of waiting for its answers.")] = False,
    as_json: JsonOutput = False,
) -> int:
    """Stop the test that runs in another program; its rows are kept."""
    from maid_lab.cli.loop import run_async

    return run_async(_once("shutdown" if now else "stop", as_json=as_json))


async def _once(line: str, *, as_json: bool) -> int:
    from maid_lab.lab import Lab
    from maid_lab.services.commands import parse_line
    from maid_lab.services.door import ask, knock

    # A line that means nothing needs no test that could tell so.
    parse_line(line)
    async with Lab.open() as lab:
        reader, writer = await knock(lab.home)
        try:
            _tell(await ask(reader, writer, line), as_json=as_json)
        finally:
            writer.close()
    return 0


async def _console(*, as_json: bool) -> int:
    from maid_lab.lab import Lab
    from maid_lab.services.door import knock

    async with Lab.open() as lab:
        reader, writer = await knock(lab.home)
        try:
            return await _lines(reader, writer, as_json=as_json)
        finally:
            writer.close()


async def _lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, as_json: bool) -> int:
    """Answer line by line; what cannot be done is told, and the console goes on."""
    import asyncio

    from maid_lab.model.errors import MaidError, Missing
    from maid_lab.services.door import ask

    is_person = sys.stdin.isatty()
    failed = 0
    while True:
        if is_person:
            sys.stdout.write("maid> ")
            sys.stdout.flush()
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line or line.strip().lower() in _LEAVE:
            return failed if not is_person else 0
        if not line.strip():
            continue
        try:
            _tell(await ask(reader, writer, line.strip()), as_json=as_json)
        except Missing as error:
            if reader.at_eof():
                raise
            failed = _refused(error)
        except MaidError as error:
            failed = _refused(error)


def _refused(error: Any) -> int:
    sys.stderr.write(f"{error}\n")
    code: int = error.exit_code
    return code


def _tell(response: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(response, ensure_ascii=False) + "\n")
    elif "commands" in response:
        for entry in response["commands"]:
            sys.stdout.write(f"{' '.join((entry['name'], entry['argument'].upper())):22}{entry['help']} ({entry['when']})\n")
        sys.stdout.write(f"{'exit':22}Leave the console; the test goes on.\n")
    elif "status" in response:
        from maid_lab.cli.progress import line

        status = response["status"]
        sys.stdout.write((line(status) if status and "requests" in status else "no figures yet") + "\n")
    elif "plan" in response:
        sys.stdout.write(json.dumps(response["plan"], ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.write(", ".join(f"{key} {_shown(value)}" for key, value in response.items()) + "\n")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
