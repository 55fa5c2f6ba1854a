"""The pages on web pages and streams: every example in them is planned, and the thresholds fit it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Final

import pytest

from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import parse_recipe
from maid_lab.model.thresholds import parse_threshold

DOCS: Final = Path(__file__).parent.parent.parent / "docs"
TEXTS: Final = {name: (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("streams", "web-pages")}
EXAMPLES: Final = [example for text in TEXTS.values() for example in re.findall(r"```yaml example\n(.*?)```", text, re.DOTALL)]
(THRESHOLDS,) = re.findall(r"```yaml thresholds\n(.*?)```", TEXTS["streams"], re.DOTALL)
RECIPE: Final = """\
schema: maid.recipe/v1
id: page
title: Page
description: An example of the documentation.
target: {base_url: "demo:shop"}
load: {users: 20, run_time: 60s}
"""


def planned(steps: str, thresholds: str = "- error_rate < 1%") -> list[str]:
    text = (
        f"{RECIPE}thresholds:\n{textwrap.indent(thresholds, '  ')}\nscenarios:\n  - name: s\n    steps:\n{textwrap.indent(steps, '      ')}"
    )
    result = make_plan(parse_recipe(text))
    assert (result.plan is None) == any(item.severity == "error" for item in result.diagnostics)
    return [str(item) for item in result.diagnostics if item.severity == "error"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: " ".join(example.split())[:60])
def test_an_example_is_a_list_of_steps_that_run(example: str) -> None:
    assert planned(example) == []


def test_the_thresholds_of_streams_are_planned() -> None:
    assert planned(EXAMPLES[0], THRESHOLDS) == []
    metrics = {parse_threshold(line.strip('- "')).metric for line in THRESHOLDS.splitlines() if line.startswith("- ")}
    assert metrics >= {"ttfb", "event_gap", "messages_in"}


def test_a_threshold_on_gaps_cannot_stop_a_run() -> None:
    (found,) = planned(EXAMPLES[0], '- "p95(event_gap, sse) < 50ms over 10s abort"')
    assert "E401" in found
    assert "known only from the rows" in found


def test_the_words_of_streams_and_pages_are_described() -> None:
    for word in ("until", "max", "messages_in", "event_gap", "events.parquet", "ttfb"):
        assert f"`{word}" in TEXTS["streams"] or f"{word}:" in TEXTS["streams"], word
    for word in ("page", "form_submit", "parallel", "css", "xpath", "schema", "not"):
        assert f"`{word}`" in TEXTS["web-pages"], word
