"""Pages, forms and branches as they are planned."""

import pytest

from maid_lab.model.plan import FormStep, HttpStep, ParallelStep
from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.recipe import parse_recipe
from tests.model.recipes import changed

STEP = "      - get: /\n"


def planned(step: str) -> PlanResult:
    return make_plan(parse_recipe(changed(STEP, f"      - {step}\n")))


def test_each_kind_of_part_has_a_name_of_its_own() -> None:
    plan = planned("{name: home, get: {url: /, page: {assets: true, parallel: 2}}}").plan
    assert plan is not None
    (step,) = plan.scenarios[0].steps
    assert isinstance(step, HttpStep)
    assert step.page is not None
    assert step.page.parallel == 2
    names = {kind: plan.labels[label].name for kind, label in step.page.labels}
    assert (names[".css"], names["other"]) == ("asset .css", "asset other")


def test_a_form_is_planned_with_its_label_and_fields() -> None:
    plan = planned("{form_submit: {form: form.login, fields: {user: '{{ vu.id }}'}}}").plan
    assert plan is not None
    (step,) = plan.scenarios[0].steps
    assert isinstance(step, FormStep)
    assert (step.form, step.fields) == ("form.login", (("user", "{{ vu.id }}"),))
    assert plan.labels[step.request.label].name == "submit form.login"


def test_branches_are_planned_each_with_its_steps() -> None:
    plan = planned("{parallel: {max: 2}, branches: [[{get: /a}, {get: /b}], [{get: /c}]]}").plan
    assert plan is not None
    (step,) = plan.scenarios[0].steps
    assert isinstance(step, ParallelStep)
    assert (step.limit, [len(branch) for branch in step.branches]) == (2, [2, 1])


@pytest.mark.parametrize(
    ("step", "code", "pointer"),
    [
        ("{get: {url: /, page: 3}}", "E103", "/get/page"),
        ("{get: {url: /, page: {assets: true, parallel: 0}}}", "E104", "/get/page/parallel"),
        ("{get: {url: /, page: {images: true}}}", "E103", "/get/page"),
        ("{form_submit: login}", "E103", "/form_submit"),
        ("{form_submit: {form: 'form['}}", "E104", "/form_submit/form"),
        ("{form_submit: {form: 1.5}}", "E103", "/form_submit/form"),
        ("{form_submit: {field: {a: 1}}}", "E103", "/form_submit"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(step: str, code: str, pointer: str) -> None:
    found = [(item.code, item.pointer) for item in planned(step).diagnostics if item.severity == "error"]
    assert found == [(code, f"/scenarios/0/steps/0{pointer}")]
