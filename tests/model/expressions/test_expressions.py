import pickle
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.expressions import (
    MAX_LENGTH,
    Binary,
    Call,
    Expression,
    ExpressionError,
    Index,
    ListOf,
    Literal,
    Member,
    MissingValue,
    Name,
    Node,
    Pipe,
    Scope,
    Unary,
    parse_expression,
)


def scope(**values: Any) -> Scope:
    made = Scope()
    made.params = {"users": 50, "region": "eu", "ratio": 0.2}
    made.secrets = {"password": "geheim"}
    made.vars = {"sku": "a-1", "items": [{"id": 7}, {"id": 8}], "nothing": None}
    made.row = {"email": "a@example.test"}
    made.data = {"cities": {"name": "Bern"}}
    made.vu, made.iter, made.run, made.last = {"id": 3, "scenario": "buy"}, 4, {"id": "r1", "elapsed": 1.5}, {"status": 200, "ok": True}
    made.rng = random.Random(1)
    made.seq = {"order": 9}.__getitem__
    for name, value in values.items():
        setattr(made, name, value)
    return made


def value_of(text: str, **values: Any) -> Any:
    return parse_expression(text).compile()(scope(**values))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("7 % 4 - 1", 2), ("1 / 4", 0.25), ("-params.users", -50), ("2 - -1", 3), ("1e3", 1000.0),
        ("params.users * params.ratio", 10.0), ("not true or true", True), ("not (true or true)", False), ("1 < 2 and 2 <= 2", True),
        ("'a' < 'b'", True), ("1 == 1.0", True), ("true == 1", False), ("null == null", True), ("'x' != 'y'", True),
        ("2 in [1, 2]", True), ("'ell' in 'hello'", True), ("'users' in params", True), ("true in [1]", False),
        ("vars.items[1].id", 8), ("vars.items[-1]['id']", 8), ("vars['sku']", "a-1"), ("data.cities.name", "Bern"), ("iter", 4), ("vu.id", 3),
        ("row.email", "a@example.test"), ("last.ok", True), ("run.id", "r1"), ("secrets.password", "geheim"),
        ("vars.nothing | default('x')", "x"), ("vars.gone | default(1) + 1", 2), ("vars.gone.deeper[3] | default([])", []),
        ("'a' | upper | lower | default('b')", "a"), ("len(vars.items) == 2", True),
        ("-2 | int", -2), (r"'it\'s \"\u00e9\u0041\ud83d\ude00\n'", "it's \"éA😀\n"), ("[1, [true, null]]", [1, [True, None]]), ("false and vars.gone", False),
        ("true or vars.gone", True), ("9007199254740993 + 0", 9007199254740993),
    ],
)  # fmt: skip
def test_values(text: str, value: Any) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'a' + 1", "numbers only"), ("true + 1", "numbers only"), ("'2' * 3", "numbers only"), ("-'a'", "numbers only"), ("1 < 'a'", "numbers only"),
        ("1 / 0", "division by zero"), ("1 % 0", "division by zero"), ("1e308 * 10", "too large"), ("1 in 2", "in needs"), ("null < 1", "numbers only"),
    ],
)  # fmt: skip
def test_values_of_the_wrong_kind_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "vars.gone",
        "vars.sku.gone",
        "vars.items[9]",
        "vars.items[-3]",
        "vars.items.id",
        "vars['gone']",
        "vars.items[true]",
        "row.gone",
        "unqualified",
        "iter.x",
    ],
)
def test_what_is_not_there_is_missing(text: str) -> None:
    with pytest.raises(MissingValue):
        value_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "vars.sku.__class__", "vars.sku.upper", "params.items", "params.keys", "vars.items.append", "vars.items.__len__", "iter.real",
        "run.__dict__", "vars['__class__']", "vars.items['__class__']",
    ],
)  # fmt: skip
def test_there_is_no_way_to_python_attributes(text: str) -> None:
    with pytest.raises(MissingValue):
        value_of(text)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "ends where a value should stand"), ("1 +", 3, "ends where a value"), ("1 2", 2, "something follows"), ("(1", 2, r"'\)' is missing"),
        ("a.", 2, "a key should stand here"), ("a | nope", 4, "no filter 'nope'"),
        ("nope(1)", 0, "no function 'nope'"), ("len()", 0, "takes 1 arguments, not 0"),
        ("a | default", 4, "takes 1 arguments"), ("1 < 2 < 3", 6, "something follows"), ("a = b", 2, "does not belong"), ("a and or b", 6, "should stand"),
        ("'open", 0, "does not belong"), ("1e999", 0, "too large"), (r"'\x'", 0, "not an escape"), (r"'\ud83d'", 0, "half of a character"),
        ("__import__('os')", 0, "no function"), ("a; b", 1, "does not belong"), ("{1: 2}", 0, "does not belong"), ("a[1", 3, "missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        parse_expression(text)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "text",
    [
        "(" * 400 + "1" + ")" * 400, "[" * 400, "a[" * 300, "len(" * 200, "x" + ".a" * 400, "1" + "+1" * 400, "1" + " or 1" * 180, "x" + "|trim" * 180,
        "x" + "[0]" * 300, "not " * 200 + "true", "-" * 500 + "1", "1" * (MAX_LENGTH + 1), "(1*2+" * 16 + "3" + "|int)" * 16 + "+4" * 60, "'" + "\\" * 998,
    ],
    ids=range(14),
)  # fmt: skip
def test_hostile_texts_are_refused_as_expressions(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


def test_what_is_allowed_can_be_walked_compiled_and_written() -> None:
    deep = "(" * 15 + "a" + " + b | int)" * 15
    chain = " + ".join("b" * 63)
    for text in (deep, chain):
        expression = parse_expression(text).qualify({"a": "vars", "b": "vars"})
        assert parse_expression(str(expression)) == expression
        assert isinstance(expression.compile()(scope(vars={"a": 1, "b": 2})), int)


def test_growth_ends_at_the_limits() -> None:
    text, number = "x" * 1000, 2
    double, square = parse_expression("vars.x + vars.x").compile(), parse_expression("vars.n * vars.n").compile()
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        for _ in range(30):
            text = double(scope(vars={"x": text}))
    with pytest.raises(ValueError, match="too large"):
        for _ in range(30):
            number = square(scope(vars={"n": number}))


def test_names_are_what_an_expression_reads() -> None:
    expression = parse_expression(
        "sku + params.users + vars['x'] + row[key] + data.cities.name + len(vu.id) + ([iter] | default(other))[0]"
    )
    assert expression.names() == {"sku", "params.users", "vars.x", "row", "key", "data.cities", "vu.id", "iter", "other"}
    assert parse_expression("uuid() + seq('a')").calls() == {"uuid", "seq"}


def test_bare_names_get_their_namespace_and_others_stay() -> None:
    expression = parse_expression("[sku, params.users, sku.size, other[sku], (email | default(sku)), -sku, not sku, len(sku)]")
    assert str(expression.qualify({"sku": "vars", "email": "row", "params": "vars"})) == (
        "[vars.sku, params.users, vars.sku.size, other[vars.sku], row.email | default(vars.sku), -vars.sku, not vars.sku, len(vars.sku)]"
    )


def test_the_error_survives_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(ExpressionError("no", 4)))
    assert (str(error), error.offset) == ("no", 4)


names = st.sampled_from(["a", "sku", "params", "vars", "iter", "größe", "_x1"]).map(Name)
literals = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
).map(Literal)


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    operators = st.sampled_from(["or", "and", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"])
    return st.one_of(
        st.builds(Binary, operators, inner, inner),
        st.builds(Unary, st.just("not"), inner),
        # A minus before a plain number is part of the number.
        st.builds(Unary, st.just("-"), inner.filter(lambda n: not (isinstance(n, Literal) and type(n.value) in (int, float)))),
        st.builds(Member, inner, st.sampled_from(["x", "sku", "not_a_word"])),
        st.builds(Index, inner, inner),
        st.builds(ListOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(lambda a, b: Call("random_int", (a, b)), inner, inner),
        st.builds(lambda a, b: Pipe(a, "default", (b,)), inner, inner),
        st.builds(lambda a: Pipe(a, "trim", ()), inner),
    )


@given(st.recursive(st.one_of(names, literals), larger, max_leaves=8))
def test_an_expression_is_written_as_it_is_read(node: Node) -> None:
    text = str(Expression(node))
    try:
        again = parse_expression(text)
    except ExpressionError as error:
        assert "nested deeper" in str(error) or "longer than" in str(error)
        return
    assert again == Expression(node)


@given(st.text(max_size=80) | st.text("ab1.+-*/%|()[]'\"<>=!, ", max_size=80))
def test_any_text_is_an_expression_or_an_expression_error(text: str) -> None:
    try:
        expression = parse_expression(text)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)
        return
    assert parse_expression(str(expression)) == expression
    try:
        expression.compile()(scope())
    except ValueError:
        return
