import json
from pathlib import Path

import pytest

from maid_lab.cli.early import take, wanted_workers, warmed
from maid_lab.engine.supervision.pool import default_workers as cores
from maid_lab.services.settings import load_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAID_HOME", str(tmp_path))
    monkeypatch.delenv("MAID_WORKERS", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "workers"),
    [
        (["run", "hello", "--workers", "3"], 3), (["run", "hello", "--workers=4"], 4), (["demo", "--workers", "1"], 1),
        (["run", "hello"], cores()), (["demo"], cores()),
        (["run"], 0), ([], 0), (["history"], 0), (["plan", "hello"], 0), (["run", "--help"], 0), (["demo", "--serve"], 0),
        (["run", "hello", "--workers", "many"], 0),
    ],
)  # fmt: skip
def test_only_commands_that_make_load_want_workers(argv: list[str], workers: int) -> None:
    assert wanted_workers(argv) == workers


@pytest.mark.parametrize("files", [{}, {"config.json": 1}, {"config.json": 1, "config.runtime.json": 2}])
@pytest.mark.parametrize("variable", ["", "5"])
@pytest.mark.parametrize("flag", [None, 7])
def test_the_number_is_the_one_of_the_settings(
    files: dict[str, int], variable: str, flag: int | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, workers in files.items():
        (home / name).write_text(json.dumps({"workers": workers}))
    monkeypatch.setenv("MAID_WORKERS", variable)
    argv = ["run", "hello", *(["--workers", str(flag)] if flag else [])]
    assert wanted_workers(argv) == (load_settings(home, flags={"workers": flag}).workers or cores())


def test_a_broken_settings_file_is_left_to_those_who_can_tell(home: Path) -> None:
    (home / "config.json").write_text("{")
    (home / "config.runtime.json").write_text("[]")
    assert wanted_workers(["run", "hello"]) == cores()


def test_nothing_is_taken_when_nothing_was_warmed() -> None:
    assert take() is None
    assert not warmed()
