import io
from pathlib import Path

import pytest

from maid_lab.cli.findings import print_findings, tally
from maid_lab.model.diagnostics import Diagnostic

UNKNOWN = Diagnostic(
    code="E101",
    severity="error",
    message="unknown key 'taget'",
    hint="Did you mean 'target'?",
    pointer="/taget",
    line=2,
    column=1,
    source="r.yaml",
)
ADVICE = Diagnostic(code="W241", severity="warning", message="no thresholds", hint="Add one.")


def printed(*findings: Diagnostic, texts: dict[str, str] | None = None) -> str:
    stream = io.StringIO()
    print_findings(findings, texts=texts, stream=stream)
    return stream.getvalue()


def test_a_finding_shows_its_line_with_a_caret() -> None:
    assert printed(UNKNOWN, texts={"r.yaml": "id: a\ntaget: b\n"}) == (
        "error[E101]: unknown key 'taget'\n --> r.yaml:2:1\n2 | taget: b\n  | ^\n  = Did you mean 'target'?\n\n"
    )


def test_a_finding_without_place_is_its_message() -> None:
    assert printed(ADVICE) == "warning[W241]: no thresholds\n = Add one.\n\n"


def test_the_line_is_read_from_the_file_when_no_text_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text("id: a\ntaget: b\n")
    assert "2 | taget: b" in printed(UNKNOWN)


def test_a_line_that_is_not_there_is_left_out() -> None:
    assert "2 |" not in printed(UNKNOWN, texts={"r.yaml": "id: a"})
    assert "2 |" not in printed(UNKNOWN)


def test_escapes_from_a_file_are_not_obeyed() -> None:
    assert "\x1b" not in printed(UNKNOWN, texts={"r.yaml": "a\n\x1b[2Jtaget: b"})


def test_the_tally_counts_by_severity() -> None:
    assert [tally([UNKNOWN, ADVICE, ADVICE]), tally([])] == ["1 error, 2 warnings", "no findings"]
