"""Level L2: what a recipe means, beyond its form."""

import pytest

from maid_lab.model.recipe import parse_recipe
from maid_lab.model.recipe.semantics import request_name
from tests.model.recipes import HELLO, changed

STEP = "- get: /\n"
PARAMETERS = "id: hello\nparameters: [{key: users, type: integer, default: 5}]"

CASES = [
    ("demo:shop", "{{ row.x }}", "E213", 5, "/target/base_url", "only known while running"),
    ("demo:shop", "{{ vu.id }}", "E213", 5, "/target/base_url", "only known while running"),
    ("demo:shop", "{{ usres }}", "E211", 5, "/target/base_url", "'usres' is not known"),
    ("demo:shop", "{{ params.usres }}", "E211", 5, "/target/base_url", "params has no 'usres'"),
    (STEP, "- {get: '/{{ skuu }}', extract: [{name: sku, json: $.a}]}\n", "E211", 11, "/scenarios/0/steps/0/get", "Did you mean sku?"),
    (STEP, "- {get: '/{{ last.stats }}'}\n", "E211", 11, "/scenarios/0/steps/0/get", "Did you mean status?"),
    (STEP, "- {get: /, when: skuu == 1, extract: [{name: sku, json: $.a}]}\n", "E211", 11, "/scenarios/0/steps/0/when", "Did you mean sku?"),
    ("name: front", "name: front\n    data: people", "E221", 9, "/scenarios/0/data", "no data set 'people'"),
    ("users: 20", "users: 20, scenarios: [frnt]", "E221", 6, "/load/scenarios", "Did you mean front?"),
    (STEP, "- use: login\n", "E221", 11, "/scenarios/0/steps/0/use", "no include 'login'"),
    (STEP, "- wait_for: {get: /}\n", "E112", 11, "/scenarios/0/steps/0", "Move it to setup."),
    ("name: front", "name: front\n    weight: 0", "E232", 8, "/scenarios", "weight 0"),
    ("name: front", "name: front\n    scheduler: random", "E105", 12, "/scenarios/0/steps/0", "transactions"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "line", "pointer", "words"), CASES, ids=[f"{c[2]} {c[1].strip()[:40]}" for c in CASES])
def test_each_mistake_is_named_with_its_place(old: str, new: str, code: str, line: int, pointer: str, words: str) -> None:
    (finding,) = parse_recipe(changed(old, new)).diagnostics
    assert (finding.code, finding.severity, finding.line, finding.pointer) == (code, "error", line, pointer)
    assert words in f"{finding.message} {finding.hint}"
    assert finding.hint


@pytest.mark.parametrize(
    ("head", "code", "pointer", "words"),
    [
        ("parameters: [{key: u, type: integer, default: 5, min: 10}]", "E223", "/parameters/0/default", "below the least value 10"),
        ("parameters: [{key: u, type: integer, default: 5, max: many}]", "E223", "/parameters/0/default", "its max is wrong: 'many' is not a number"),
        ("parameters: [{key: u, type: duration, default: soon}]", "E223", "/parameters/0/default", "not a duration"),
        ("parameters: [{key: u, type: enum, options: [a, b], default: c}]", "E223", "/parameters/0/default", "not one of a, b"),
        ("parameters: [{key: u, type: integer, default: 5}]\npresets: {smoke: {v: 1}}", "E221", "/presets/smoke/v", "no parameter"),
        ("parameters: [{key: u, type: integer, default: 5}]\npresets: {smoke: {u: x}}", "E223", "/presets/smoke/u", "not a number"),
        ("parameters: [{key: u, type: secret, required: false}]\npresets: {smoke: {u: x}}", "E224", "/presets/smoke/u", "secret"),
        ("parameters: [{key: u, type: json, default: 1}, {key: u, type: json, default: 1}]", "E220", "/parameters/1/key", "twice"),
        ("data: [{name: d, rows: [{a: 1}]}, {name: d, rows: [{a: 1}]}]", "E220", "/data/1/name", "twice"),
    ],
)  # fmt: skip
def test_mistakes_of_definitions(head: str, code: str, pointer: str, words: str) -> None:
    errors = [item for item in parse_recipe(changed("id: hello", f"id: hello\n{head}")).diagnostics if item.severity == "error"]
    assert [(item.code, item.pointer) for item in errors] == [(code, pointer)]
    assert words in errors[0].message


def test_a_name_of_two_things_must_be_written_with_its_namespace() -> None:
    text = changed("id: hello", PARAMETERS + "\nvariables: {users: 3}").replace("run_time: 30s", "run_time: '{{ users }}'")
    (finding,) = parse_recipe(text).diagnostics
    assert (finding.code, finding.pointer) == ("E212", "/load/run_time")
    assert finding.hint == "Write params.users or vars.users."
    plain = text.replace("{{ users }}", "{{ params.users + vars.users }}")
    assert parse_recipe(plain).diagnostics == ()


@pytest.mark.parametrize(
    ("old", "new", "code", "pointer"),
    [
        ("id: hello", PARAMETERS, "W210", "/parameters/0/key"),
        ("id: hello", "id: hello\nvariables: {b: 3}", "W225", "/variables/b"),
        ("id: hello", "id: hello\ndata: [{name: d, rows: [{a: 1}]}]", "W225", "/data/0"),
        ("p95 <", "'p95(scenario:frnt) < 1s', p95 <", "W233", "/thresholds/1"),
        ("p95 <", "'p95(transaction:pay) < 1s', p95 <", "W233", "/thresholds/1"),
        ("p95 <", "'p95(request:GET /x) < 1s', p95 <", "W233", "/thresholds/1"),
        ("thresholds: [error_rate < 1%, p95 < 300ms]\n", "", "W241", ""),
        ("error_rate < 1%, ", "", "W242", "/thresholds"),
        ("    think: 1s\n", "", "W243", "/scenarios"),
        (STEP, "- get: {url: /, headers: {A: Bearer abcdefghijklmnopqrstuvwxyz}}\n", "W245", "/scenarios/0/steps/0/get/headers/A"),
    ],
)
def test_each_advice_is_a_warning_and_no_error(old: str, new: str, code: str, pointer: str) -> None:
    loaded = parse_recipe(changed(old, new))
    assert [(item.code, item.severity, item.pointer) for item in loaded.diagnostics] == [(code, "warning", pointer)]
    assert loaded.is_valid


def test_writing_to_another_machine_is_a_warning_and_to_this_one_is_none() -> None:
    writing = HELLO.replace("get: /", "post: /")
    assert parse_recipe(writing).diagnostics == ()
    away = parse_recipe(writing.replace("demo:shop", "https://shop.example.test")).diagnostics
    assert [(item.code, item.pointer) for item in away] == [("W246", "/scenarios/0/steps/0")]


@pytest.mark.parametrize(
    "load", ["{rate: 5/s, max_users: 9, hold: 3s}", "{profile: ramping-rate, max_users: 9, stages: [{duration: 3s, target: 5}]}"]
)
def test_an_open_load_needs_no_think_time(load: str) -> None:
    text = changed("    think: 1s\n", "").replace("{users: 20, run_time: 30s}", load)
    assert parse_recipe(text).diagnostics == ()


@pytest.mark.parametrize("threshold", ["p95(request:GET /) < 1s", "p95(request:GET*) < 1s", "p95(scenario:fr*) < 1s", "p95(http) < 1s"])
def test_thresholds_may_select_by_default_names_and_wildcards(threshold: str) -> None:
    assert parse_recipe(changed("p95 < 300ms", f"'{threshold}'")).diagnostics == ()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/", "GET /"), ("/a?b=1", "GET /a"), ("/a#b", "GET /a"), ("a", "GET /a"), ("http://host.test/a/b?c", "GET /a/b"), ("http://host.test", "GET /"),
        ("/a/{{ vars.id }}/b", "GET /a/{{ vars.id }}/b"), ("{{ vars.path }}", "GET {{ vars.path }}"),
        ("/a/{{ choice(['?', '#']) }}?x", "GET /a/{{ choice(['?', '#']) }}"),
    ],
)  # fmt: skip
def test_a_request_is_named_by_method_and_path(url: str, name: str) -> None:
    assert request_name("GET", url) == name
