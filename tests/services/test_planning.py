import json
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import InvalidInput, Missing
from maid_lab.model.plan import HttpStep
from maid_lab.services.library import RecipeLibrary, RecipeSource
from maid_lab.services.planning import Planned, Planner, card_of, load_source, recipe_schema
from maid_lab.services.settings import load_settings

RECIPE = """
schema: maid.recipe/v1
id: small
title: Small
description: One request.
parameters:
  - {key: page, type: string, default: a, description: Which page}
  - {key: token, type: secret, required: false, description: Token}
presets: {smoke: {page: b}}
target: {base_url: "http://127.0.0.1:9"}
load: {users: 2, run_time: 5s}
scenarios:
  - name: one
    steps: [{get: "/{{ page }}"}]
"""


def planned(
    home: Path, recipe: str = RECIPE, *, flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None, **given: Any
) -> Planned:
    planner = Planner(RecipeLibrary(home), load_settings(home, flags=flags), environment or {})
    return planner.plan(recipe, given.get("parameters", {}), given.get("overrides", {}), preset=given.get("preset", ""))


def first_step(result: Planned) -> HttpStep:
    step = result.plan.scenarios[0].steps[0]
    assert isinstance(step, HttpStep)
    return step


def test_a_recipe_becomes_a_plan_with_its_text_and_advice(tmp_path: Path) -> None:
    result = planned(tmp_path)
    assert (result.plan.recipe_id, result.plan.peak_users, result.recipe_text) == ("small", 2, RECIPE)
    assert {finding.severity for finding in result.diagnostics} <= {"warning", "info"}


def test_values_come_from_preset_and_caller(tmp_path: Path) -> None:
    assert [first_step(planned(tmp_path, **given)).url for given in ({}, {"preset": "smoke"}, {"preset": "smoke", "parameters": {"page": "c"}})] == [
        "/a", "/b", "/c",
    ]  # fmt: skip


def test_a_secret_comes_from_the_environment_and_stays_out_of_the_plan(tmp_path: Path) -> None:
    recipe = RECIPE.replace('{get: "/{{ page }}"}', '{get: {url: /, headers: {Authorization: "Bearer {{ token }}"}}}')
    result = planned(tmp_path, recipe, environment={"MAID_SECRET_TOKEN": "canary-7"})
    assert dict(result.secrets) == {"token": "canary-7"}
    assert "canary-7" not in repr(result)


@pytest.mark.parametrize(
    ("file", "in_recipe", "variable", "flag", "expected"),
    [
        (None, None, None, None, (60.0, 0.0)),
        (9, None, None, None, (9.0, 9.0)),
        (9, 8, None, None, (8.0, 8.0)),
        (9, 8, 7, None, (7.0, 7.0)),
        (9, 8, 7, 6, (6.0, 6.0)),
    ],
)
def test_engine_options_come_from_file_recipe_variable_and_flag_in_this_order(
    file: int | None, in_recipe: int | None, variable: int | None, flag: int | None, expected: tuple[float, float], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    recipe = RECIPE
    if file:
        (tmp_path / "config.json").write_text(json.dumps({"timeout": file, "throttle_requests": file}))
    if in_recipe:
        recipe = recipe.replace(':9"}', f':9", defaults: {{timeout: {in_recipe}s}}}}\nthrottle: {in_recipe}/s')
    if variable:
        monkeypatch.setenv("MAID_TIMEOUT", str(variable))
        monkeypatch.setenv("MAID_THROTTLE_REQUESTS", str(variable))
    result = planned(tmp_path, recipe, flags={"timeout": flag, "throttle_requests": flag})
    assert (first_step(result).timeouts.total_s, result.plan.throttle_per_s) == expected


def test_a_wrong_recipe_raises_with_its_findings(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has 1 errors") as caught:
        planned(tmp_path, RECIPE.replace("load:", "laod:"))
    assert "E101" in {finding.code for finding in caught.value.diagnostics} | {"E102"}
    assert caught.value.diagnostics[0].line > 1


def test_an_unknown_parameter_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        planned(tmp_path, parameters={"pgae": 1})
    assert [(finding.code, finding.hint) for finding in caught.value.diagnostics if finding.severity == "error"] == [
        ("E408", "Did you mean page?")
    ]


def test_an_unknown_recipe_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        planned(tmp_path, "no-such-recipe")


def test_a_card_shows_what_a_list_needs(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(RECIPE)
    bad.write_text("id: [")
    assert card_of(RecipeSource(origin="user", path=good)) == {
        "id": "good", "origin": "user", "category": "custom", "title": "Small", "presets": "smoke", "description": "One request.",
    }  # fmt: skip
    assert card_of(RecipeSource(origin="user", path=bad))["title"].startswith("(not valid: E003")


def test_every_built_in_recipe_can_be_planned(tmp_path: Path) -> None:
    sources = RecipeLibrary(tmp_path).sources()
    assert {"demo", "hello", "rest-api"} <= {source.name for source in sources}
    for source in sources:
        assert load_source(source).is_valid, source.name
        assert planned(tmp_path, source.name).plan.plan_hash


def test_the_schema_knows_the_top_level() -> None:
    assert {"schema", "id", "title", "scenarios", "load"} <= set(recipe_schema()["properties"])
