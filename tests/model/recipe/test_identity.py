import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.recipe import content_hash, json_schema, parse_recipe, trust_hash
from maid_lab.model.recipe.identity import canonical_json
from tests.model.recipes import ECOMMERCE, HELLO, changed


def hashes(text: str) -> tuple[str, str]:
    data = parse_recipe(text).document.data
    return content_hash(data), trust_hash(data)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # Appendix B of RFC 8785, and its example of sorted keys.
        (0.0, "0"), (-0.0, "0"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"), (1e21, "1e+21"), (9.999999999999997e22, "9.999999999999997e+22"), (1e-6, "0.000001"),
        (1e-7, "1e-7"), (333333333.3333333, "333333333.3333333"), (-0.0000033333333333333333, "-0.0000033333333333333333"),
        ({"\u20ac": 1, "\r": 2, "1": 3, "\ud83d\ude00": 4, "\u0080": 5, "\u00f6": 6, "\ufb33": 7}, '{"\\r":2,"1":3,"\x80":5,"ö":6,"€":1,"😀":4,"\ufb33":7}'),
        ([56, {"d": True, "10": None, "1": []}], '[56,{"1":[],"10":null,"d":true}]'),
    ],
)  # fmt: skip
def test_canonical_json_is_that_of_rfc_8785(value: object, text: str) -> None:
    if isinstance(value, dict):
        value = {key.encode("utf-16", "surrogatepass").decode("utf-16"): item for key, item in value.items()}
    assert canonical_json(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_numbers_are_read_as_the_same(value: float) -> None:
    assert float(json.loads(canonical_json(value))) == value


def test_the_form_of_a_file_does_not_change_its_hash() -> None:
    as_json = json.dumps(parse_recipe(HELLO).document.data, indent=3, sort_keys=True)
    assert hashes(as_json) == hashes(HELLO) == hashes("# a comment\n" + HELLO)


def test_edits_of_prose_keep_the_trust_and_change_the_content() -> None:
    for old, new in (
        ("title: Hello", "title: Good day"),
        ("Twenty users", "Some users"),
        ("id: hello", "id: hello\nnotes: x"),
        ("30s}", "30s}\nx-a: 1"),
    ):
        edited, plain = hashes(changed(old, new)), hashes(HELLO)
        assert edited[0] != plain[0], new
        assert edited[1] == plain[1], new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("demo:shop", "https://other.example.test"), ("users: 20", "users: 2000"), ("get: /\n", "delete: /\n"),
        ("thresholds:", "setup: [{get: /}]\nthresholds:"), ("thresholds:", "teardown: [{get: /}]\nthresholds:"),
        ("thresholds:", "data: [{name: a, path: a.csv}]\nthresholds:"), ("thresholds:", "limits: {max_users: 3}\nthresholds:"),
        ("thresholds:", "monitors: [{type: prometheus, url: 'http://a.test'}]\nthresholds:"), ("thresholds:", "extensions: [{id: a}]\nthresholds:"),
        ("thresholds:", "include: [{name: a, path: a.yaml}]\nthresholds:"),
    ],
)  # fmt: skip
def test_what_can_act_changes_the_trust(old: str, new: str) -> None:
    assert hashes(changed(old, new))[1] != hashes(HELLO)[1]


def test_fragments_belong_to_both_hashes() -> None:
    data = parse_recipe(HELLO).document.data
    for digest in (content_hash, trust_hash):
        assert digest(data, ["a"]) != digest(data)
        assert digest(data, ["a", "b"]) == digest(data, ["b", "a"])


def test_the_schema_knows_each_field_of_the_examples() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False or "x-" in json.dumps(schema.get("patternProperties", ""))
    assert set(parse_recipe(ECOMMERCE).document.data) <= set(schema["properties"])
    assert json.loads(json.dumps(schema)) == schema
