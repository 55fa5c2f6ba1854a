from tests.cli.reference import PAGE, page_with, reference


def test_the_page_names_every_command_flag_and_setting() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page_with(written, reference()), "run: python -m tests.cli.reference"


def test_the_reference_sees_commands_in_groups_and_all_names_of_a_flag() -> None:
    made = reference()
    for words in (
        "### `maid run`",
        "### `maid store rebuild`",
        "`--increase-rate` `--hatch-rate` `-r` R",
        "| `RECIPE` |",
        "`MAID_WORKERS`",
    ):
        assert words in made
