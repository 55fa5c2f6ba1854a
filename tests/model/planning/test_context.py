"""Expressions of a recipe while it is planned: what is computed, what stays, and what can never be smuggled in."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.expressions import Scope
from maid_lab.model.planner import make_plan
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.recipe import parse_recipe
from maid_lab.model.recipe.document import Document
from maid_lab.model.recipe.scopes import Names
from maid_lab.model.recipe.target import DataSet
from maid_lab.model.templates import compile_value
from tests.model.recipes import HELLO

NAMES = Names(frozenset({"region", "users"}), frozenset({"password"}), frozenset({"sku", "fixed"}), frozenset({"email"}))


def context(**parameters: Any) -> Context:
    made = Context(Document(), {"region": "eu", "users": 5, **parameters}, frozenset({"password"}))
    made.variables = {"fixed": "f", "sku": "s"}
    return made


def folded(tree: Any, **parameters: Any) -> Any:
    return context(**parameters).folded(tree, NAMES, frozenset({"fixed"}), "/x")


@pytest.mark.parametrize(
    ("leaf", "result"),
    [
        ("plain", "plain"), (3, 3), ("/{{ region }}", "/eu"), ("{{ users * 2 }}", 10), ("{{ fixed }}-{{ users }}", "f-5"), ("{{ sku }}", "{{ vars.sku }}"),
        ("/{{ region }}/{{ sku }}", "/{{ params.region }}/{{ vars.sku }}"), ("{{ email }}", "{{ row.email }}"), ("{{ password }}", "{{ secrets.password }}"),
        ("{{ uuid() }}", "{{ uuid() }}"), ({"a": ["{{ users }}", "{{ iter }}"]}, {"a": [5, "{{ iter }}"]}),
    ],
)  # fmt: skip
def test_what_is_known_is_computed_and_the_rest_is_qualified(leaf: Any, result: Any) -> None:
    assert folded(leaf) == result


@given(st.text(max_size=20) | st.sampled_from(["{{ secrets.password }}", "{{ uuid() }}", "{{", "}}", '{{ "{{" }}', "{{ 'x"]))
def test_the_value_of_a_parameter_is_never_read_as_an_expression(value: str) -> None:
    scope = Scope()
    scope.secrets = {"password": "geheim"}
    scope.vars = {"sku": "s"}
    scope.params = {"region": value}
    for leaf, wanted in (("{{ region }}", value), ("a{{ region }}b", f"a{value}b"), ("{{ region }}/{{ sku }}", f"{value}/s")):
        found = compile_value(folded(leaf, region=value))
        assert (found(scope) if callable(found) else found) == wanted


def test_secrets_in_use_are_known_by_key() -> None:
    made = context()
    made.folded({"a": "Bearer {{ password }}"}, NAMES, frozenset(), "/x")
    assert made.used_secrets == {"password"}


@pytest.mark.parametrize(
    ("leaf", "code", "message"),
    [
        ("{{ password }}", "E213", "secrets.password is kept out of the plan"), ("{{ uuid() }}", "E213", r"uuid() has its value only while running"),
        ("{{ row.email }}", "E213", "row.email has its value only while running"), ("{{ iter }}", "E213", "iter has its value only"),
        ("{{ region * 2 }}", "E215", "numbers only"), ("{{ params.gone }}", "E215", "no value"),
    ],
)  # fmt: skip
def test_a_plan_time_field_reads_nothing_that_is_not_known(leaf: str, code: str, message: str) -> None:
    made = context()
    with pytest.raises(PlanningError):
        made.value(leaf, str, "/load/users")
    ((found, text, pointer),) = [(item.code, item.message, item.pointer) for item in made.found]
    assert (found, pointer) == (code, "/load/users")
    assert message in text
    assert text.startswith("load.users: ")


def test_names_that_nothing_or_too_much_defines_are_findings() -> None:
    made = context()
    names = Names(NAMES.params, NAMES.secrets, NAMES.variables | {"region"}, NAMES.row)
    made.folded("{{ skuu }}{{ region }}", names, frozenset(), "/x")
    assert [(item.code, item.hint) for item in made.found] == [
        ("E211", "Did you mean sku?"),
        ("E212", "Write params.region or vars.region."),
    ]


def test_an_expression_that_grows_too_long_by_its_namespaces_is_a_finding() -> None:
    made = context()
    made.expression(f"[{','.join(['sku'] * 240)}]", NAMES, "/x")
    assert [item.code for item in made.found] == ["E111"]


def test_the_key_that_names_classes_in_a_plan_is_refused() -> None:
    made = context()
    made.folded({"a": [{"$": "Load"}]}, NAMES, frozenset(), "/x")
    assert [item.code for item in made.found] == ["E401"]


def test_the_key_that_names_classes_comes_in_by_no_value() -> None:
    recipe = f"{HELLO}parameters: [{{key: j, type: json, default: {{}}}}]\nvariables: {{v: {{a: 1}}}}\ndata: [{{name: d, rows: [{{a: 1}}]}}]\n".replace(
        "get: /", 'post: {url: /, json: ["{{ j }}", "{{ v }}", "{{ data.d }}"]}'
    )

    def refused(text: str, **options: Any) -> set[str]:
        result = make_plan(parse_recipe(text), read_data=read_inline, **options)
        return {item.pointer for item in result.diagnostics if item.code == "E401"}

    assert refused(recipe) == set()
    assert "/parameters/j" in refused(recipe, parameters={"j": '{"$": "Plan"}'})
    assert "/variables/v" in refused(recipe.replace("v: {a: 1}", 'v: {"$": Plan}'))
    assert "/data/0/rows" in refused(recipe.replace("rows: [{a: 1}]", 'rows: [{"$": Plan}]'))


def read_inline(data_set: DataSet, _path: str, _base_dir: Path | None) -> tuple[tuple[dict[str, Any], ...], str]:
    return tuple(data_set.rows or ()), ""


def test_the_same_finding_is_told_once() -> None:
    made = context()
    for _ in range(3):
        made.refuse("proxy", "/target/defaults/proxy")
    assert len(made.found) == 1
