"""Selectors and schemas as they are planned."""

import json
from pathlib import Path

import pytest

from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.recipe import load_recipe
from tests.model.recipes import changed

STEP = "      - get: /\n"


def planned(folder: Path, step: str) -> PlanResult:
    path = folder / "r.yaml"
    path.write_text(changed(STEP, f"      - {step}\n"), encoding="utf-8")
    return make_plan(load_recipe(path))


def errors(result: PlanResult) -> list[tuple[str, str]]:
    return [(item.code, item.pointer) for item in result.diagnostics if item.severity == "error"]


def test_selectors_keep_their_attribute(tmp_path: Path) -> None:
    result = planned(tmp_path, "{get: /, extract: [{name: t, css: 'input[name=a]', attr: value}, {name: u, xpath: //a/@href}]}")
    assert result.plan is not None, result.diagnostics
    (step,) = result.plan.scenarios[0].steps
    assert [(each.source, each.expr, each.attr) for each in step.extract] == [  # type: ignore[union-attr]
        ("css", "input[name=a]", "value"), ("xpath", "//a/@href", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("extract", "key"), [("css: 'a['", "css"), ("xpath: '//['", "xpath"), ("json: $.a, attr: b", "attr")],
)  # fmt: skip
def test_a_wrong_selector_is_told_at_its_place(tmp_path: Path, extract: str, key: str) -> None:
    found = errors(planned(tmp_path, f"{{get: /, extract: [{{name: t, {extract}}}]}}"))
    assert found == [("E105" if key == "attr" else "E104", f"/scenarios/0/steps/0/extract/0/{key}")]


def test_a_schema_is_read_into_the_plan(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"type": "object"}')
    result = planned(tmp_path, "{get: /, check: [{not: {schema: order.json}}]}")
    assert result.plan is not None, result.diagnostics
    (check,) = result.plan.scenarios[0].steps[0].check  # type: ignore[union-attr]
    assert (check.kind, json.loads(check.value), check.negated, check.text) == ("schema", {"type": "object"}, True, "not schema order.json")


@pytest.mark.parametrize(
    ("content", "code"), [(None, "E306"), ("{", "E104"), ('{"type": "nothing"}', "E104"), ("[]", "E104"), ("outside", "E305")],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, code: str) -> None:
    folder = tmp_path / "recipe"
    folder.mkdir()
    if content is not None:
        (folder / "s.json").write_text(content)
    name = "../s.json" if content == "outside" else "s.json"
    assert errors(planned(folder, f"{{get: /, check: [{{schema: {name}}}]}}")) == [(code, "/scenarios/0/steps/0/check/0/schema")]
