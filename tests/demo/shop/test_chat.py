"""The shop's language model: the same words whole and as a stream, in chunks that are written one after another."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.demo.client import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.launch import DemoProcess

    Ask = Callable[..., Reply]

PATH = "/v1/chat/completions"
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "?"}]}


def streamed(url: str, **options: Any) -> tuple[http.client.HTTPResponse, list[tuple[float, bytes]]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("POST", PATH, json.dumps(QUESTION | {"stream": True} | options), {"Content-Type": "application/json"})
    answer, lines = connection.getresponse(), []
    while line := answer.readline():
        lines.append((time.monotonic(), line))
    connection.close()
    return answer, lines


def test_an_answer_comes_whole_when_no_stream_is_asked_for(ask: Ask) -> None:
    answer = ask("POST", PATH, QUESTION | {"max_tokens": 5}).json
    assert len(answer["choices"][0]["message"]["content"].split()) == answer["usage"]["completion_tokens"] == 5


def test_a_stream_has_a_message_for_each_token_the_reason_and_the_end(calm: DemoProcess) -> None:
    answer, lines = streamed(calm.url, max_tokens=7)
    events = [line.removeprefix(b"data: ").strip() for _, line in lines if line.strip()]
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert (len(events), events[-1]) == (9, b"[DONE]")
    assert all(json.loads(event)["choices"][0]["delta"]["content"] for event in events[:-2])
    assert json.loads(events[-2])["choices"][0]["finish_reason"] == "length"
    # Six pauses of four milliseconds at least between the first token and the last.
    assert lines[-1][0] - lines[0][0] > 0.02
    stats = calm.stats()
    assert (stats["messages"], stats["served"]["answered_routes"]) == (9, {f"POST {PATH}": 1})
    assert calm.reset_stats()["messages"] == 9
    assert calm.stats()["messages"] == 0


@pytest.mark.parametrize(
    "body", [{}, {"messages": []}, QUESTION | {"max_tokens": 0}, QUESTION | {"max_tokens": True}, QUESTION | {"max_tokens": 2001}]
)
def test_a_question_that_is_none_is_refused(ask: Ask, body: dict[str, Any]) -> None:
    assert ask("POST", PATH, body).status == 400


def test_a_client_of_http_1_0_gets_the_stream_without_chunks(calm: DemoProcess) -> None:
    body = json.dumps(QUESTION | {"stream": True, "max_tokens": 2}).encode()
    place = urlsplit(calm.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as client:
        client.sendall(f"POST {PATH} HTTP/1.0\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert rest.startswith(b"data: {")
    assert rest.endswith(b"data: [DONE]\n\n")


def test_who_leaves_in_the_middle_is_begun_and_not_answered(calm: DemoProcess) -> None:
    body = json.dumps(QUESTION | {"stream": True, "max_tokens": 2000}).encode()
    place = urlsplit(calm.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert client.recv(100)
    deadline = time.monotonic() + 10
    while calm.stats()["connections"]["open"] > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (calm.stats()["served"]["total"], calm.stats()["served"]["answered"], calm.stats()["messages"]) == (1, 0, 0)
