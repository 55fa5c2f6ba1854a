"""`maid store`: the catalogue and the run folders it can always be rebuilt from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(name="store", help="Look after the history.", no_args_is_help=True, rich_markup_mode=None)

_DAMAGED = 4


@app.command("path")
def path() -> int:
    """Print the home folder."""
    from maid_lab.services.home import home_folder

    sys.stdout.write(f"{home_folder()}\n")
    return 0


@app.command("check")
def check() -> int:
    """Check the catalogue against the run folders. Exit code 4 when they disagree."""
    from maid_lab.services.history import check_store
    from maid_lab.services.home import home_folder, open_home

    findings = check_store(open_home(home_folder()))
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    if findings:
        sys.stdout.write("The run folders are the truth. Mend the catalogue with: maid store rebuild\n")
        return _DAMAGED
    sys.stdout.write("The catalogue and the run folders agree.\n")
    return 0


@app.command("rebuild")
def rebuild() -> int:
    """Build the catalogue anew from the run folders; nothing in them is changed."""
    from maid_lab.services.history import rebuild_store
    from maid_lab.services.home import home_folder, open_home

    runs = rebuild_store(open_home(home_folder()))
    sys.stdout.write(f"The catalogue was rebuilt: {runs} runs.\n")
    return 0


@app.command("trim")
def trim(
    *,
    max_history: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Runs that are kept; 0 keeps all. Default: the setting.")
    ] = None,
    max_history_bytes: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Bytes of all runs together that are kept; 0 keeps all. Default: the setting.")
    ] = None,
) -> int:
    """Remove the oldest runs beyond the bounds; never a pinned one, the one under way or the newest."""
    from maid_lab.services.home import home_folder, open_home
    from maid_lab.services.housekeeping import trim_history
    from maid_lab.services.settings import load_settings

    home = open_home(home_folder())
    settings = load_settings(home, flags={"max_history": max_history, "max_history_bytes": max_history_bytes})
    removed = trim_history(home, max_history=settings.max_history, max_history_bytes=settings.max_history_bytes)
    for run_id in removed:
        sys.stdout.write(f"{run_id}\n")
    if not removed:
        sys.stdout.write("Nothing is to be removed.\n")
    return 0


@app.command("backup")
def backup(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder outside the home folder; the copy gets a folder of its own in it.")],
) -> int:
    """Copy catalogue and runs, consistent even while a run is under way."""
    from maid_lab.services.history import backup_store
    from maid_lab.services.home import home_folder, open_home

    written = backup_store(open_home(home_folder()), folder)
    sys.stdout.write(f"{written}\n")
    return 0
