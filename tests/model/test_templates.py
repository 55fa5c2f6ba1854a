from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.expressions import ExpressionError, Scope
from maid_lab.model.templates import Template, compile_value, escaped, is_template, parse_template, templates_in


def scope(**variables: Any) -> Scope:
    made = Scope()
    made.vars = variables
    return made


def value_of(text: str, **variables: Any) -> Any:
    return parse_template(text).compile()(scope(**variables))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"), ("", ""), ("{{ vars.n }}", 5), ("{{ vars.list }}", [1, "a"]), ("{{vars.n}}", 5),
        (" {{ vars.n }}", " 5"), ("a{{ vars.n }}b", "a5b"),
        ("{{ vars.n }}{{ vars.n }}", "55"), ("x={{ vars.list }}", 'x=[1,"a"]'), ("{{ true }}!", "true!"),
        ('{{ "{{" }}', "{{"), ('a {{ "{{" }} b }}', "a {{ b }}"),
        ("{{ '}}' }}", "}}"), (r"""{{ "\"}}" }}.""", '"}}.'), ("{ {{ vars.n }} }", "{ 5 }"), ("{{ vars.none }}", None),
    ],
)  # fmt: skip
def test_values(text: str, value: Any) -> None:
    assert value_of(text, n=5, list=[1, "a"], none=None) == value


def test_null_cannot_stand_in_text() -> None:
    with pytest.raises(ValueError, match="null"):
        value_of("a{{ vars.none }}", none=None)


def test_a_text_grows_to_a_mebibyte_and_no_further() -> None:
    half = "x" * 1024 * 512
    assert len(value_of("{{ vars.x }}{{ vars.x }}", x=half)) == 1024 * 1024
    for text in ("{{ vars.x }}{{ vars.x }}.", ".{{ vars.x + vars.x }}"):
        with pytest.raises(ValueError, match="1 MiB"):
            value_of(text, x=half)


@pytest.mark.parametrize(("text", "offset"), [("a {{ b", 2), ("{{ 1 + }}", 7), ("ab{{ 'x }}", 2), ("{{ a }}{{ }}", 10), ("{{{ a }}", 2)])
def test_a_mistake_is_named_with_its_place_in_the_whole_text(text: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template(text)
    assert caught.value.offset == offset


def test_what_a_template_says_of_itself() -> None:
    template = parse_template("/{{ sku }}/{{ row.x }}")
    assert (template.is_constant, template.is_native, template.names()) == (False, False, {"sku", "row.x"})
    assert str(template.qualify({"sku": "vars"})) == "/{{ vars.sku }}/{{ row.x }}"
    assert parse_template("x").is_constant
    assert parse_template("{{ x }}").is_native


def test_a_tree_is_compiled_as_far_as_it_depends_on_anything() -> None:
    constant: Any = {"a": [1, "x", None]}
    assert compile_value(constant) == constant
    made = compile_value({"a": ["{{ vars.n }}", "n={{ vars.n }}", 3], "b": "c"})
    assert made(scope(n=5)) == {"a": [5, "n=5", 3], "b": "c"}


def test_expressions_of_a_tree_are_found() -> None:
    assert templates_in({"a": ["{{ x }}", "y"], "b": {"c": "{{ z }}!"}}) == ["{{ x }}", "{{ z }}!"]


@given(st.text(max_size=40) | st.text("{}' \"\\a", max_size=40))
def test_a_known_value_is_never_read_as_an_expression(value: str) -> None:
    compiled = compile_value(escaped({"k": [value]}))
    assert (compiled(Scope()) if callable(compiled) else compiled) == {"k": [value]}


@given(st.text("{}' \"\\ab|", max_size=40))
def test_any_text_is_a_template_or_an_expression_error(text: str) -> None:
    try:
        template = parse_template(text)
    except ExpressionError as error:
        assert is_template(text)
        assert 0 <= error.offset <= len(text)
        return
    assert parse_template(str(template)) == template


@given(st.lists(st.sampled_from(["{", "x", "{{ vars.n }}", "}", "{{"]), max_size=6))
def test_literal_parts_of_a_template_stay_literal_when_it_is_written(parts: list[str]) -> None:
    template = Template(
        tuple(parse_template("{{ vars.n }}").expressions()[0] if part == "{{ vars.n }}" else part for part in parts) or ("",)
    )
    assert parse_template(str(template)).compile()(scope(n=5)) == template.compile()(scope(n=5))
