"""What a recipe holds, listed without sending anything; and the switches of the engine."""

import json
from typing import Any

import pytest

from maid_lab.cli.entry import call
from maid_lab.cli.request import request_from
from maid_lab.demo.launch import DemoProcess
from maid_lab.model.plan import HttpStep
from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import parse_recipe
from tests.model.recipes import HELLO

RECIPE = """schema: maid.recipe/v1
id: three
title: Three
description: Three scenarios.
target: {{base_url: "{url}"}}
load: {{users: 2, run_time: 200ms}}
scenarios:
  - name: Look Around
    weight: 3
    steps: [{{transaction: first, steps: [{{name: home, get: /}}]}}]
  - {{name: search, weight: 2, steps: [{{name: find, get: "/search?q=a"}}]}}
  - {{name: search-more, steps: [{{name: more, get: /products}}]}}
"""


def test_scenarios_are_listed_with_their_weights_and_nothing_is_sent(tmp_path: Any, shop: DemoProcess, capsys: Any) -> None:
    shop.calm()
    path = tmp_path / "three.yaml"
    path.write_text(RECIPE.format(url=shop.url))
    assert call(["run", str(path), "-l"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Look Around  weight 3", "  transaction  first", "  request      home", "search  weight 2", "  request      find",
        "search-more  weight 1", "  request      more",
    ]  # fmt: skip
    assert call(["run", str(path), "--list", "--json"]) == 0
    assert [entry["weight"] for entry in json.loads(capsys.readouterr().out)] == [3, 2, 1]
    assert call(["run", str(path), "--scenarios-list"]) == 0
    assert capsys.readouterr().out.split() == ["look_around", "search", "search_more"]
    assert shop.stats()["served"]["total"] == 0
    assert call(["run", str(path), "--scenarios", "look_around,search_*", "--list"]) == 0
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines() if "weight" in line] == ["Look Around", "search-more"]
    assert call(["run", str(path), "--scenarios", "nothing*", "-l"]) == 2


@pytest.mark.parametrize(
    ("flag", "read", "usual", "switched"),
    [
        ("no_gzip", lambda step: step.gzip, True, False),
        ("sticky_follow", lambda step: step.sticky, False, True),
        ("accept_invalid_certs", lambda step: step.tls.verify, True, False),
    ],
)
def test_switches_win_over_the_recipe(flag: str, read: Any, usual: bool, switched: bool) -> None:
    for given, wanted in ((False, usual), (True, switched)):
        plan = make_plan(parse_recipe(HELLO), overrides=request_from("hello", {flag: given}).overrides).plan
        assert plan is not None
        step = plan.scenarios[0].steps[0]
        assert isinstance(step, HttpStep)
        assert read(step) is wanted
