"""`maid recipes`: what can be run."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from maid_lab.cli.options import RecipeRef

__all__ = ["app"]

app = typer.Typer(name="recipes", help="Find and read recipes.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False) -> int:
    """List the built-in recipes and your own."""
    from maid_lab.services.home import home_folder
    from maid_lab.services.library import RecipeLibrary
    from maid_lab.services.planning import card_of

    cards = [card_of(source) for source in RecipeLibrary(home_folder()).sources()]
    if as_json:
        sys.stdout.write(json.dumps(cards, ensure_ascii=False) + "\n")
        return 0
    from rich.table import Table
    from rich.text import Text

    from maid_lab.cli.consoles import console_for
    from maid_lab.cli.text import clean

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("id", "category", "title", "presets", "from"):
        table.add_column(column)
    for card in cards:
        table.add_row(*(Text(clean(card[key])) for key in ("id", "category", "title", "presets", "origin")))
    console_for().print(table)
    return 0


@app.command("show")
def show(*, recipe: RecipeRef) -> int:
    """Print a recipe as it is written."""
    from maid_lab.cli.text import clean
    from maid_lab.services.home import home_folder
    from maid_lab.services.library import RecipeLibrary
    from maid_lab.services.planning import load_source

    text = load_source(RecipeLibrary(home_folder()).find(recipe)).text
    # A file gets the recipe byte for byte; a terminal must not obey what stands in it.
    sys.stdout.write("\n".join(map(clean, text.split("\n"))) if sys.stdout.isatty() else text)
    return 0


@app.command("schema")
def schema() -> int:
    """Print the JSON Schema of recipes, for editors."""
    from maid_lab.services.planning import recipe_schema

    sys.stdout.write(json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
