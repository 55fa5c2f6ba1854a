"""The page on load profiles: every example in it is planned, and every profile has one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import parse_recipe
from maid_lab.model.recipe.loads import PROFILES

PAGE: Final = (Path(__file__).parent.parent.parent / "docs" / "load-profiles.md").read_text(encoding="utf-8")
EXAMPLES: Final = re.findall(r"```yaml example\n(.*?)```", PAGE, re.DOTALL)
RECIPE: Final = """\
schema: maid.recipe/v1
id: page
title: Page
description: An example of the documentation.
target: {base_url: "demo:shop"}
scenarios:
  - {name: browse, steps: [{get: /products}]}
  - {name: buy, steps: [{post: /checkout}]}
thresholds: [error_rate < 1%]
"""


def recorded(_path: str, _folder: Path | None) -> list[tuple[int, dict[str, str]]]:
    """Give the recording that the page shows."""
    lines = re.search(r"```text\n(offset,.*?)```", PAGE, re.DOTALL)
    assert lines is not None
    head, *rows = (line.split(",") for line in lines[1].split())
    return [(number, dict(zip(head, row, strict=True))) for number, row in enumerate(rows, start=2)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: " ".join(example.split())[:70])
def test_an_example_is_a_load_that_runs(example: str) -> None:
    result = make_plan(parse_recipe(RECIPE + example), read_recording=recorded)
    assert [str(item) for item in result.diagnostics if item.severity == "error"] == []
    assert result.plan is not None
    assert result.plan.loads


def test_every_profile_has_an_example_and_a_drawing() -> None:
    shown = {name for example in EXAMPLES for name in re.findall(r"profile: ([a-z-]+)", example)}
    # A shape is a piece of Python that the caller brings, so it has no example that stands by itself.
    assert shown == set(PROFILES) - {"custom"}
    assert "`custom`" in PAGE
    assert len(re.findall(r"```text\n", PAGE)) >= 9
