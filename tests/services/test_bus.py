import logging

import pytest

from maid_lab.services.bus import METRICS, STATUS, Bus


def test_a_listener_gets_the_topics_it_asked_for() -> None:
    bus, got = Bus(), []
    bus.subscribe(lambda topic, data: got.append((topic, data)), topics=[STATUS])
    bus.publish(STATUS, 1)
    bus.publish(METRICS, 2)
    assert got == [(STATUS, 1)]


def test_without_topics_a_listener_gets_everything_until_it_leaves() -> None:
    bus, got = Bus(), []
    with bus.listening(lambda topic, data: got.append((topic, data))):
        bus.publish("a", 1)
        bus.publish("b", 2)
    bus.publish("c", 3)
    assert got == [("a", 1), ("b", 2)]


def test_a_failing_listener_is_logged_and_the_others_are_called(caplog: pytest.LogCaptureFixture) -> None:
    bus, got = Bus(), []

    def broken(topic: str, data: object) -> None:
        raise ValueError("no screen")

    bus.subscribe(broken)
    bus.subscribe(lambda topic, data: got.append(data))
    with caplog.at_level(logging.ERROR):
        bus.publish(STATUS, 7)
    assert got == [7]
    assert "a listener of maid:status failed" in caplog.text


def test_leaving_twice_is_harmless() -> None:
    bus = Bus()
    leave = bus.subscribe(lambda topic, data: None)
    leave()
    leave()
    bus.publish("a", 1)
