"""From a recipe to a plan: examples, refusals, parameters, overrides, identity, secrets."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.plan import HttpStep, Plan, Segment, Target, plan_from_json, plan_to_json
from maid_lab.model.planner import DataError, PlanResult, make_plan
from maid_lab.model.recipe import parse_recipe
from maid_lab.model.recipe.target import DataSet
from tests.model.recipes import ECOMMERCE, HELLO, ORDERS, changed

STEP = "- get: /\n"


def planned(text: str, **options: Any) -> Plan:
    result = make_plan(parse_recipe(text), **options)
    assert result.plan is not None, [str(item) for item in result.diagnostics]
    return result.plan


def errors(text: str, **options: Any) -> list[tuple[str, str, str]]:
    result = make_plan(parse_recipe(text), **options)
    assert result.plan is None
    return [(item.code, item.pointer, item.message) for item in result.diagnostics if item.severity == "error"]


def customers(data_set: DataSet, path: str, _base_dir: Path | None) -> tuple[tuple[dict[str, Any], ...], str]:
    assert (data_set.name, path) == ("customers", "data/customers.csv")
    return ({"email": "a@example.test"},), "0" * 64


def levels(plan: Plan) -> list[tuple[float, float, float, float]]:
    return [(s.start_s, s.end_s, s.level_from, s.level_to) for s in plan.loads[0].segments]


# ---- the examples of the reference


def test_the_first_example_is_planned() -> None:
    plan = planned(HELLO, overrides={"seed": 1})
    (scenario,) = plan.scenarios
    (step,) = scenario.steps
    assert plan.targets == (Target(base_url="demo:shop"),)
    assert plan.loads[0].segments == (Segment(start_s=0, end_s=30, level_from=20, level_to=20),)
    assert isinstance(step, HttpStep)
    assert (step.method, step.url, plan.labels[step.label].name) == ("GET", "/", "GET /")
    assert plan.thresholds == ("error_rate < 1%", "p95 < 300ms")
    assert (plan.duration_s, plan.warmup_end_s, plan.peak_users, plan.is_open) == (30, 0, 20, False)


def test_the_second_example_is_planned_with_its_day_curve() -> None:
    plan = planned(ECOMMERCE, preset="smoke", read_data=customers)
    load = plan.loads[0]
    assert (load.profile, load.peak, plan.duration_s) == ("wave", 2, 20)
    assert levels(plan) == [(0, 7, 0.4, 1.2), (7, 14, 1.2, 2), (14, 20, 2, pytest.approx(0.4))]
    assert [load.order.count(index) for index in range(3)] == [7, 2, 1]
    assert {label.name for label in plan.labels if label.kind == "transaction"} == {"fill cart", "pay"}
    assert plan.data[0].rows == ({"email": "a@example.test"},)
    assert dict(plan.parameters) == {"base_url": "demo:shop", "users": 2, "day": 20}


def test_the_third_example_is_refused_by_the_names_of_what_it_needs() -> None:
    found = errors(ORDERS, environment={"ORDERS_DSN": "postgresql://me:hidden@127.0.0.1/db"})
    assert {code for code, _, _ in found} <= {"E401", "E102"}
    assert ("E401", "/target/sql", "target.sql is not available here") in found
    assert not any("hidden" in message for _, _, message in found)


# ---- what the schema has and the engine has not


@pytest.mark.parametrize(
    ("old", "new", "pointer", "thing"),
    [
        (STEP, "- grpc: {method: a.B/c}\n", "/scenarios/0/steps/0/grpc", "the action grpc"),
        (STEP, "- {get: /, check: [{sql_rows: 1}]}\n", "/scenarios/0/steps/0/check/0/sql_rows", "check by sql_rows"),
        ("p95 < 300ms", "'p95(messages_out, *) < 1'", "/thresholds/1", "the metric messages_out"),
        ('base_url: "demo:shop"', "base_url: demo:shop, grpc: {address: '127.0.0.1:1'}", "/target/grpc", "target.grpc"),
        ("id: hello", "id: hello\nmonitors: [{type: prometheus, url: 'http://127.0.0.1:9090'}]", "/monitors/0", "the monitor prometheus"),
    ],
)  # fmt: skip
def test_what_cannot_run_yet_is_refused_by_name_and_place(old: str, new: str, pointer: str, thing: str) -> None:
    assert ("E401", pointer, f"{thing} is not available here") in errors(changed(old, new))


# ---- parameters

WITH_USERS = changed("users: 20", "users: '{{ users }}'").replace(
    "id: hello", "id: hello\nparameters: [{key: users, type: integer, default: 5, max: 50}]\npresets: {peak: {users: 40}}"
)


@pytest.mark.parametrize(
    ("options", "peak"),
    [({}, 5), ({"preset": "peak"}, 40), ({"parameters": {"users": 7}}, 7), ({"preset": "peak", "parameters": {"users": "8"}}, 8)],
)
def test_later_values_of_a_parameter_win(options: dict[str, Any], peak: float) -> None:
    plan = planned(WITH_USERS, **options)
    assert (plan.loads[0].peak, dict(plan.parameters)) == (peak, {"users": peak})


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"preset": "peek"}, "E221", "no preset 'peek' Did you mean peak?"),
        ({"parameters": {"usres": 3}}, "E408", "no parameter 'usres' Did you mean users?"),
        ({"parameters": {"users": 51}}, "E409", "above the greatest value 50"),
        ({"parameters": {"users": "many"}}, "E409", "'many' is not a number"),
        ({"parameters": {"users": 1.5}}, "E409", "not a whole number"),
    ],
)
def test_a_value_that_cannot_be_taken_is_named(options: dict[str, Any], code: str, words: str) -> None:
    result = make_plan(parse_recipe(WITH_USERS), **options)
    (finding,) = result.diagnostics
    assert (result.plan, finding.code) == (None, code)
    assert words in f"{finding.message} {finding.hint}"


def test_a_required_parameter_without_a_value_says_how_to_give_it() -> None:
    text = changed("id: hello", "id: hello\nparameters: [{key: base, type: url, required: true}]").replace("demo:shop", "{{ base }}")
    (finding,) = make_plan(parse_recipe(text)).diagnostics
    assert (finding.code, finding.hint) == ("E408", "Give it: --param base=…")
    assert planned(text, parameters={"base": "http://127.0.0.1:1"}).targets[0].base_url == "http://127.0.0.1:1"


def test_a_value_is_never_read_as_an_expression() -> None:
    text = changed("id: hello", "id: hello\nparameters: [{key: q, type: string, default: a}]").replace("get: /", "get: '/{{ q }}'")
    (step,) = planned(text, parameters={"q": "{{ secrets.password }}"}).scenarios[0].steps
    assert isinstance(step, HttpStep)
    from maid_lab.model.expressions import Scope
    from maid_lab.model.templates import parse_template

    assert parse_template(step.url).compile()(Scope()) == "/{{ secrets.password }}"


# ---- secrets

WITH_SECRET = changed("id: hello", "id: hello\nparameters: [{key: token, type: secret, required: true, env: SHOP_TOKEN}]").replace(
    "get: /\n", "get: {url: /, headers: {Authorization: 'Bearer {{ token }}'}}\n"
)


@pytest.mark.parametrize(
    "options", [{"environment": {"SHOP_TOKEN": "hidden-9"}}, {"parameters": {"token": "hidden-9"}, "environment": {"SHOP_TOKEN": "other"}}]
)
def test_the_value_of_a_secret_never_enters_the_plan(options: dict[str, Any]) -> None:
    result = make_plan(parse_recipe(WITH_SECRET), **options)
    assert result.plan is not None
    text = json.dumps(plan_to_json(result.plan))
    assert "hidden-9" not in text
    assert "secrets.token" in text
    assert (result.plan.secrets, result.secrets) == (("token",), {"token": "hidden-9"})
    assert "hidden-9" not in str(result.diagnostics)


def test_the_hash_of_a_plan_does_not_depend_on_the_value_of_a_secret() -> None:
    one, other = (planned(WITH_SECRET, environment={"SHOP_TOKEN": value}, overrides={"seed": 1}) for value in ("a", "b"))
    assert one == other


def test_a_missing_secret_names_its_variable() -> None:
    (finding,) = make_plan(parse_recipe(WITH_SECRET)).diagnostics
    assert (finding.code, finding.hint) == ("E310", "Set SHOP_TOKEN or give it in a form.")


# ---- overrides

RAMPING = changed(
    "{users: 20, run_time: 30s}", "{profile: ramping-users, stages: [{duration: 10s, target: 20}, {duration: 30s, target: 5}]}"
)
OPEN = changed("{users: 20, run_time: 30s}", "{profile: constant-rate, rate: 50/s, duration: 1m, ramp: 5s, max_users: 30}")


@pytest.mark.parametrize(
    ("recipe", "overrides", "wanted"),
    [
        (HELLO, {"users": 5}, [(0, 30, 5, 5)]),
        (HELLO, {"run_time": "2m"}, [(0, 120, 20, 20)]),
        (HELLO, {"users": 4, "run_time": 6}, [(0, 6, 4, 4)]),
        (RAMPING, {"users": 40}, [(0, 10, 0, 40), (10, 40, 40, 10)]),
        (RAMPING, {"run_time": "20s"}, [(0, 5, 0, 20), (5, 20, 20, 5)]),
        (OPEN, {"rate": "100/s"}, [(0, 5, 0, 100), (5, 65, 100, 100)]),
        (OPEN, {"run_time": "10s"}, [(0, 5, 0, 50), (5, 15, 50, 50)]),
        (HELLO, {"increase_rate": "4/s"}, [(0, 5, 0, 20), (5, 35, 20, 20)]),
        (HELLO, {"increase_time": "8s", "users": 2}, [(0, 8, 0, 2), (8, 38, 2, 2)]),
        (HELLO, {"increase_rate": 2, "decrease_rate": "5/s", "run_time": "1m"}, [(0, 10, 0, 20), (10, 70, 20, 20), (70, 74, 20, 0)]),
        (RAMPING, {"test_plan": "10,30s;10,5m;0,10s"}, [(0, 30, 0, 10), (30, 330, 10, 10), (330, 340, 10, 0)]),
    ],
)  # fmt: skip
def test_overrides_of_the_caller_change_the_load(recipe: str, overrides: dict[str, Any], wanted: list[tuple[float, ...]]) -> None:
    found = levels(planned(recipe, overrides=overrides))
    assert [number for segment in found for number in segment] == pytest.approx([number for segment in wanted for number in segment])


def test_iterations_replace_the_load_and_keep_its_peak() -> None:
    (load,) = planned(HELLO, overrides={"iterations": 3}).loads
    assert (load.model, load.iterations, load.peak, load.share) == ("iterations", 3, 20, "per-user")


def test_the_host_of_the_caller_replaces_the_target() -> None:
    assert planned(HELLO, overrides={"host": "http://127.0.0.1:8090"}).targets == (Target(base_url="http://127.0.0.1:8090"),)


TWO = HELLO.replace("thresholds:", "  - {name: back, weight: 3, think: 1s, steps: [{get: /back}]}\nthresholds:")


def test_scenarios_may_be_chosen_by_wildcards() -> None:
    assert [scenario.name for scenario in planned(TWO).scenarios] == ["front", "back"]
    assert [scenario.name for scenario in planned(TWO, overrides={"scenarios": ["b*"]}).scenarios] == ["back"]
    assert errors(TWO, overrides={"scenarios": ["bck"]}) == [("E221", "/scenarios", "there is no scenario 'bck'")]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [({"users": "many"}, "many"), ({"run_time": "later"}, "later"), ({"test_plan": "10"}, "not a step"), ({"host": "nowhere"}, "not an address"),
     ({"users": 0}, "the level 0 that was given"), ({"run_time": 0}, "run time that was given is 0"), ({"increase_rate": 0}, "increase_rate is 0")],
)  # fmt: skip
def test_an_override_that_is_wrong_is_a_finding(overrides: dict[str, Any], words: str) -> None:
    assert any(words in message for _, _, message in errors(HELLO, overrides=overrides))


# ---- loads


@pytest.mark.parametrize(
    ("load", "profile", "model", "wanted"),
    [
        ("{users: 4, increase_rate: 2/s, hold: 5s, decrease_time: 1s}", "constant-users", "users", [(0, 2, 0, 4), (2, 7, 4, 4), (7, 8, 4, 0)]),
        ("{rate: 4/s, max_users: 2, hold: 5s}", "constant-rate", "rate", [(0, 5, 4, 4)]),
        ("{test_plan: '1,2s;3,4s'}", "ramping-users", "users", [(0, 2, 0, 1), (2, 6, 1, 3)]),
        ("{profile: steps, from: 1, to: 2, step: 1, step_duration: 3s}", "steps", "users", [(0, 3, 1, 1), (3, 6, 2, 2)]),
        ("{profile: steps, from: 1, to: 2, step: 1, step_duration: 3s, unit: rate, max_users: 2}", "steps", "rate", [(0, 3, 1, 1), (3, 6, 2, 2)]),
        ("{profile: ramping-rate, stages: [{duration: 2s, target: 30/m}], max_users: 1, start: 1}", "ramping-rate", "rate", [(0, 2, 1, 0.5)]),
        ("{profile: iterations, users: 2, iterations: 5, share: shared}", "iterations", "iterations", [(0, 600, 2, 2)]),
    ],
)  # fmt: skip
def test_each_form_of_a_load_becomes_segments(load: str, profile: str, model: str, wanted: list[tuple[float, ...]]) -> None:
    plan = planned(changed("{users: 20, run_time: 30s}", load))
    assert (plan.loads[0].profile, plan.loads[0].model, levels(plan)) == (profile, model, wanted)
    assert plan.is_open is (model == "rate")
    assert plan.loads[0].assignment == ("per-iteration" if model == "rate" else "per-user")


@pytest.mark.parametrize(
    ("load", "code"),
    [
        ("{users: 20, run_time: 0s}", "E231"), ("{profile: ramping-users, stages: []}", "E231"), ("{users: 0, run_time: 1s}", "E230"),
        ("{profile: steps, from: 1, to: 2, step: 0, step_duration: 3s}", "E230"), ("{profile: ramping-users, stages: [{duration: 1s, target: -2}]}", "E230"),
        ("{users: 2000000, run_time: 1s}", "E402"),
    ],
)  # fmt: skip
def test_a_load_that_cannot_be_is_refused(load: str, code: str) -> None:
    assert code in [found for found, _, _ in errors(changed("{users: 20, run_time: 30s}", load))]


def test_several_loads_run_side_by_side() -> None:
    text = TWO.replace(
        "load: {users: 20, run_time: 30s}",
        "load: [{users: 1, run_time: 5s, scenarios: [front]}, {rate: 2, max_users: 3, hold: 5s, start_at: 10s, scenarios: [back]}]",
    )
    plan = planned(text)
    assert [(load.order, load.start_at_s, load.end_s) for load in plan.loads] == [((0,), 0, 5), ((1,), 10, 15)]
    assert (plan.duration_s, plan.peak_users) == (15, 4)


@pytest.mark.parametrize(("limits", "key"), [("max_users: 19", "max_users"), ("max_duration: 29s", "max_duration")])
def test_limits_of_the_recipe_hold(limits: str, key: str) -> None:
    found = errors(changed("id: hello", f"id: hello\nlimits: {{{limits}}}"))
    assert [(code, pointer) for code, pointer, _ in found] == [("E303", f"/limits/{key}")]


# ---- data


def test_a_data_set_that_cannot_be_read_is_a_finding_at_its_path() -> None:
    def gone(_set: DataSet, _path: str, _folder: Path | None) -> tuple[tuple[dict[str, Any], ...], str]:
        raise DataError("E306", "data/customers.csv is missing")

    assert ("E306", "/data/0/path", "data set customers: data/customers.csv is missing") in errors(ECOMMERCE, read_data=gone)


# ---- identity


def test_a_plan_comes_back_from_its_json() -> None:
    plan = planned(ECOMMERCE, preset="smoke", read_data=customers)
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_the_hash_of_a_plan_is_the_same_for_the_same_and_changes_with_what_runs() -> None:
    plan = planned(WITH_USERS, overrides={"seed": 7})
    assert planned(WITH_USERS, overrides={"seed": 7}).plan_hash == plan.plan_hash == plan.hashed().plan_hash
    others = [
        planned(WITH_USERS, overrides={"seed": 8}),
        planned(WITH_USERS, overrides={"seed": 7}, parameters={"users": 6}),
        planned(WITH_USERS, overrides={"seed": 7, "host": "http://127.0.0.1:1"}),
        planned(WITH_USERS.replace("get: /", "get: /a"), overrides={"seed": 7}),
    ]
    assert len({plan.plan_hash, *(other.plan_hash for other in others)}) == 5
    assert replace(plan, base_dir="/elsewhere").hashed().plan_hash == plan.plan_hash


def test_a_seed_is_drawn_when_none_is_given() -> None:
    assert planned(HELLO).seed != planned(HELLO).seed
    assert planned(changed("id: hello", "id: hello\nseed: 42")).seed == 42
    assert planned(changed("id: hello", "id: hello\nseed: 0")).seed == 0


def test_a_recipe_with_errors_has_no_plan() -> None:
    loaded = parse_recipe(changed("get: /", "gett: /"))
    assert make_plan(loaded) == PlanResult(plan=None, diagnostics=loaded.diagnostics)
