"""Random requests within and beyond what the OpenAPI document allows: never a failure of the server, never a status it does not name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.jupyter import RunningServer, jupyter_server

pytestmark = pytest.mark.server

#: For each operation; whoever wants more raises it.
_EXAMPLES = 12


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, dict[str, Any]]]:
    # No target is allowed, loopback and the demo shop's neighbours included: whatever is made up, nothing is sent.
    folder = tmp_path_factory.mktemp("fuzzed")
    home = folder / "maid"
    home.mkdir(mode=0o700)
    (home / "targets.yaml").write_text("schema: maid.targets/v1\nloopback: listed\n", encoding="utf-8")
    with jupyter_server(folder) as server:
        yield server, server.ask("openapi.json", as_owner=False).json


def test_no_request_makes_the_server_fail(fuzzed: tuple[RunningServer, dict[str, Any]]) -> None:
    server, document = fuzzed
    schema = schemathesis.openapi.from_dict(document)
    schema.config.generation.modes = list(schemathesis.GenerationMode)
    tried: set[str] = set()
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]
        _probe(server, document, operation)
        tried.add(operation.label)
    assert len(tried) >= len(document["paths"])
    assert server.ask("health", as_owner=False).json["status"] == "ok"


def _probe(server: RunningServer, document: dict[str, Any], operation: Any) -> None:
    declared = {int(status) for status in document["paths"][operation.path][operation.method.lower()]["responses"]}

    @given(case=operation.as_strategy())
    @settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    def probe(case: Any) -> None:
        case.headers = {**(dict(case.headers) if case.headers else {}), "Authorization": f"token {server.token}"}
        case.headers.pop("Idempotency-Key", None)
        answer = case.call(base_url=f"{server.url}api/maid", timeout=20)
        assert answer.status_code < 500, answer.text
        # A path that the shape of the parameter excludes is no route at all.
        assert answer.status_code in declared | {404}, f"{operation.label}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]

    probe()


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=10), inner),
        max_leaves=10,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@pytest.mark.parametrize("place", ["overrides", "parameters", "recipe", "whole"])
def test_any_json_is_answered_with_a_problem(fuzzed: tuple[RunningServer, dict[str, Any]], place: str, body: Any) -> None:
    server, _ = fuzzed
    sent = body if place == "whole" else {place: body} if place == "recipe" else {"recipe_id": "hello", place: body}
    reply = server.ask("plan", method="POST", body=json.dumps(sent).encode())
    assert reply.status in (200, 403, 404, 422), reply.body
