"""Commands as people type them."""

import pytest

from maid_lab.model.errors import InvalidInput
from maid_lab.services.commands import COMMANDS, command_named, parse_line


@pytest.mark.parametrize("line", ["run-time 30s", "run_time 30s", "RunTime 30s", "RUN TIME 30s", "  run  time   30s "])
def test_the_words_of_a_name_are_joined_as_one_likes(line: str) -> None:
    command, arguments = parse_line(line)
    assert (command.name, arguments) == ("run-time", {"seconds": "30s"})


@pytest.mark.parametrize(
    ("line", "name"), [("?", "help"), ("stats", "metrics"), ("hatch-rate 3", "increase-rate"), ("CONFIG-JSON", "config")]
)
def test_the_names_of_goose_are_known(line: str, name: str) -> None:
    assert parse_line(line)[0].name == name


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("usres 5", "there is no command 'usres'"),
        ("users", "takes one argument, users, it got none"),
        ("users 5 6", "got '5 6'"),
        ("pause now", "takes no argument"),
        ("", "nothing was typed"),
    ],
)
def test_what_is_no_command_is_told(line: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_line(line)
    assert text in str(caught.value)


def test_a_near_miss_is_named() -> None:
    with pytest.raises(InvalidInput, match="users"):
        command_named("usrs")


def test_every_command_says_what_it_does_and_what_it_needs() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert all(command.help.endswith(".") and command.scope in ("maid.read", "maid.write") for command in COMMANDS)
