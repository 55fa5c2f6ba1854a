"""The built-in recipes: each loads without a finding, plans with each preset, and asks the shop for nothing that it does not have."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.planning.walks import requests_in
from maid_lab.model.recipe import Recipe, load_recipe
from tests.demo.client import call

if TYPE_CHECKING:
    from maid_lab.demo.launch import DemoProcess
    from maid_lab.model.recipe.target import DataSet

FOLDER: Final = Path(__file__).parent.parent.parent / "recipes"
RECIPES: Final = sorted(FOLDER.glob("*.yaml"))
PRESETS: Final = ("smoke", "normal", "peak")
each_recipe: Final = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


@cache
def recipe_of(path: Path) -> Recipe:
    recipe = load_recipe(path).recipe
    assert recipe is not None
    return recipe


@cache
def planned(path: Path, preset: str) -> PlanResult:
    return make_plan(load_recipe(path), preset=preset, read_data=rows_of)


def rows_of(data_set: DataSet, path: str, folder: Path | None) -> tuple[tuple[dict[str, Any], ...], str]:
    assert folder is not None
    with (folder / path).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file)), ""


def test_the_recipes_of_the_design_are_there() -> None:
    assert {path.stem for path in RECIPES} >= {
        "auth-refresh", "cache-warm-cold", "demo", "ecommerce", "hello", "pagination", "ramp-up", "rest-api", "search", "sustained-load",
        "banking", "endurance", "rate-limit-probe", "social-media", "spa-web", "spike", "sse-llm-stream",
    }  # fmt: skip


@each_recipe
def test_a_recipe_loads_without_a_finding_under_the_id_of_its_file(path: Path) -> None:
    loaded = load_recipe(path)
    assert [str(each) for each in loaded.diagnostics] == []
    assert loaded.recipe is not None
    assert loaded.recipe.id == path.stem
    assert loaded.recipe.license == "Apache-2.0"


@each_recipe
@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_plans_without_a_finding(path: Path, preset: str) -> None:
    result = planned(path, preset)
    assert [str(each) for each in result.diagnostics] == []
    assert result.plan is not None
    assert [target.base_url for target in result.plan.targets] == ["demo:shop"]


@each_recipe
def test_presets_grow_from_smoke_to_peak(path: Path) -> None:
    recipe = recipe_of(path)
    assert tuple(recipe.presets) == PRESETS
    peaks = [sum(load.peak for load in plan.loads) for preset in PRESETS if (plan := planned(path, preset).plan)]
    assert peaks == sorted(set(peaks))


@each_recipe
def test_the_smoke_preset_is_over_within_a_minute(path: Path) -> None:
    plan = planned(path, "smoke").plan
    assert plan is not None
    assert plan.duration_s <= 60 or all(load.model == "iterations" for load in plan.loads)


@each_recipe
def test_the_description_teaches(path: Path) -> None:
    _, found, practice = recipe_of(path).description.partition("Good practice")
    assert found
    assert len(re.findall(r"^- ", practice, re.MULTILINE)) >= 3


@each_recipe
def test_each_threshold_is_justified_by_a_comment(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").partition("\nthresholds:\n")[2].splitlines()
    items = [at for at, line in enumerate(lines) if line.startswith("  - ")][: len(recipe_of(path).thresholds)]
    assert len(items) == len(recipe_of(path).thresholds) >= 2
    assert [lines[at] for at in items if not lines[at - 1].startswith("  # ")] == []


@each_recipe
def test_errors_are_limited_wherever_times_are(path: Path) -> None:
    assert any(text.startswith("error_rate") for text in recipe_of(path).thresholds)


@each_recipe
def test_parameters_say_what_they_are_for(path: Path) -> None:
    assert [parameter.key for parameter in recipe_of(path).parameters if not parameter.description] == []


@each_recipe
def test_the_shop_has_everything_that_is_asked_for(path: Path, shop: DemoProcess) -> None:
    shop.calm()
    plan = planned(path, "normal").plan
    steps = list(requests_in(plan))
    assert steps
    for step in steps:
        call(shop.url, step.method, re.sub(r"\{\{.*?\}\}", "1", step.url), b"" if step.body else None)
    stats = shop.stats()
    asked = stats["served"]["total"] + stats["control"]["total"] - 1  # the question itself
    assert asked == len(steps)
    assert "unknown" not in stats["served"]["routes"]


def test_the_demo_takes_ten_seconds_and_asks_for_nothing_that_the_shop_counts_apart() -> None:
    plan = planned(FOLDER / "demo.yaml", "").plan
    assert plan is not None
    assert (plan.duration_s, plan.warmup_end_s, plan.setup) == (10, 2, ())
    assert len({label.name for label in plan.labels if label.kind == "http"}) >= 7
    assert not {step.url for step in requests_in(plan)} & {"/health", "/stats", "/switches"}
