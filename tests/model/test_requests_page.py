"""The page on requests: its examples are planned, and every field of a request stands in it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Final

import pytest
import trustme

from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.recipe import parse_recipe
from maid_lab.model.recipe.steps import HttpCall
from maid_lab.model.recipe.target import Auth

TEXT: Final = (Path(__file__).parent.parent.parent / "docs" / "requests.md").read_text(encoding="utf-8")
EXAMPLES: Final = re.findall(r"```yaml example\n(.*?)```", TEXT, re.DOTALL)
(DEFAULTS,) = re.findall(r"```yaml defaults\n(.*?)```", TEXT, re.DOTALL)
AUTHORITY: Final = trustme.CA()
CLIENT: Final = AUTHORITY.issue_cert("client@shop.example")
RECIPE: Final = """\
schema: maid.recipe/v1
id: page
title: Page
description: An example of the documentation.
load: {users: 20, run_time: 60s}
parameters: [{key: password, type: secret, required: false}]
thresholds: [error_rate < 1%]
"""


def planned(folder: Path, steps: str, defaults: str = "{}") -> PlanResult:
    (folder / "pictures").mkdir(exist_ok=True)
    (folder / "pictures" / "summer.png").write_bytes(b"x")
    AUTHORITY.cert_pem.write_to_path(str(folder / "authority.pem"))
    CLIENT.cert_chain_pems[0].write_to_path(str(folder / "client.pem"))
    CLIENT.private_key_pem.write_to_path(str(folder / "client.key"))
    target = f"target:\n  base_url: http://shop.example\n  defaults:\n{textwrap.indent(defaults, '    ')}\n"
    text = f"{RECIPE}{target}scenarios:\n  - name: s\n    steps:\n{textwrap.indent(steps, '      ')}"
    return make_plan(parse_recipe(text, base_dir=folder))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: " ".join(example.split())[:60])
def test_an_example_is_a_list_of_steps_that_run(tmp_path: Path, example: str) -> None:
    found = planned(tmp_path, example)
    assert [str(item) for item in found.diagnostics if item.severity == "error"] == []
    assert found.plan is not None


def test_the_ways_to_the_target_are_defaults_that_run(tmp_path: Path) -> None:
    found = planned(tmp_path, "- get: /", DEFAULTS)
    assert [str(item) for item in found.diagnostics if item.severity == "error"] == []
    assert found.plan is not None
    assert found.plan.dns == (("api.shop.example", ("127.0.0.1", "127.0.0.2")), ("shop.example", ("127.0.0.1",)))


def test_every_field_of_a_request_is_described() -> None:
    fields = {field.alias or name for name, field in HttpCall.model_fields.items()}
    assert {name for name in fields if f"`{name}`" not in TEXT} == set()
    assert {way for way in Auth.model_fields if f"{way}: {{" not in TEXT} == set()
