import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.recipe.document import MAX_BYTES, Document, parse_document


def codes(text: str | bytes) -> list[str]:
    return [item.code for item in parse_document(text).diagnostics]


def value_of(scalar: str) -> Any:
    return parse_document(f"a: {scalar}\n").data["a"]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-12", -12), ("1.5", 1.5), ("1e3", 1000.0),
        ("-0.5E-2", -0.005),
    ],
)  # fmt: skip
def test_unquoted_scalars_are_those_of_json(scalar: str, value: Any) -> None:
    assert value_of(scalar) == value
    assert type(value_of(scalar)) is type(value)


@pytest.mark.parametrize(
    "scalar",
    ["on", "yes", "no", "True", "NULL", "1:30", "0123", "0x1F", "0o17", "1_000", "+5", ".5", "5.", ".inf", ".nan", "2026-11-23",
     "2026-11-23T10:00:00Z", "=", "٣"],
)  # fmt: skip
def test_everything_else_is_text(scalar: str) -> None:
    assert value_of(scalar) == scalar


@pytest.mark.parametrize("scalar", ["'true'", '"1"', "'null'", '"~"'])
def test_quotes_make_text(scalar: str) -> None:
    assert value_of(scalar) == scalar[1:-1]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "E005", 3, 1),
        ("a: !!python/object/apply:os.system ['true']\n", "E004", 1, 4),
        ("a: !!str 1\n", "E004", 1, 4),
        ("a: !custom {b: 1}\n", "E004", 1, 4),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "E008", 3, 3),
        ("1: a\n", "E006", 1, 1),
        ("true: a\n", "E006", 1, 1),
        ("? [a, b]\n: 1\n", "E006", 1, 3),
        ("a: 1\n---\nb: 2\n", "E009", 3, 1),
        ("a: [1, 2\n", "E003", 2, 1),
        ("a: 1\n  b: 2\n", "E003", 2, 4),
        ("", "E003", 1, 1),
        ("# only a comment\n", "E003", 1, 1),
        ("a: *nowhere\n", "E003", 1, 4),
        ("id: \"a\\u202eb\"\n", "E010", 1, 5),
        ("\"a\\u200bb\": 1\n", "E010", 1, 1),
        ("description: \"a\\u202eb\"\n", "W011", 1, 14),
    ],
)  # fmt: skip
def test_each_mistake_has_its_code_and_place(text: str, code: str, line: int, column: int) -> None:
    found = parse_document(text, source="r.yaml").diagnostics
    assert [(item.code, item.line, item.column, item.source) for item in found] == [(code, line, column, "r.yaml")]
    assert found[0].message
    assert found[0].hint


def test_a_file_that_is_not_utf_8_is_refused_at_its_byte() -> None:
    (found,) = parse_document(b"a: \xff\n").diagnostics
    assert (found.code, found.message) == ("E001", "byte 3 is not UTF-8")


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse_document(b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


def test_sizes_have_limits() -> None:
    assert codes("a: " + "x" * (MAX_BYTES - 3)) == []
    assert codes("a: " + "x" * (MAX_BYTES - 2)) == ["E002"]
    assert codes(json.dumps([0] * 19_999)) == []
    assert codes(json.dumps([0] * 20_000)) == ["E007"]
    assert codes("[" * 32 + "]" * 32) == []
    assert codes("[" * 34 + "]" * 34) == ["E007"]


def test_hostile_nesting_is_a_finding() -> None:
    assert codes("[" * 100_000) in (["E007"], ["E003"])
    assert codes("{a: " * 50_000) in (["E007"], ["E003"])


def test_aliases_may_add_a_hundred_nodes() -> None:
    repeated = "a: &x [1, 2, 3]\nb: [" + ", ".join(["*x"] * 25) + "]\n"
    assert codes(repeated) == []
    assert codes(repeated.replace("*x,", "*x, *x,", 1)) == ["E008"]


def test_a_billion_laughs_end_at_the_first_hundred() -> None:
    levels = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert codes("\n".join(levels)) == ["E008"]


def test_an_alias_of_itself_ends() -> None:
    assert codes("a: &a [*a]\n") in (["E007"], ["E008"])


def test_places_are_those_of_values_and_keys() -> None:
    document = parse_document("a:\n  b/c: [1, two]\n")
    assert document.data == {"a": {"b/c": [1, "two"]}}
    assert document.place("/a/b~1c/1") == (2, 12)
    assert document.place("/a/b~1c", of_key=True) == (2, 3)
    assert document.place("/a/b~1c/9/unknown") == (2, 8)
    assert document.place("/nothing") == (1, 1)


def test_json_is_read_as_it_is_written() -> None:
    data = {"a": [1, 2.5, "x\ty", True, None, {"b": "ü\n"}], "c": {}}
    assert parse_document(json.dumps(data)).data == data
    assert parse_document(json.dumps(data, indent=2, ensure_ascii=False)).data == data


printable = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\xad", exclude_categories=["Cc", "Cs"]), max_size=12
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6, allow_nan=False) | printable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4),
    max_leaves=12,
)


@given(trees)
def test_any_json_is_a_document_that_says_the_same(tree: Any) -> None:
    text = json.dumps({"top": tree})
    document = parse_document(text)
    assert [item for item in document.diagnostics if item.code not in ("E010", "W011")] == []
    assert document.data == {"top": tree}


@given(st.binary(max_size=200))
def test_any_bytes_give_a_document(raw: bytes) -> None:
    assert_whole(parse_document(raw))


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#%@`,?<~ \n\t0\\\u202e\ud800\x00"), max_size=60))
def test_any_text_of_yaml_signs_gives_a_document(text: str) -> None:
    assert_whole(parse_document(text))


def assert_whole(document: Document) -> None:
    assert document.data is not None or document.diagnostics or document.places
    assert all(item.line >= 1 and item.column >= 1 and item.message for item in document.diagnostics)
