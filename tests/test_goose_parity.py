"""The page on Goose parity: every feature once, and every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
PAGE: Final = (TESTS.parent / "docs" / "goose-parity.md").read_text(encoding="utf-8")
#: How many rows each letter has.
IDS: Final = {"F": 39, "G": 5, "P": 6, "S": 7, "H": 5, "U": 11, "E": 4, "C": 15, "L": 6, "R": 18, "O": 6, "D": 17}
ROWS: Final = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]


def test_each_feature_has_its_row_once() -> None:
    found = [row[0].strip("| ") for row in ROWS]
    assert sorted(found) == sorted(f"{letter}{number}" for letter, count in IDS.items() for number in range(1, count + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("| "))
def test_each_proof_is_there_and_what_is_open_says_so(row: list[str]) -> None:
    proofs = re.findall(r"`([\w/]+\.py)::(\w+)`", row[-1])
    assert proofs or "*Open" in row[-1]
    for file, name in proofs:
        assert re.search(rf"^(async )?def {name}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file} has no {name}"
