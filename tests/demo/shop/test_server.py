"""The shop on the wire and its counts."""

from __future__ import annotations

import gzip
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.client import Reply, call, raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.launch import DemoProcess

    Ask = Callable[..., Reply]

CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


def served(shop: DemoProcess) -> dict[str, Any]:
    return dict(shop.stats()["served"])


def test_load_and_control_are_counted_apart(calm: DemoProcess, ask: Ask) -> None:
    replies = [ask("GET", path) for path in ("/products", "/products/SKU-0001", "/products/SKU-0002", "/none", "/health")]
    ask("POST", "/items", b"{")
    stats = calm.stats()
    ask("HEAD", "/products")
    assert stats["served"] | {"bytes": None} == {
        "total": 5,
        "answered": 5,
        "routes": {"GET /products": 1, "GET /products/{sku}": 2, "POST /items": 1, "unknown": 1},
        "answered_routes": {"GET /products": 1, "GET /products/{sku}": 2, "POST /items": 1, "unknown": 1},
        "status": {"200": 3, "400": 1, "404": 1},
        "bytes": None,
    }
    assert stats["served"]["bytes"] > sum(len(reply.body) for reply in replies[:4])
    assert stats["control"]["routes"] == {"GET /health": 1, "GET /stats": 1}
    assert served(calm)["routes"]["HEAD /products"] == 1


def test_resetting_gives_the_counts_that_were_there(calm: DemoProcess, ask: Ask) -> None:
    ask("GET", "/products")
    assert calm.reset_stats()["served"]["total"] == 1
    after = calm.stats()
    assert (after["served"]["total"], after["served"]["status"], after["served"]["bytes"]) == (0, {}, 0)


def test_bytes_are_counted_as_they_go_over_the_wire(calm: DemoProcess) -> None:
    sent = [raw(calm.url, f"GET {path} HTTP/1.1\r\n".encode() + CLOSE) for path in ("/products", "/bytes/200000", "/status/204", "/")]
    stats = served(calm)
    assert (stats["bytes"], stats["total"]) == (sum(map(len, sent)), 4)
    assert stats["status"] == {"200": 3, "204": 1}


def test_connections_are_counted(calm: DemoProcess) -> None:
    before = calm.stats()["connections"]["accepted"]
    raw(calm.url, b"GET /products HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET /products HTTP/1.1\r\n" + CLOSE)
    after = calm.stats()
    assert after["connections"]["accepted"] - before == 2
    assert after["served"]["total"] == 4


def test_a_client_that_gives_up_is_counted_as_begun_but_not_as_answered(calm: DemoProcess) -> None:
    with connect(calm) as wire:
        wire.sendall(b"GET /delay/150 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: served(calm)["total"] == 1)
    with connect(calm) as wire:
        wire.sendall(b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ncut")
        wait_for(lambda: served(calm)["total"] == 2)
    time.sleep(0.2)
    stats = served(calm)
    assert (stats["total"], stats["answered"], stats["status"]) == (2, 0, {})


def test_a_client_that_resets_in_the_middle_of_a_large_answer_is_not_answered(calm: DemoProcess) -> None:
    with connect(calm) as wire:
        wire.sendall(b"GET /bytes/50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.recv(1000)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: calm.stats()["connections"]["open"] == 1)
    assert (served(calm)["total"], served(calm)["answered"]) == (1, 0)


def test_what_is_no_request_is_counted_apart(calm: DemoProcess) -> None:
    assert raw(calm.url, b"nonsense\r\n\r\n").startswith(b"HTTP/1.")
    stats = calm.stats()
    assert (stats["malformed"], stats["served"]["total"]) == (1, 0)


def test_many_clients_at_once_are_counted_exactly(calm: DemoProcess) -> None:
    request = b"GET /products/SKU-0001 HTTP/1.1\r\nHost: x\r\n\r\n"
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: raw(calm.url, request * 49 + b"GET /products HTTP/1.1\r\n" + CLOSE), range(32)))
    assert served(calm)["routes"] == {"GET /products": 32, "GET /products/{sku}": 32 * 49}


def test_large_text_is_compressed_for_those_who_take_it(ask: Ask) -> None:
    plain, packed = ask("GET", "/products"), ask("GET", "/products", Accept_Encoding="br, gzip")
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in ask("GET", "/products/SKU-0001", Accept_Encoding="gzip").headers


def test_a_head_answer_is_the_head_of_the_get_answer(calm: DemoProcess) -> None:
    for path in (b"/products", b"/bytes/200000", b"/pages/login"):
        whole = raw(calm.url, b"GET " + path + b" HTTP/1.1\r\n" + CLOSE)
        assert raw(calm.url, b"HEAD " + path + b" HTTP/1.1\r\n" + CLOSE) == whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def test_connections_close_and_stay_as_the_version_says(calm: DemoProcess) -> None:
    old = raw(calm.url, b"GET /products/SKU-0001 HTTP/1.0\r\n\r\n")
    assert b"Connection: close\r\n" in old
    both = raw(calm.url, b"GET /status/200 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /status/200 HTTP/1.0\r\n\r\n")
    assert both.count(b"status 200") == 2
    assert b"Connection: keep-alive\r\n" in both


def test_a_client_that_waits_to_be_encouraged_is(calm: DemoProcess) -> None:
    with connect(calm) as wire:
        wire.sendall(b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert wire.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"{}")
        assert wire.recv(1000).startswith(b"HTTP/1.1 201 Created\r\n")


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_001])
def test_bytes_come_in_the_number_asked_for(ask: Ask, size: int) -> None:
    assert ask("GET", f"/bytes/{size}").body == (b"0123456789abcdef" * (size // 16 + 1))[:size]


def test_statuses_delays_and_redirects_come_as_asked_for(ask: Ask) -> None:
    assert [ask("GET", f"/status/{code}").status for code in (200, 204, 304, 404, 418, 503, 599)] == [200, 204, 304, 404, 418, 503, 599]
    started = time.monotonic()
    assert ask("GET", "/delay/50").json == {"delayed_ms": 50}
    assert time.monotonic() - started >= 0.05
    first = ask("GET", "/redirect?times=2&status=307&to=/search%3Fq=a%26b")
    assert first.status == 307
    assert ask("GET", first.headers["location"]).headers["location"] == "/search?q=a&b"
    bad = ("/status/99", "/status/abc", "/delay/-1", "/bytes/1e9", "/redirect?to=//evil", "/redirect?status=304", "/redirect?times=0")
    assert [ask("GET", path).status for path in bad] == [400] * 7


def test_a_method_that_a_path_does_not_know_is_told_which_it_does(ask: Ask) -> None:
    refused, options = ask("DELETE", "/products"), ask("OPTIONS", "/items/7")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
    assert (options.status, options.headers["allow"]) == (204, "DELETE, GET, HEAD, PATCH, PUT")
    assert ask("POST", "/items", b"x" * 2_000_000).status == 413


def connect(shop: DemoProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(shop.url.rpartition(":")[2])), timeout=5)


def wait_for(condition: Callable[[], bool], within_s: float = 3.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_calls_on_one_connection_are_answered_in_order(calm: DemoProcess) -> None:
    paths = [f"/status/{200 + number}" for number in range(8) if number not in (4, 5)]
    answer = raw(
        calm.url, b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths) + b"GET /health HTTP/1.1\r\n" + CLOSE
    )
    order = [line.split()[1] for line in answer.splitlines() if line.startswith(b"status ") or line.startswith(b"HTTP")]
    assert [int(code) for code in order[:-1:2]] == [int(path.rpartition("/")[2]) for path in paths]
    assert call(calm.url, "GET", "/health").status == 200
