"""Goose's words for loads (F4 to F10): what they make of a load, what they exclude, and test plans both ways."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.cli.request import check_exclusions
from maid_lab.model.errors import InvalidInput
from maid_lab.model.plan import Load
from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.profiles import constant, plan_stages, plan_text, ramping, wave
from maid_lab.model.recipe import parse_recipe

RECIPE = """\
schema: maid.recipe/v1
id: goose
title: Goose
description: A load in Goose's words.
target: {base_url: "http://127.0.0.1:9"}
load: %s
scenarios: [{name: s, steps: [{get: /}]}]
"""


def result_of(load: str = "{users: 20, run_time: 30s}", **overrides: Any) -> PlanResult:
    return make_plan(parse_recipe(RECIPE % load), overrides=overrides)


def load_of(load: str = "{users: 20, run_time: 30s}", **overrides: Any) -> Load:
    plan = result_of(load, **overrides).plan
    assert plan is not None
    return plan.loads[0]


def messages(result: PlanResult) -> list[str]:
    return [f"{item.code} {item.message} {item.hint}" for item in result.diagnostics if item.severity == "error"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"users": 10}, "10,0s;10,30s"),  # F4
        ({"increase_rate": 10}, "20,2s;20,30s"),  # F5
        ({"increase_time": "4s"}, "20,4s;20,30s"),  # F6
        ({"decrease_rate": 5}, "20,0s;20,30s;0,4s"),  # F7
        ({"decrease_time": "3s"}, "20,0s;20,30s;0,3s"),
        ({"run_time": "5s"}, "20,0s;20,5s"),  # F8
        ({"increase_rate": 4, "run_time": "5s", "users": 8}, "8,2s;8,5s"),
        ({"test_plan": "3,1s;3,2s;0,500ms"}, "3,1s;3,2s;0,0.5s"),  # F9
    ],
)
def test_words_make_a_load_that_reads_as_a_test_plan(words: dict[str, Any], text: str) -> None:
    assert plan_text(load_of(**words).segments) == text


def test_the_words_of_a_recipe_and_of_a_caller_make_the_same_load() -> None:
    for words in ({"increase_rate": "4/s"}, {"increase_time": "5s"}, {"decrease_rate": "2/s"}, {"decrease_time": "3s"}):
        ((key, value),) = words.items()
        assert load_of(f"{{users: 20, run_time: 30s, {key}: {value}}}").segments == load_of(**words).segments
    assert load_of('{test_plan: "5,2s;5,9s"}').segments == load_of(test_plan="5,2s;5,9s").segments


def test_iterations_are_counted_for_each_user() -> None:  # F10
    load = load_of(iterations=7)
    assert (load.model, load.iterations, load.share, load.peak) == ("iterations", 7, "per-user", 20)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            lambda: result_of(increase_time="5s", users=1),
            ("E105", "increase_time", "at least 2 users", "there is 1", "Leave increase_time out"),
        ),
        (lambda: result_of("{users: 1, run_time: 9s}", increase_time="5s"), ("E105", "increase_time", "at least 2 users")),
        (lambda: result_of("{users: 1, run_time: 9s, increase_time: 5s}"), ("E230", "increase_time needs at least 2 users", "raise users")),
    ],
)
def test_a_time_of_increase_needs_two_users(result: Any, words: tuple[str, ...]) -> None:
    (message,) = messages(result())
    assert [word for word in words if word not in message] == []


_LEVELS = ("users", "rate")
_TIMES = ("run_time", "increase_rate", "increase_time", "decrease_rate", "decrease_time", "iterations")
PAIRS = [
    ("increase_rate", "increase_time"), ("decrease_rate", "decrease_time"), ("iterations", "run_time"), ("users", "rate"),
    *(("test_plan", other) for other in (*_LEVELS, *_TIMES)),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_words_that_exclude_each_other_are_both_named(one: str, other: str) -> None:
    values: dict[str, Any] = {**dict.fromkeys((*_LEVELS, *_TIMES), 3), "test_plan": "3,1s"}
    (message,) = messages(result_of(**{one: values[one], other: values[other]}))
    assert message.startswith(f"E105 the overrides {one} and {other} exclude each other")
    with pytest.raises(InvalidInput) as caught:
        check_exclusions({one: values[one], other: values[other]})
    flags = [f"--{word.replace('_', '-')}" for word in (one, other)]
    assert [flag for flag in flags if flag not in caught.value.message] == []
    assert caught.value.hint


@pytest.mark.parametrize("word", ["iterations", "test_plan"])
def test_loops_and_plans_exclude_the_rows_of_the_increase(word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_exclusions({word: "3", "no_reset_metrics": True})
    assert "--no-reset-metrics" in caught.value.message
    assert caught.value.hint


# ---- test plans both ways

#: Times in whole milliseconds, as people write them.
stages = st.lists(st.tuples(st.integers(0, 100_000).map(lambda ms: ms / 1000), st.integers(0, 500).map(float)), min_size=1, max_size=6)


@given(stages)
def test_a_plan_read_back_has_the_same_segments(given_stages: list[tuple[float, float]]) -> None:
    segments = ramping(given_stages)
    if not segments:
        return
    again = ramping(plan_stages(plan_text(segments)))
    assert [(s.level_from, s.level_to) for s in again] == [(s.level_from, s.level_to) for s in segments]
    assert [s.end_s for s in again] == pytest.approx([s.end_s for s in segments])


def test_profiles_read_as_test_plans() -> None:
    assert plan_text(constant(10, 300, ramp_s=30, ramp_down_s=10)) == "10,30s;10,300s;0,10s"
    assert plan_text(ramping([(0, 5), (2, 5), (0, 1), (3, 1)])) == "5,0s;5,2s;1,0s;1,3s"
    assert len(plan_stages(plan_text(wave(0, 6, 60, 60)))) == 60
