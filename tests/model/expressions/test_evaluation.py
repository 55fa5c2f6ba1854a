import random

import pytest

from maid_lab.model.expressions import Literal, MissingValue, Name, Scope, compile_node, parse_expression


def test_a_name_without_namespace_has_no_value() -> None:
    with pytest.raises(MissingValue, match="sku is not known here"):
        compile_node(Name("sku"))(Scope())


def test_a_literal_is_its_value() -> None:
    assert compile_node(Literal([1]))(Scope()) == [1]


def test_the_right_side_is_not_computed_when_the_left_decides() -> None:
    scope = Scope()
    scope.rng = random.Random(1)
    before = scope.rng.getstate()
    assert parse_expression("false and random_int(1, 9) == 1 or true or random_int(1, 9) == 1").compile()(scope) is True
    assert scope.rng.getstate() == before


def test_the_message_of_a_missing_value_names_the_path() -> None:
    scope = Scope()
    scope.vars = {"order": {"lines": []}}
    with pytest.raises(MissingValue, match=r"vars\.order\.lines\[0\] has no value"):
        parse_expression("vars.order.lines[0].sku").compile()(scope)
