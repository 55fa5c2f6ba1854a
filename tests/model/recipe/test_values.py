from typing import Any

import pytest

from maid_lab.model.recipe.top import Parameter
from maid_lab.model.recipe.values import ParameterError, parameter_value


def parameter(kind: str, **more: Any) -> Parameter:
    return Parameter.model_validate({"key": "p", "type": kind, "required": True, **more})


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("string", "a", "a"), ("string", 3, "3"), ("string", True, "true"), ("integer", "12", 12), ("integer", 12.0, 12), ("number", "1.5", 1.5),
        ("number", "3", 3), ("number", 3.0, 3.0), ("boolean", "yes", True), ("boolean", "False", False), ("boolean", True, True),
        ("duration", "1m30s", 90.0), ("duration", 5, 5.0), ("rate", "30/m", 0.5), ("size", "2KiB", 2048), ("percent", "5%", 0.05),
        ("url", "http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a"), ("url", "demo:shop", "demo:shop"), ("date", "2026-11-23", "2026-11-23"),
        ("json", '{"a": [1]}', {"a": [1]}), ("json", [1], [1]), ("data_file", "a/b.csv", "a/b.csv"), ("secret", "hidden", "hidden"),
    ],
)  # fmt: skip
def test_texts_of_a_caller_become_typed_values(kind: str, given: Any, value: Any) -> None:
    found = parameter_value(parameter(kind), given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("integer", "1.5", "not a whole number"), ("integer", "x", "not a number"), ("integer", True, "not a boolean"), ("integer", "nan", "not a number"),
        ("number", "inf", "not a number"), ("number", [], "not a number"), ("boolean", "maybe", "neither true nor false"),
        ("duration", "soon", "not a duration"),
        ("rate", "fast", "not a rate"), ("size", "-1", "not a size"), ("percent", "101%", "not a percentage"), ("url", "ftp://a", "not an address"),
        ("url", "javascript:x", "not an address"), ("date", "23.11.2026", "2026"), ("json", "{", "Expecting"),
        ("json", "[NaN]", "not a number"), ("string", {"a": 1}, "text is needed"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(kind: str, given: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parameter_value(parameter(kind), given)


@pytest.mark.parametrize(
    ("kind", "limits", "good", "bad", "message"),
    [
        ("integer", {"min": 2, "max": 4}, [2, "4"], [1, 5], "value [24]"), ("duration", {"max": "1m"}, ["60s"], ["61s"], "above the greatest value 1m"),
        ("enum", {"options": ["a", "b"]}, ["a"], ["c"], "not one of a, b"), ("string", {"pattern": "[a-z]+"}, ["ab"], ["ab1", "A"], "does not match"),
        ("string", {"max_length": 2}, ["ab"], ["abc"], "longer than 2 characters"), ("percent", {"min": "5%"}, ["5%", 0.1], ["4%"], "below the least value 5%"),
    ],
)  # fmt: skip
def test_limits_of_a_parameter_hold(kind: str, limits: dict[str, Any], good: list[Any], bad: list[Any], message: str) -> None:
    limited = parameter(kind, **limits)
    for value in good:
        parameter_value(limited, value)
    for value in bad:
        with pytest.raises(ParameterError, match=message):
            parameter_value(limited, value)
