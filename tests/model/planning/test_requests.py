"""Requests of a plan: defaults merged, precedence, refusals with their place, files."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from maid_lab.model.plan import Body, Check, EventStream, HttpStep, Retry, Route, Timeouts, Tls, WaitForStep
from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.recipe import parse_recipe

HEAD = """\
schema: maid.recipe/v1
id: hello
title: Hello
description: Requests.
load: {users: 1, run_time: 3s}
parameters:
  - {key: token, type: secret, required: false}
  - {key: user, type: string, default: ann}
"""


def result(step: str, *, defaults: str = "{}", base_dir: Path | None = None, setup: str = "", **options: Any) -> PlanResult:
    target = f'target: {{base_url: "http://127.0.0.1:8000", defaults: {defaults}}}\n'
    text = f"{HEAD}{target}{setup}scenarios:\n  - name: a\n    steps:\n      - {step}\n"
    return make_plan(parse_recipe(text, base_dir=base_dir), **options)


def request(step: str, **options: Any) -> HttpStep:
    found = result(step, **options)
    assert found.plan is not None, [str(item) for item in found.diagnostics]
    (planned,) = found.plan.scenarios[0].steps
    assert isinstance(planned, HttpStep)
    return planned


def errors(step: str, **options: Any) -> list[tuple[str, str]]:
    return [(item.code, item.pointer) for item in result(step, **options).diagnostics if item.severity == "error"]


def test_headers_merge_by_name_whatever_their_case_and_the_step_wins() -> None:
    found = request(
        "get: {url: /, headers: {accept: text/html, X-B: '{{ user }}'}}", defaults="{headers: {Accept: a/b, X-A: '1'}, cookies: {a: b}}"
    )
    assert (found.headers, found.cookies) == ((("accept", "text/html"), ("X-A", "1"), ("X-B", "ann")), (("a", "b"),))


@pytest.mark.parametrize(
    ("step", "options", "timeouts"),
    [
        ("get: /", {}, Timeouts(total_s=60)), ("get: /", {"defaults": "{timeout: 9s}"}, Timeouts(total_s=9)),
        ("{get: /, timeout: 8s}", {"defaults": "{timeout: 9s}"}, Timeouts(total_s=8)),
        ("{get: {url: /, timeout: 7s}, timeout: 8s}", {}, Timeouts(total_s=7)),
        ("get: {url: /, timeout: {connect: 1s, read: 2s}}", {}, Timeouts(connect_s=1, read_s=2, total_s=60)),
        ("{get: {url: /, timeout: 7s}}", {"overrides": {"timeout": "500ms"}}, Timeouts(total_s=0.5)),
    ],
)  # fmt: skip
def test_the_nearest_timeout_wins_and_the_caller_over_all(step: str, options: dict[str, Any], timeouts: Timeouts) -> None:
    assert request(step, **options).timeouts == timeouts


def test_the_caller_may_switch_compression() -> None:
    assert request("get: {url: /, gzip: true}", overrides={"gzip": False}).gzip is False
    assert request("get: /", defaults="{gzip: false}").gzip is False


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ("post: {url: /, json: {a: ['{{ user }}', 1, null]}}", Body(kind="json", value={"a": ("ann", 1, None)})),
        ("post: {url: /, json: null}", Body(kind="json", value=None)),
        ("post: {url: /, form: {a: '{{ token }}'}}", Body(kind="form", value={"a": "{{ secrets.token }}"})),
        ("post: {url: /, body: 'x={{ user }}'}", Body(kind="text", value="x=ann")), ("post: /", None),
    ],
)  # fmt: skip
def test_bodies(step: str, body: Body | None) -> None:
    assert request(step).body == body


def test_query_lists_become_pairs() -> None:
    wanted: tuple[tuple[str, Any], ...] = (("a", 1), ("a", "x"), ("b", "{{ iter }}"))
    assert request("get: {url: /, params: {a: [1, x], b: '{{ iter }}'}}").params == wanted


def test_credentials_stay_references() -> None:
    assert request("get: {url: /, auth: {bearer: {token: '{{ token }}'}}}").auth == ("bearer", "{{ secrets.token }}")
    assert request("get: {url: /, auth: {basic: {user: '{{ user }}', password: '{{ token }}'}}}").auth == (
        "basic",
        "ann",
        "{{ secrets.token }}",
    )


def test_retries_and_what_an_error_does_are_kept() -> None:
    found = request("{get: /, on_error: run, retry: {times: 2, wait: 100ms, on: [timeout, 5xx, 429]}}")
    assert (found.on_error, found.retry) == ("run", Retry(times=2, wait_s=0.1, on=("timeout", "5xx", "429")))


def test_waiting_asks_for_the_status_and_no_request_outlasts_it() -> None:
    found = result("get: /", setup="setup: [{wait_for: {get: /health, status: 204, timeout: 5s, every: 100ms}}]\n").plan
    assert found is not None
    (step,) = found.setup
    assert isinstance(step, WaitForStep)
    assert (step.timeout_s, step.every_s, step.request.timeouts.total_s, step.request.on_error) == (5, 0.1, 5, "continue")
    assert step.request.check == (Check(kind="status", op="in", value=(204,), text="status 204"),)
    assert found.labels[step.request.label].section == "setup"


@pytest.mark.parametrize(
    ("step", "code", "pointer"),
    [
        ("http: {url: /, method: fetch}", "E104", "/http/method"),
        ("get: ftp://example.test/", "E104", "/get"),
        ("get: {url: /, headers: {'a b': c}}", "E104", "/get/headers"),
        ("{get: /, retry: {times: 1, on: [tiemout]}}", "E104", "/retry/on/0"), ("get: {url: /, http_version: '3'}", "E104", "/get/http_version"),
        ("get: {url: /, sse: 3}", "E103", "/get/sse"), ("get: {url: /, sse: {unil: x}}", "E103", "/get/sse"),
        ("get: {url: /, sse: {until: 3}}", "E103", "/get/sse/until"), ("get: {url: /, sse: {until: {kind: x}}}", "E103", "/get/sse/until"),
        ("get: {url: /, sse: {max: 0}}", "E104", "/get/sse/max"), ("get: {url: /, sse: {max: many}}", "E215", "/get/sse/max"),
        ("get: {url: /, sse: true, page: {assets: true}}", "E105", "/get/sse"),
        ("{get: /, check: [{not: {messages: '> 1'}}]}", "E105", "/check/0"),
        ("{get: {url: /, sse: true}, check: [{messages: many}]}", "E104", "/check/0/messages"),
        ("get: {url: /, proxy: 'https://127.0.0.1:1'}", "E104", "/get/proxy"), ("get: {url: /, proxy: 127.0.0.1}", "E104", "/get/proxy"),
        ("get: {url: /, proxy: 'http://{{ token }}:1'}", "E104", "/get/proxy"), ("get: {url: /, dns: {a: 127.0.0.1}}", "E105", "/get/dns"),
        ("get: {url: /, source_addresses: [eth0]}", "E104", "/get/source_addresses/0"),
        ("get: {url: /, auth: {basic: {user: 'x-{{ token }}', password: b}}}", "E401", "/get/auth/basic"),
        ("post: {url: /, multipart: [a]}", "E103", "/post/multipart"),
        ("post: {url: /, multipart: {a: {file: none.bin}}}", "E306", "/post/multipart/a/file"),
        ("post: {url: /, multipart: {a: {path: x}}}", "E103", "/post/multipart/a"),
        ("post: {url: /, json: {'$': Load}}", "E401", "/post/json"), ("get: {url: /, timeout: '{{ iter }}'}", "E213", "/get/timeout"),
        ("{get: /, check: [{status: 2xxx}]}", "E104", "/check/0/status"), ("{get: /, check: [{latency: fast}]}", "E104", "/check/0/latency"),
        ("{get: /, check: [{body_matches: '('}]}", "E104", "/check/0/body_matches"),
        ("{get: /, extract: [{name: a, json: '$.['}]}", "E104", "/extract/0/json"),
        ("{get: /, extract: [{name: a, regex: 'x(y)', group: 2}]}", "E104", "/extract/0/group"),
        ("{get: /, check: [{schema: a.json}]}", "E306", "/check/0/schema"), ("post: {url: /, body_file: none.bin}", "E306", "/post/body_file"),
        ("post: {url: /, body_file: ../none.bin}", "E305", "/post/body_file"), ("get: {url: /, tls: {ca: none.pem}}", "E306", "/get/tls/ca"),
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_run_yet_is_told_at_its_place(tmp_path: Path, step: str, code: str, pointer: str) -> None:
    assert errors(step, base_dir=tmp_path) == [(code, f"/scenarios/0/steps/0{pointer}")]


def test_files_are_named_by_their_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "body.bin").write_bytes(b"x")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    found = request("post: {url: /, body_file: body.bin, tls: {ca: ca.pem, server_name: a.test, min_version: 1.3}}", base_dir=tmp_path)
    assert found.body == Body(kind="file", value=str(tmp_path / "body.bin"))
    assert found.tls == Tls(ca=str(tmp_path / "ca.pem"), server_name="a.test", min_version="1.3")


@pytest.mark.parametrize(
    ("tls", "field", "said"),
    [
        ("{ca: text.pem}", "ca", "text.pem holds no certificate in PEM form"),
        ("{cert: text.pem}", "cert", "text.pem holds no certificate in PEM form"),
        ("{cert: cert.pem}", "cert", "cert.pem holds no private key"),
        ("{cert: cert.pem, key: text.pem}", "key", "text.pem holds no private key"),
        ("{cert: cert.pem, key: other.pem}", "key", "other.pem is not the key of cert.pem"),
        ("{cert: cert.pem, key: locked.pem}", "key", "the key in locked.pem has a password"),
        ("{key: other.pem}", "key", "a key without a certificate is of no use"),
        ("{min_version: 1.1}", "min_version", "TLS 1.1 cannot be a minimum"),
    ],
)
def test_files_for_tls_that_cannot_be_used_are_told_before_the_run(tmp_path: Path, tls: str, field: str, said: str) -> None:
    authority = trustme.CA()
    one, other = authority.issue_cert("a@a.test"), authority.issue_cert("b@a.test")
    (tmp_path / "text.pem").write_text("no certificate")
    one.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    other.private_key_pem.write_to_path(str(tmp_path / "other.pem"))
    key = serialization.load_pem_private_key(one.private_key_pem.bytes(), None)
    locked = serialization.BestAvailableEncryption(b"word")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (tmp_path / "locked.pem").write_bytes(pem)
    (found,) = [item for item in result(f"get: {{url: /, tls: {tls}}}", base_dir=tmp_path).diagnostics if item.severity == "error"]
    assert (found.code, found.pointer, found.message) == ("E104", f"/scenarios/0/steps/0/get/tls/{field}", said)
    assert found.hint
    assert found.line


def test_what_is_wrong_in_a_default_of_the_target_is_told_once() -> None:
    steps = "transaction: t\n        steps: [{get: /a}, {get: /b}]"
    assert errors(steps, defaults="{http_version: '1.0'}") == [("E104", "/target/defaults/http_version")]
    assert errors(steps, defaults="{proxy: 127.0.0.1}") == [("E104", "/target/defaults/proxy")]
    assert errors(steps, defaults="{dns: {a.test: b}}") == [("E104", "/target/defaults/dns/a.test")]
    assert errors(steps, defaults="{dns: [a]}") == [("E103", "/target/defaults/dns")]


def test_the_way_to_the_host_is_part_of_the_request() -> None:
    found = request("get: {url: /, proxy: 'http://u:{{ token }}@proxy.test:3128', source_addresses: [127.0.0.2, '::1']}")
    assert found.route == Route(proxy="http://u:{{ secrets.token }}@proxy.test:3128", source_addresses=("127.0.0.2", "::1"))
    plan = result("get: /", defaults="{dns: {A.test.: [127.0.0.2], b.test: '::1'}, proxy: 'http://p.test:1'}").plan
    assert plan is not None
    assert plan.dns == (("a.test", ("127.0.0.2",)), ("b.test", ("::1",)))


def test_a_token_is_fetched_by_a_request_of_its_own() -> None:
    auth = "{oauth2: {token_url: /token, client_id: me, client_secret: '{{ secrets.token }}', scope: a b}}"
    plan = result(f"get: {{url: /, auth: {auth}}}").plan
    assert plan is not None
    (step,) = [step for step in plan.scenarios[0].steps if isinstance(step, HttpStep)]
    assert step.auth == ("oauth2",)
    assert step.token is not None
    assert (step.token.method, step.token.url, step.token.auth) == ("POST", "/token", ("basic", "me", "{{ secrets.token }}"))
    assert step.token.body == Body(kind="form", value={"grant_type": "client_credentials", "scope": "a b"})
    assert (plan.labels[step.token.label].name, plan.labels[step.token.label].section) == ("oauth2 token", "setup")
    assert plan.secrets == ("token",)


def test_digest_keeps_name_and_password_for_the_challenge() -> None:
    assert request("get: {url: /, auth: {digest: {user: a, password: 'b-{{ token }}'}}}").auth == ("digest", "a", "b-{{ secrets.token }}")


@pytest.mark.parametrize(
    ("written", "stream"),
    [
        ("true", EventStream()),
        ("{until: '[DONE]'}", EventStream(until="[DONE]")),
        ("{until: {event: done}, max: 9}", EventStream(until_event="done", limit=9)),
        ("{until: {event: done, data: '{{ iter }}'}}", EventStream(until_event="done", until="{{ iter }}")),
    ],
)
def test_a_stream_says_what_ends_it_and_asks_for_events(written: str, stream: EventStream) -> None:
    found = request(f"get: {{url: /, sse: {written}}}")
    assert found.sse == stream
    assert ("Accept", "text/event-stream") in found.headers
    assert request("get: {url: /, sse: true, headers: {accept: a/b}}").headers == (("accept", "a/b"),)
