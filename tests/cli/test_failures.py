import os
from pathlib import Path

import pytest

from maid_lab.cli.failures import report
from maid_lab.model.diagnostics import Diagnostic
from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, MaidError, Missing, Refused


@pytest.mark.parametrize(
    ("error", "code"),
    [(InvalidInput("a"), 2), (Refused("b"), 3), (Conflict("c"), 4), (Missing("d"), 2), (EngineFailure("e"), 4), (MaidError("f"), 4)],
)
def test_an_error_on_purpose_is_told_with_its_remedy(error: MaidError, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    error.hint = "Do this."
    assert report(error, ["run"]) == code
    assert capsys.readouterr().err == f"maid: {error.message}\n      Do this.\n"


def test_findings_are_told_like_a_compiler(capsys: pytest.CaptureFixture[str]) -> None:
    finding = Diagnostic(code="E101", severity="error", message="unknown key")
    assert report(InvalidInput("2 errors", diagnostics=[finding]), ["run"]) == 2
    assert "error[E101]: unknown key" in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_and_a_log_for_its_owner(capsys: pytest.CaptureFixture[str]) -> None:
    code = report(KeyError("surprise"), ["run", "hello", "--param", "token=canary-7", "--host=http://u:canary-8@x"])
    out = capsys.readouterr()
    assert (code, out.out) == (4, "")
    assert out.err.count("\n") == 1
    assert "Traceback" not in out.err
    path = Path(out.err.split("Details: ")[1].strip())
    text = path.read_text()
    assert "KeyError: 'surprise'" in text
    assert "--param" in text
    assert "canary" not in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_home_that_cannot_be_written_does_not_hide_the_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MAID_HOME", str(tmp_path / "file"))
    assert report(ValueError("bad\nthing"), ["run"]) == 4
    assert capsys.readouterr().err.startswith("maid: unexpected error: ValueError: bad thing.")


def test_interrupts_and_exits_keep_their_codes() -> None:
    assert [report(KeyboardInterrupt(), []), report(SystemExit(3), []), report(SystemExit("x"), [])] == [130, 3, 4]
    assert os.environ["MAID_HOME"]
