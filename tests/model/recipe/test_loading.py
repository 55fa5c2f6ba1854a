import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.recipe import load_recipe, parse_recipe
from maid_lab.model.recipe.loading import Loaded
from tests.model.recipes import ECOMMERCE, HELLO, ORDERS, changed


def found(loaded: Loaded) -> list[str]:
    return [item.code for item in loaded.diagnostics]


@pytest.mark.parametrize("text", [HELLO, ECOMMERCE, ORDERS], ids=["hello", "ecommerce", "orders"])
def test_the_examples_of_the_reference_are_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "customers.csv").write_text("email\na@example.test\n", encoding="utf-8")
    loaded = parse_recipe(text, base_dir=tmp_path)
    assert [str(item) for item in loaded.diagnostics if item.severity == "error"] == []
    assert loaded.is_valid


def test_the_first_example_has_nothing_to_be_said_about_it() -> None:
    assert parse_recipe(HELLO).diagnostics == ()


def test_json_and_yaml_of_one_recipe_are_the_same(tmp_path: Path) -> None:
    yaml_file, json_file = tmp_path / "hello.yaml", tmp_path / "hello.json"
    yaml_file.write_text(HELLO, encoding="utf-8")
    json_file.write_text(json.dumps(parse_recipe(HELLO).document.data), encoding="utf-8")
    assert load_recipe(yaml_file).recipe == load_recipe(json_file).recipe


@pytest.mark.parametrize("name", ["hello.txt", "hello"])
def test_a_file_of_another_suffix_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(HELLO, encoding="utf-8")
    assert found(load_recipe(tmp_path / name)) == ["E001"]


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    assert found(load_recipe(tmp_path / "none.yaml")) == ["E306"]


@pytest.mark.parametrize("text", ["[1, 2]", "just text", "3"])
def test_a_file_that_is_no_mapping_says_how_recipes_begin(text: str) -> None:
    (finding,) = parse_recipe(text).diagnostics
    assert finding.code == "E103"
    assert "schema: maid.recipe/v1" in finding.hint


@pytest.mark.parametrize(
    ("place", "extra"),
    [
        ("id: hello", "id: hello\nx-mine: {any: [1]}"),
        ("name: front", "name: front\n    x-owner: me"),
        ("get: /\n", "get: /\n        x-note: 3\n"),
    ],
    ids=["top", "scenario", "step"],
)
def test_keys_that_start_with_x_are_allowed_and_not_read(place: str, extra: str) -> None:
    assert parse_recipe(changed(place, extra)).diagnostics == ()


def test_errors_come_before_warnings() -> None:
    text = changed("id: hello", "id: hello\nvariables: {unused: 1}").replace('base_url: "demo:shop"', "base_url: '{{ nope }}'")
    assert [item.severity for item in parse_recipe(text).diagnostics] == ["error", "warning"]


# ---- fragments

LOGIN = """\
schema: maid.fragment/v1
parameters: [{key: who, type: string, default: me}]
steps:
  - post: {url: /login, form: {user: "{{ who }}"}}
"""
WITH_LOGIN = changed("scenarios:", "include: [{name: login, path: login.yaml}]\nscenarios:").replace("- get: /\n", "- use: login\n")


def test_a_fragment_beside_the_recipe_is_included(tmp_path: Path) -> None:
    (tmp_path / "login.yaml").write_text(LOGIN, encoding="utf-8")
    loaded = parse_recipe(WITH_LOGIN, base_dir=tmp_path)
    assert loaded.is_valid, loaded.diagnostics
    assert list(loaded.fragments) == ["login"]
    assert len(loaded.fragment_hashes) == 1


def test_a_fragment_that_is_not_there_is_a_finding_at_its_include(tmp_path: Path) -> None:
    loaded = parse_recipe(WITH_LOGIN, base_dir=tmp_path)
    assert [(item.code, item.pointer) for item in loaded.diagnostics if item.severity == "error"] == [("E306", "/include/0")]


def test_a_fragment_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "login.yaml").write_text(LOGIN, encoding="utf-8")
    (inner / "link.yaml").symlink_to(tmp_path / "login.yaml")
    for path in ("../login.yaml", str(tmp_path / "login.yaml"), "link.yaml"):
        loaded = parse_recipe(WITH_LOGIN.replace("login.yaml", path), base_dir=inner)
        assert "E305" in found(loaded), path


def test_a_recipe_without_a_folder_includes_nothing() -> None:
    assert "E305" in found(parse_recipe(WITH_LOGIN))


def test_what_is_wrong_in_a_fragment_has_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "login.yaml").write_text(LOGIN.replace("post:", "pst:"), encoding="utf-8")
    errors = [item for item in parse_recipe(WITH_LOGIN, base_dir=tmp_path).diagnostics if item.severity == "error"]
    assert [(item.code, item.source, item.line) for item in errors] == [("E108", "login.yaml", 4)]


# ---- whatever comes in


@given(st.binary(max_size=300))
def test_any_bytes_are_answered_with_findings(raw: bytes) -> None:
    loaded = parse_recipe(raw)
    assert not loaded.is_valid
    assert loaded.diagnostics


@given(
    st.integers(0, len(ECOMMERCE)),
    st.integers(0, 40),
    st.sampled_from(["", "{{", "}}", "[", "{", ": ", "- ", "null", "3", "'", "&a ", "*a"]),
)
def test_a_damaged_recipe_is_answered_with_findings_or_a_recipe(at: int, length: int, put: str) -> None:
    loaded = parse_recipe(ECOMMERCE[:at] + put + ECOMMERCE[at + length :])
    assert loaded.recipe is not None or loaded.diagnostics
    assert all(item.message and (item.hint or item.code == "E101") and item.line >= 1 for item in loaded.diagnostics)
