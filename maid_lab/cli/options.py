"""Flags that several commands share: names and short letters are those of Goose where Goose has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AcceptInvalidCerts", "BaselineFile", "CoMitigation", "DecreaseRate", "DecreaseTime", "Host", "IncreaseRate", "IncreaseTime", "Iterations",
    "Json", "ListAll", "NoAutostart", "NoGzip", "Parameters", "ParametersFile", "Preset", "Quiet", "Rate", "RecipeRef", "ReportFiles",
    "RunName", "RunRef", "RunTags", "RunTime", "Scenarios", "ScenariosList", "Seed", "StickyFollow", "TestPlan", "Throttle", "Timeout",
    "Users", "Verbose", "Workers",
]  # fmt: skip

_LOAD = "Load"
_RECIPE = "Recipe"
_ENGINE = "Engine"
_OUTPUT = "Output"

RecipeRef = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="Id of a built-in recipe, path of a recipe file, or Python scenarios: users.py, users.py:browse."
    ),
]
RunRef = Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning or its end, or `last`.")]

Host = Annotated[
    str | None, typer.Option("--host", "-H", metavar="URL", help="Base URL under test instead of the recipe's.", rich_help_panel=_LOAD)
]
Users = Annotated[
    int | None,
    typer.Option("--users", "-u", min=1, metavar="N", help="Concurrent users; all levels are scaled to this peak.", rich_help_panel=_LOAD),
]
Rate = Annotated[
    str | None,
    typer.Option("--rate", metavar="R", help="Starts per second of an open load; levels are scaled to this peak.", rich_help_panel=_LOAD),
]
RunTime = Annotated[
    str | None,
    typer.Option("--run-time", "-t", metavar="T", help="Time at level, after the increase: 20, 30s, 2m, 1h30m.", rich_help_panel=_LOAD),
]
IncreaseRate = Annotated[
    str | None,
    typer.Option("--increase-rate", "--hatch-rate", "-r", metavar="R", help="Users added per second.", rich_help_panel=_LOAD),
]
IncreaseTime = Annotated[
    str | None,
    typer.Option("--increase-time", "--startup-time", "-s", metavar="T", help="Time in which all users are added.", rich_help_panel=_LOAD),
]
DecreaseRate = Annotated[
    str | None, typer.Option("--decrease-rate", metavar="R", help="Users removed per second at the end.", rich_help_panel=_LOAD)
]
DecreaseTime = Annotated[
    str | None, typer.Option("--decrease-time", metavar="T", help="Time in which all users are removed.", rich_help_panel=_LOAD)
]
Iterations = Annotated[
    int | None, typer.Option("--iterations", min=1, metavar="N", help="Loops of each user, then that user ends.", rich_help_panel=_LOAD)
]
TestPlan = Annotated[
    str | None,
    typer.Option("--test-plan", metavar="U,T;U,T", help="Steps of users and time: 10,30s;10,5m;0,10s.", rich_help_panel=_LOAD),
]
Parameters = Annotated[
    list[str] | None, typer.Option("--param", metavar="K=V", help="Value of a recipe parameter; repeatable.", rich_help_panel=_RECIPE)
]
ParametersFile = Annotated[
    Path | None, typer.Option("--params-file", metavar="FILE", help="Parameter values as a YAML or JSON mapping.", rich_help_panel=_RECIPE)
]
Preset = Annotated[str | None, typer.Option("--preset", metavar="P", help="Preset of the recipe, such as smoke.", rich_help_panel=_RECIPE)]
Scenarios = Annotated[
    str | None,
    typer.Option("--scenarios", metavar="A,B*", help="Only these scenarios; * matches any ending.", rich_help_panel=_RECIPE),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Seed of all random choices, to repeat a run.", rich_help_panel=_RECIPE)
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Worker processes; default one per core.", rich_help_panel=_ENGINE)
]
Throttle = Annotated[
    float | None,
    typer.Option(
        "--throttle-requests",
        min=0,
        max=1_000_000,
        metavar="N",
        help="Ceiling of requests per second.",
        rich_help_panel=_ENGINE,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0.001, metavar="SECS", help="Seconds after which a request is given up.", rich_help_panel=_ENGINE),
]
NoAutostart = Annotated[
    bool,
    typer.Option("--no-autostart", help="Wait until `maid control start`, and again after each test.", rich_help_panel=_ENGINE),
]
NoGzip = Annotated[bool, typer.Option("--no-gzip", help="Ask for answers without compression.", rich_help_panel=_ENGINE)]
StickyFollow = Annotated[
    bool, typer.Option("--sticky-follow", help="After a redirect to another host, stay there.", rich_help_panel=_ENGINE)
]
AcceptInvalidCerts = Annotated[
    bool, typer.Option("--accept-invalid-certs", help="Do not check certificates of the target.", rich_help_panel=_ENGINE)
]
ListAll = Annotated[
    bool,
    typer.Option("--list", "-l", help="List scenarios, transactions, requests and weights, and send nothing.", rich_help_panel=_RECIPE),
]
ScenariosList = Annotated[
    bool, typer.Option("--scenarios-list", help="List the machine names of the scenarios, and send nothing.", rich_help_panel=_RECIPE)
]
RunName = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Name of the run in the history.", rich_help_panel=_OUTPUT)]
RunTags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="WORD", help="Tag of the run in the history; repeatable.", rich_help_panel=_OUTPUT)
]
ReportFiles = Annotated[
    list[Path] | None,
    typer.Option("--report-file", metavar="FILE", help="Write a report; the suffix says the format; repeatable.", rich_help_panel=_OUTPUT),
]
BaselineFile = Annotated[
    str | None,
    typer.Option(
        "--baseline-file",
        metavar="FILE",
        help="Compare with an earlier JSON report, or with a run: its id, `last` or a tag.",
        rich_help_panel=_OUTPUT,
    ),
]
CoMitigation = Annotated[
    str | None,
    typer.Option(
        "--co-mitigation",
        metavar="MODE",
        help="Show what coordinated omission hides, by the average, minimum or maximum duration of a user's loops; or disabled.",
        rich_help_panel=_OUTPUT,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Exactly one JSON object on standard output, all else on standard error.", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[
    int,
    typer.Option(
        "--quiet",
        "-q",
        count=True,
        help="No progress; twice: no warnings either; thrice: no errors of the run either.",
        rich_help_panel=_OUTPUT,
    ),
]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Show the run's log; twice for all of it.", rich_help_panel=_OUTPUT)
]
