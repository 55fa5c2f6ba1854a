"""Steps of a recipe as steps of a plan: defaults merged, names qualified, labels shared."""

from typing import Any

from maid_lab.model.plan import Check, Extract, HttpStep, Label, Plan, ThinkStep, Timeouts, TransactionStep
from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import parse_recipe
from tests.model.recipes import changed

STEP = "- get: /\n"


def planned(new: str, *, head: str = "", overrides: dict[str, Any] | None = None) -> Plan:
    text = changed(STEP, new).replace("id: hello", f"id: hello{head}")
    result = make_plan(parse_recipe(text), overrides=overrides)
    assert result.plan is not None, [str(item) for item in result.diagnostics]
    return result.plan


def request(plan: Plan) -> HttpStep:
    (step,) = plan.scenarios[0].steps
    assert isinstance(step, HttpStep)
    return step


def test_a_request_takes_the_defaults_that_it_does_not_say_itself() -> None:
    text = changed(
        'base_url: "demo:shop"', "base_url: demo:shop, defaults: {headers: {Accept: a, X-One: '1'}, timeout: 10s, redirects: 3}"
    ).replace(STEP, "- get: {url: /, headers: {accept: b}, timeout: {connect: 1s}}\n")
    plan = make_plan(parse_recipe(text)).plan
    assert plan is not None
    step = request(plan)
    assert dict(step.headers) == {"accept": "b", "X-One": "1"}
    assert (step.timeouts, step.redirects) == (Timeouts(connect_s=1, total_s=60), 3)


def test_the_caller_sets_timeout_and_gzip_of_all_requests() -> None:
    step = request(planned("- get: {url: /, timeout: 5s, gzip: true}\n", overrides={"timeout": "2s", "gzip": False}))
    assert (step.timeouts, step.gzip) == (Timeouts(total_s=2), False)


def test_names_of_run_time_are_qualified_and_known_values_put_in() -> None:
    head = "\nparameters: [{key: size, type: integer, default: 3}]\nvariables: {shop: main}"
    step = "- {post: {url: '/{{ shop }}/{{ sku }}', json: {n: '{{ size * 2 }}'}}, when: sku != '', extract: [{name: sku, json: $.a, default: x}]}\n"
    found = request(planned(step, head=head))
    assert found.url == "/{{ vars.shop }}/{{ vars.sku }}"
    assert (found.when, found.body is not None and found.body.value) == ('vars.sku != ""', {"n": 6})
    assert found.extract == (Extract(name="sku", source="json", expr="$.a", has_default=True, default="x"),)


def test_checks_keep_their_words_for_the_error() -> None:
    found = request(planned("- {get: /, check: [{status: 2xx}, {latency: '< 800ms'}, {not: {body_contains: oops}}]}\n"))
    assert found.check == (
        Check(kind="status", op="in", value=("2xx",), text="status 2xx"),
        Check(kind="latency", op="lt", value=0.8, text="latency < 800ms"),
        Check(kind="body_contains", op="contains", value="oops", negated=True, text="not body_contains oops"),
    )


def test_steps_within_transactions_are_labelled_by_their_path() -> None:
    plan = planned("- {transaction: pay, steps: [{transaction: card, steps: [{get: /a}, {get: /a}]}]}\n")
    (outer,) = plan.scenarios[0].steps
    assert isinstance(outer, TransactionStep)
    (inner,) = outer.steps
    assert isinstance(inner, TransactionStep)
    names = [(label.kind, label.transaction, label.name) for label in plan.labels]
    assert names.count(("http", "pay / card", "GET /a")) == 1
    assert plan.labels[inner.label] == Label(scenario="front", transaction="pay / card", name="pay / card", kind="transaction")


def test_think_times_are_bounds_in_seconds() -> None:
    for written, think in {
        "500ms": ThinkStep(low=0.5, high=0.5),
        "2s ±20%": ThinkStep(low=1.6, high=2.4, dist="uniform"),
        "{min: 1s, max: 3s, dist: normal}": ThinkStep(low=1.0, high=3.0, dist="normal"),
        "'{{ random_float(1, 2) }}'": ThinkStep(low="{{ random_float(1, 2) }}", high="{{ random_float(1, 2) }}"),
    }.items():
        assert planned(f"- think: {written}\n").scenarios[0].steps == (think,), written
