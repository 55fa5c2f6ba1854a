from typing import Any

import pytest

from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.overrides import Overrides, read_overrides
from maid_lab.model.recipe.document import Document


def read(given: dict[str, Any]) -> Overrides:
    return read_overrides(given, Context(Document(), {}))


def findings(given: dict[str, Any]) -> list[tuple[str, str, str]]:
    context = Context(Document(), {})
    with pytest.raises(PlanningError):
        read_overrides(given, context)
    return [(finding.code, finding.message, finding.hint) for finding in context.found]


def test_values_are_read_as_a_flag_a_form_and_a_call_give_them() -> None:
    texts = {
        "users": "20", "run_time": "1m30s", "increase_rate": "2/s", "decrease_time": "5", "scenarios": "a, b*", "gzip": "false", "seed": "0",
        "throttle": "100/s", "timeout": "500ms", "host": "demo:shop", "rate": None,
    }  # fmt: skip
    typed = {
        "users": 20, "run_time": 90, "increase_rate": 2.0, "decrease_time": 5, "scenarios": ["a", "b*"], "gzip": False, "seed": 0, "throttle": 100,
        "timeout": 0.5, "host": "demo:shop",
    }  # fmt: skip
    wanted = Overrides(
        users=20, run_time=90, increase_rate=2, decrease_time=5, scenarios=("a", "b*"), gzip=False, seed=0, throttle=100, timeout=0.5, host="demo:shop"
    )  # fmt: skip
    assert read(texts) == read(typed) == wanted
    assert wanted.replace_load
    assert not read({"users": 3}).replace_load


def test_large_seeds_keep_all_their_digits() -> None:
    assert read({"seed": "9007199254740993"}).seed == 9007199254740993


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"users": "many"}, "override users: 'many' is not a number"), ({"users": True}, "a number is needed"), ({"users": float("nan")}, "not a number"),
        ({"users": -1}, "not a number from 0 on"), ({"rate": 0}, "above 0"), ({"run_time": "soon"}, "not a duration"), ({"iterations": 0}, "from 1 on"),
        ({"iterations": 1.5}, "whole number"), ({"seed": 2**63}, "whole number"), ({"seed": "x"}, "override seed"),
        ({"gzip": "maybe"}, "neither true nor false"),
        ({"test_plan": "10"}, "not a step of a test plan"), ({"host": "shop.example.test"}, "not an address"), ({"scenarios": 3}, "override scenarios"),
        ({"iterations": float("inf")}, "override iterations"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_key(given: dict[str, Any], message: str) -> None:
    ((code, found, _),) = findings(given)
    assert code == "E409"
    assert message in found


def test_an_unknown_key_is_named_with_the_nearest() -> None:
    assert findings({"user": 3}) == [("E409", "there is no override 'user'", "Did you mean users?")]


@pytest.mark.parametrize(
    "given",
    [
        {"users": 1, "rate": 1}, {"increase_rate": 1, "increase_time": 1}, {"decrease_rate": 1, "decrease_time": 1}, {"iterations": 1, "run_time": 1},
        {"test_plan": "1,1s", "users": 1}, {"test_plan": "1,1s", "increase_time": 1},
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(given: dict[str, Any]) -> None:
    ((code, message, _),) = findings(given)
    assert code == "E105"
    assert all(key in message for key in given)


def test_all_mistakes_are_told_at_once() -> None:
    assert [code for code, _, _ in findings({"users": "x", "user": 3, "increase_rate": 1, "increase_time": 1})] == ["E409", "E409", "E105"]
