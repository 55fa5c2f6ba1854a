"""Level L1: one finding per mistake, with its code, place and remedy."""

import pytest

from maid_lab.model.recipe import parse_recipe
from tests.model.recipes import HELLO, changed

LOAD = "load: {users: 20, run_time: 30s}"
STEP = "- get: /\n"

CASES = [
    # what is changed, into what, code, line, column, pointer, words of the message or hint
    ("thresholds:", "tresholds:", "E101", 12, 1, "/tresholds", "Did you mean thresholds?"),
    ("{base_url", "{base_ulr", "E101", 5, 10, "/target/base_ulr", "Did you mean base_url?"),
    (STEP, "- post: {url: /, jsn: 1}\n", "E101", 11, 24, "/scenarios/0/steps/0/post/jsn", "Did you mean json?"),
    (STEP, "- {get: /, check: [{statuss: 200}]}\n", "E101", 11, 27, "/scenarios/0/steps/0/check/0/statuss", "Did you mean status?"),
    ("schema: maid.recipe/v1\n", "", "E102", 1, 1, "", "lacks 'schema'"),
    (STEP, "- {transaction: t}\n", "E102", 11, 9, "/scenarios/0/steps/0", "Add steps."),
    (LOAD, "load: {users: 20, ramp: 3s}", "E102", 6, 7, "/load", "needs an end"),
    (LOAD, "load: {rate: 20/s, hold: 30s}", "E102", 6, 7, "/load", "needs max_users"),
    (LOAD, "load: {profile: constant-rate, rate: 1, duration: 1s}", "E102", 6, 7, "/load", "lacks 'max_users'"),
    (LOAD, "load: {profile: steps, from: 1, to: 3, step: 1, step_duration: 1s, unit: rate}", "E102", 6, 7, "/load", "unit: rate needs max_users"),
    ("title: Hello", "title: 3", "E103", 3, 8, "/title", "string"),
    (LOAD, "load: 3", "E103", 6, 7, "/load", "a load is a mapping"),
    (STEP, "- [1]\n", "E103", 11, 9, "/scenarios/0/steps/0", "a step is a mapping"),
    ("users: 20", "users: many", "E103", 6, 15, "/load/users", "not a number"),
    ("id: hello", "id: Hello World", "E104", 2, 5, "/id", "pattern"),
    ("title: Hello", "title: ''", "E104", 3, 8, "/title", "at least 1 character"),
    (STEP, "- {get: /, on_error: stop}\n", "E104", 11, 28, "/scenarios/0/steps/0/on_error", "'continue', 'iteration', 'user' or 'run'"),
    ("run_time: 30s", "run_time: 30s, hold: 3s", "E105", 6, 7, "/load", "hold and run_time exclude each other"),
    (LOAD, "load: {users: 3, test_plan: '1,2s'}", "E105", 6, 7, "/load", "users and test_plan exclude each other"),
    (LOAD, "load: {users: 3, iterations: 3, hold: 1s}", "E105", 6, 7, "/load", "iterations excludes hold"),
    (STEP, "- {get: /, check: [{status: 200, title: a}]}\n", "E105", 11, 26, "/scenarios/0/steps/0/check/0", "exactly one of"),
    (STEP, "- {get: /, extract: [{name: a, json: $.a, regex: b}]}\n", "E105", 11, 28, "/scenarios/0/steps/0/extract/0", "json and regex"),
    (STEP, "- {post: {url: /, json: 1, form: {a: b}}}\n", "E105", 11, 16, "/scenarios/0/steps/0/post", "json and form exclude each other"),
    (STEP, "- {loop: {}, steps: [{get: /}]}\n", "E105", 11, 16, "/scenarios/0/steps/0/loop", "either count, or over"),
    ("recipe/v1", "recipe/v2", "E106", 1, 9, "/schema", "this version reads maid.recipe/v1"),
    ("run_time: 30s", "run_time: 30x", "E107", 6, 29, "/load/run_time", "'30x' is not a duration"),
    ("think: 1s", "think: 2s +-20%", "E107", 9, 12, "/scenarios/0/think", "not a duration"),
    (STEP, "- {get: /, post: /}\n", "E108", 11, 9, "/scenarios/0/steps/0", "this one has get and post"),
    (STEP, "- {gett: /}\n", "E108", 11, 9, "/scenarios/0/steps/0", "Did you mean get?"),
    (STEP, "- {name: x}\n", "E108", 11, 9, "/scenarios/0/steps/0", "no action"),
    (LOAD, "load: {profile: constnt-users, users: 2, duration: 3s}", "E109", 6, 17, "/load/profile", "Did you mean constant-users?"),
    ("p95 < 300ms", "p95 < soon", "E110", 12, 31, "/thresholds/1", "'soon' is not a duration"),
    ("p95 < 300ms", "eror_rate < 2%", "E110", 12, 31, "/thresholds/1", "did you mean error_rate?"),
    (STEP, '- get: "/{{ 1 + }}"\n', "E111", 11, 14, "/scenarios/0/steps/0/get", "at character 9"),
    (STEP, "- {get: /, when: '{{ a }}'}\n", "E111", 11, 24, "/scenarios/0/steps/0/when", "without braces"),
    ("name: front", 'name: "{{ x }}"', "E112", 8, 11, "/scenarios/0/name", "key of the measurements"),
    (STEP, '- get: "/{{ nope(1) }}"\n', "E214", 11, 14, "/scenarios/0/steps/0/get", "there is no function 'nope'"),
    (STEP, '- get: "/{{ 1 | nope }}"\n', "E214", 11, 14, "/scenarios/0/steps/0/get", "there is no filter 'nope'"),
    ("id: hello", "id: hello\nparameters: [{key: pw, type: secret, default: x}]", "E224", 3, 14, "/parameters/0", "a secret has no default"),
    ("id: hello", "id: hello\nparameters: [{key: a, type: integer}]", "E105", 3, 14, "/parameters/0", "exactly one of required: true and default"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "column", "pointer", "words"), CASES, ids=[f"{c[2]} {c[1].strip()[:40]}" for c in CASES]
)
def test_one_mistake_is_one_finding(old: str, new: str, code: str, line: int, column: int, pointer: str, words: str) -> None:
    (finding,) = parse_recipe(changed(old, new), source="hello.yaml").diagnostics
    place = (finding.code, finding.severity, finding.line, finding.column, finding.pointer, finding.source)
    assert place == (code, "error", line, column, pointer, "hello.yaml")
    assert words in f"{finding.message} {finding.hint}"
    assert finding.hint


def test_a_misspelt_key_brings_the_patch_that_mends_it() -> None:
    (finding,) = parse_recipe(changed("base_url:", "base_ulr:")).diagnostics
    assert finding.fix == ({"op": "move", "from": "/target/base_ulr", "path": "/target/base_url"},)


def test_several_mistakes_are_several_findings_in_the_order_of_the_file() -> None:
    text = HELLO.replace("title:", "titel:").replace("30s", "30x").replace("get: /", "gett: /").replace("p95 <", "p95x <")
    assert [(item.code, item.line) for item in parse_recipe(text).diagnostics] == [("E101", 3), ("E107", 6), ("E108", 11), ("E110", 12)]
