import re
from pathlib import Path
from typing import Final

from maid_lab.model.diagnostics import Diagnostic, has_errors

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| ([EW]\d{3}) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
CODE: Final = re.compile(r"\b[EW][0-5]\d\d\b")


def used_codes() -> set[str]:
    return {code for path in (ROOT / "maid_lab").rglob("*.py") for code in CODE.findall(path.read_text(encoding="utf-8"))}


def test_each_code_that_is_used_is_explained() -> None:
    assert used_codes() - {code for code, _, _ in ROWS} == set()


def test_each_code_is_explained_once_in_order_below_its_level() -> None:
    codes = [code for code, _, _ in ROWS]
    assert codes == sorted(set(codes), key=lambda code: (code[1:], code[0]))
    for section in PAGE.split("\n## L")[1:]:
        assert {code[1] for code in re.findall(r"^\| ([EW]\d{3}) ", section, re.MULTILINE)} == {section[0]}


def test_codes_that_are_called_reserved_are_not_in_use() -> None:
    reserved = set(CODE.findall(PAGE.partition("## Reserved")[2]))
    assert reserved & used_codes() == set(), "take what is in use off the list at the end of docs/diagnostics.md"
    assert reserved == {code for code, _, _ in ROWS} - used_codes()


def test_a_diagnostic_is_shown_with_its_place_and_remedy() -> None:
    finding = Diagnostic(
        code="E101", severity="error", message="'a' is not a key.", line=3, column=5, hint="Did you mean b?", source="r.yaml"
    )
    assert str(finding) == "E101 'a' is not a key. (r.yaml:3:5) Did you mean b?"
    assert str(Diagnostic(code="E306", severity="error", message="It is missing.", source="r.yaml")) == "E306 It is missing. (r.yaml)"
    assert Diagnostic(**finding.to_json()) == finding


def test_warnings_are_no_errors() -> None:
    warning = Diagnostic(code="W241", severity="warning", message="No thresholds.")
    error = Diagnostic(code="E101", severity="error", message="No key.")
    assert (has_errors([]), has_errors([warning]), has_errors((warning, error))) == (False, False, True)
