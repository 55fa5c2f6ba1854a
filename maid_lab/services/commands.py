"""Commands to a running or waiting test, as people type them and as programs send them; the words are those of Goose's controllers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.model.nearest import did_you_mean

__all__ = ["COMMANDS", "Command", "command_named", "parse_line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command.

    Attributes
    ----------
    argument : str
        Name of its argument, empty when it has none; an argument in brackets may be left out.
    when : str
        `any`, `idle` (before a test that waits is started), `running`, or `idle, running`.
    scope : str
        What a credential needs: `maid.read` or `maid.write`.
    """

    name: str
    help: str
    argument: str = ""
    when: str = "any"
    scope: str = "maid.write"
    aliases: tuple[str, ...] = ()


COMMANDS: Final = (
    Command(name="help", help="List the commands.", scope="maid.read", aliases=("?",)),
    Command(name="start", help="Start the test that waits.", when="idle"),
    Command(name="stop", help="Stop the test; answers under way are waited for.", when="running"),
    Command(name="shutdown", help="Stop at once, and end a program that waits with its test.", when="idle, running"),
    Command(name="host", help="Set the base URL.", argument="url", when="idle"),
    Command(name="users", help="Set the number of users.", argument="users", when="idle, running"),
    Command(name="rate", help="Set the starts per second of an open load.", argument="rate", when="idle, running"),
    Command(
        name="increase-rate",
        help="Set how many users are added per second.",
        argument="rate",
        when="idle, running",
        aliases=("hatch-rate",),
    ),
    Command(name="decrease-rate", help="Set how many users are removed per second.", argument="rate", when="idle, running"),
    Command(
        name="increase-time", help="Set the time in which all users are added.", argument="seconds", when="idle", aliases=("startup-time",)
    ),
    Command(name="decrease-time", help="Set the time in which all users are removed.", argument="seconds", when="idle"),
    Command(name="run-time", help="Set the time at level.", argument="seconds", when="idle, running"),
    Command(name="test-plan", help="Set users and times: 10,30s;10,5m;0,10s.", argument="plan", when="idle, running"),
    Command(name="throttle", help="Set the ceiling of requests per second; 0 takes it away.", argument="rate", when="idle, running"),
    Command(name="pause", help="Send nothing until it is resumed.", when="running"),
    Command(name="resume", help="Go on after a pause.", when="running"),
    Command(name="config", help="Show the plan.", scope="maid.read", aliases=("config-json",)),
    Command(name="metrics", help="Show the figures so far.", scope="maid.read", aliases=("stats", "metrics-json", "stats-json")),
)

_BY_WORD: Final = {
    re.sub(r"[-_]", "", word): command for command in COMMANDS for word in (command.name, *command.aliases)
}  # fmt: skip


def command_named(name: str) -> Command:
    """Return a command by its name, whatever the case and however its words are joined.

    Raises
    ------
    InvalidInput
        If there is none; names the nearest.
    """
    command = _BY_WORD.get(re.sub(r"[-_\s]", "", name.lower()))
    if command is None:
        raise InvalidInput(f"there is no command {name!r}.", hint=did_you_mean(name, [each.name for each in COMMANDS]) or "Type help.")
    return command


def parse_line(line: str) -> tuple[Command, dict[str, Any]]:
    """Return the command of a line that a person typed, with its arguments.

    The words of a name may be joined by `-`, `_`, a space or nothing, in any case: `run-time 30s`, `RunTime 30s`, `run time 30s`.

    Raises
    ------
    InvalidInput
        If there is no such command, or its argument is missing or too much.
    """
    words = line.split()
    for length in range(min(len(words), 2), 0, -1):
        command = _BY_WORD.get(re.sub(r"[-_]", "", "".join(words[:length]).lower()))
        if command is not None:
            return command, _arguments(command, words[length:])
    raise InvalidInput(f"there is no command {words[0]!r}." if words else "nothing was typed.", hint=_hint(words))


def _arguments(command: Command, words: list[str]) -> dict[str, Any]:
    if not command.argument:
        if words:
            raise InvalidInput(f"{command.name} takes no argument, it got {' '.join(words)!r}.", hint=f"Type {command.name} alone.")
        return {}
    if len(words) != 1:
        got = f"got {' '.join(words)!r}" if words else "got none"
        raise InvalidInput(
            f"{command.name} takes one argument, {command.argument}, it {got}.", hint=f"Type {command.name} {command.argument.upper()}."
        )
    return {command.argument: words[0]}


def _hint(words: list[str]) -> str:
    return (did_you_mean(words[0], [command.name for command in COMMANDS]) if words else "") or "Type help."
