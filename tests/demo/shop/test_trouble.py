"""Each switch, seen from outside."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.demo.client import Reply, call, raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.launch import DemoProcess

    Ask = Callable[..., Reply]

GET = b"GET /products/SKU-0001 HTTP/1.1\r\nHost: x\r\n"
CLOSE = b"Connection: close\r\n\r\n"


def timed(shop: DemoProcess, count: int = 1) -> float:
    started = time.monotonic()
    raw(shop.url, (GET + b"\r\n") * (count - 1) + GET + CLOSE)
    return time.monotonic() - started


@pytest.mark.parametrize("latency", ["constant:20", "uniform:30:5", "normal:60:1", "lognormal:60:0.01"])
def test_latency_holds_each_answer_back(calm: DemoProcess, latency: str) -> None:
    calm.switch(latency=latency)
    assert timed(calm, 3) >= 0.06


def test_control_calls_are_never_held_back_nor_refused(calm: DemoProcess) -> None:
    calm.switch(latency="constant:60000", errors=1, capacity=1)
    assert call(calm.url, "GET", "/health").status == 200


def test_a_share_of_requests_fails_with_the_status_that_was_set(calm: DemoProcess) -> None:
    calm.switch(errors=0.3, error_status=502)
    for _ in range(4):
        raw(calm.url, (GET + b"\r\n") * 499 + GET + CLOSE)
    stats = calm.stats()
    assert stats["served"]["total"] == 2000 == sum(stats["served"]["status"].values())
    assert stats["injected_errors"] == stats["served"]["status"]["502"] == pytest.approx(600, abs=100)


def test_a_failed_request_has_done_nothing(calm: DemoProcess, ask: Ask) -> None:
    before = ask("GET", "/items").json["total"]
    calm.switch(errors=1)
    failed = ask("POST", "/items", {"name": "never"})
    calm.switch(errors=0)
    assert (failed.status, failed.headers["x-demo-injected"]) == (503, "error")
    assert ask("GET", "/items").json["total"] == before


def test_a_stall_makes_all_answers_wait(calm: DemoProcess) -> None:
    calm.switch(stall_every_s=0.3, stall_ms=200)
    with ThreadPoolExecutor(4) as pool:
        longest = list(pool.map(lambda _: longest_wait(calm), range(4)))
    stalls = calm.stats()["stalls"]
    calm.switch(stall_ms=0)
    assert stalls >= 1
    assert min(longest) >= 0.1
    assert calm.stats()["stalls"] >= stalls


def longest_wait(shop: DemoProcess) -> float:
    """Ask for as long as a stall is sure to fall into it, and return the longest time."""
    end = time.monotonic() + 0.6
    longest = 0.0
    while time.monotonic() < end:
        longest = max(longest, timed(shop))
    return longest


def test_a_capacity_makes_a_knee(calm: DemoProcess) -> None:
    calm.switch(latency="constant:20", capacity=2)
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        list(pool.map(lambda _: timed(calm), range(8)))
        queued = time.monotonic() - started
        calm.switch(capacity=0)
        started = time.monotonic()
        list(pool.map(lambda _: timed(calm), range(8)))
        free = time.monotonic() - started
    assert queued >= 8 / 2 * 0.02
    assert free < queued


def test_a_leak_keeps_memory_up_to_its_cap_and_gives_it_back(calm: DemoProcess) -> None:
    calm.switch(leak_mb=10, leak_cap_mb=1.5)
    raw(calm.url, (GET + b"\r\n") * 99 + GET + CLOSE)
    first = calm.stats()["leaked_bytes"]
    raw(calm.url, (GET + b"\r\n") * 99 + GET + CLOSE)
    second = calm.stats()["leaked_bytes"]
    calm.switch(leak_mb=0)
    assert first == pytest.approx(1_000_000, abs=65_536)
    assert 1_400_000 < second <= 1_500_000
    assert calm.stats()["leaked_bytes"] == 0


def test_switches_are_read_and_wrong_ones_refused(calm: DemoProcess, ask: Ask) -> None:
    before = ask("GET", "/switches").json
    wrong = ask("POST", "/switches", {"errors": 5})
    assert (wrong.status, wrong.json) == (400, {"error": "switch errors: 5 is out of range. Give a number from 0 to 1."})
    assert ask("POST", "/switches", b"nonsense").status == 400
    assert ask("GET", "/switches").json == before
    assert calm.stats()["served"]["total"] == 0
