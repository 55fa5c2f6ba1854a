from pathlib import Path
from typing import Any

import pytest

from maid_lab.cli.request import EXCLUSIONS, RunRequest, check_exclusions, parameter_values, request_from
from maid_lab.model.errors import InvalidInput


def test_only_what_was_given_is_asked_for() -> None:
    flags: dict[str, Any] = {
        "host": "http://127.0.0.1:1", "users": 20, "run_time": None, "scenarios": "a, b*,",
        "param": ["k=v=w"], "preset": None, "verbose": 0,
    }  # fmt: skip
    assert request_from("hello", flags) == RunRequest(
        recipe="hello",
        parameters={"k": "v=w"},
        overrides={"host": "http://127.0.0.1:1", "users": 20, "scenarios": ["a", "b*"]},
    )


@pytest.mark.parametrize(("one", "other", "remedy"), EXCLUSIONS)
def test_flags_that_contradict_are_both_named(one: str, other: str, remedy: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_exclusions({one: "1", other: "2"})
    assert str(caught.value) == f"--{one.replace('_', '-')} and --{other.replace('_', '-')} exclude each other. {remedy}"


def test_increase_time_needs_two_users() -> None:
    with pytest.raises(InvalidInput, match="at least 2 users"):
        check_exclusions({"increase_time": "5s", "users": 1})
    check_exclusions({"increase_time": "5s", "users": 2})


def test_words_win_over_the_parameters_file(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("users: 5\nregion: north\n")
    assert parameter_values(["users=9"], file) == {"users": "9", "region": "north"}


@pytest.mark.parametrize(("content", "message"), [("[1]", "is not a mapping"), ("a: [", "cannot be read"), (None, "is not there")])
def test_a_wrong_parameters_file_is_named(content: str | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InvalidInput, match=message):
        parameter_values([], file)


@pytest.mark.parametrize("word", ["users", "=5"])
def test_a_parameter_is_written_name_equals_value(word: str) -> None:
    with pytest.raises(InvalidInput, match="not written name=value"):
        parameter_values([word], None)
