"""The examples of the page on web pages, run against the shop: all of them hold, and rows are what it served."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maid_lab.model.plan import Target
from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import parse_recipe
from tests.model.test_step_pages import EXAMPLES, RECIPE, TEXTS
from tests.recipes.test_running import run

if TYPE_CHECKING:
    from maid_lab.demo.launch import DemoProcess

#: The second example on streams is about a server that nobody has.
RUNNING = [example for example in EXAMPLES if "/prices" not in example]


def test_both_pages_have_examples_that_run() -> None:
    assert {name for name, text in TEXTS.items() for example in RUNNING if example in text} == set(TEXTS)


@pytest.mark.parametrize("example", RUNNING, ids=lambda example: " ".join(example.split())[:60])
async def test_an_example_holds_against_the_shop(example: str, shop: DemoProcess, tmp_path: Path) -> None:
    shop.calm()
    text = f"{RECIPE}thresholds: [error_rate < 1%]\nscenarios:\n  - name: s\n    steps:\n{textwrap.indent(example, '      ')}"
    plan = make_plan(parse_recipe(text), overrides={"host": shop.url, "iterations": 2, "users": 2}).plan
    assert plan is not None
    status = await run(replace(plan, targets=(Target(base_url=shop.url, addresses=("127.0.0.1",)),)), tmp_path)
    stats = shop.stats()
    assert (status["failures"], status["errors"]) == (0, [])
    assert status["requests"] == stats["served"]["total"] == stats["served"]["answered"] >= 4
