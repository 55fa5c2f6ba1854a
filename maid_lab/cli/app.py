"""The command line: its commands, each in a module that imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from maid_lab.cli.commands import (
    auditing,
    checking,
    comparing,
    controlling,
    demonstrating,
    keys,
    logging,
    looking,
    machine,
    policing,
    recipes,
    running,
    storing,
)

__all__ = ["app"]

HELP = """Load testing and performance analytics that live in the notebook.

Start with `maid demo`: it load-tests a bundled shop on this machine."""

app = typer.Typer(
    name="maid",
    help=HELP,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if asked:
        from maid_lab._version import __version__

        typer.echo(f"maid {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """Take the flags of the program itself."""
    from maid_lab.cli.logs import tell_warnings

    tell_warnings()


app.command("run")(running.run)
app.command("demo")(demonstrating.demo)
app.command("control")(controlling.control)
app.command("stop")(controlling.stop)
app.command("status")(looking.status)
app.command("history")(looking.history)
app.command("show")(looking.show)
app.command("compare")(comparing.compare)
app.command("logs")(logging.logs)
app.command("report")(looking.report)
app.command("validate")(checking.validate)
app.command("plan")(checking.plan)
app.add_typer(recipes.app, name="recipes")
app.add_typer(keys.app, name="keys")
app.add_typer(storing.app, name="store")
app.add_typer(policing.app, name="policy")
app.add_typer(auditing.app, name="audit")
app.command("doctor")(machine.doctor)
