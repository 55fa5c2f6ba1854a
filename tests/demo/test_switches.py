from __future__ import annotations

import json
import random
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.demo.switches import DISTRIBUTIONS, Latency, Switches
from maid_lab.model.errors import InvalidInput

latencies = st.builds(
    Latency, dist=st.sampled_from(sorted(DISTRIBUTIONS)), ms=st.floats(0, 60_000), spread=st.floats(0, 5, allow_subnormal=False)
)
switches = st.builds(
    Switches,
    latency=latencies,
    errors=st.floats(0, 1),
    error_status=st.integers(400, 599),
    stall_ms=st.floats(0, 30_000),
    capacity=st.integers(0, 1_000_000),
    cold_ms=st.floats(0, 60_000),
)


@given(switches)
def test_switches_survive_json(value: Switches) -> None:
    assert Switches().changed(json.loads(json.dumps(value.to_json()))) == value


@given(latencies, st.integers(0, 2**32))
def test_a_drawn_latency_is_a_time_that_can_be_waited(latency: Latency, seed: int) -> None:
    assert 0 <= latency.draw_s(random.Random(seed)) <= 60


@pytest.mark.parametrize(
    ("text", "mean", "sd"),
    [
        ("constant:20", 20, 0),
        ("uniform:20:6", 20, 6 / 3**0.5),
        ("normal:20:3", 20, 3),
        ("exponential:20", 20, 20),
        ("lognormal:20:0.5", 20 * 2.718281828 ** (0.25 / 2), None),
    ],
)
def test_draws_have_the_mean_and_deviation_that_were_asked_for(text: str, mean: float, sd: float | None) -> None:
    rng = random.Random(1)
    latency = Latency.of(text)
    draws = [latency.draw_s(rng) * 1000 for _ in range(20_000)]
    assert statistics.fmean(draws) == pytest.approx(mean, rel=0.03)
    if sd is not None:
        assert statistics.pstdev(draws) == pytest.approx(sd, rel=0.03, abs=1e-9)


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (12, Latency(ms=12)),
        ("normal:20:5", Latency(dist="normal", ms=20, spread=5)),
        ({"dist": "uniform", "ms": "3"}, Latency(dist="uniform", ms=3)),
        (Latency(ms=4), Latency(ms=4)),
    ],
)
def test_a_latency_can_be_written_in_several_ways(given_value: Any, expected: Latency) -> None:
    assert Latency.of(given_value) == expected


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"colour": 1}, "there is no switch 'colour'. Known are latency, errors"),
        ({"errors": True}, "switch errors: True is not a number"),
        ({"errors": 1.5}, "switch errors: 1.5 is out of range. Give a number from 0 to 1"),
        ({"errors": float("nan")}, "switch errors: nan is not a number"),
        ({"latency": "20"}, "switch latency: '20' is not a latency. Write dist:ms"),
        ({"latency": None}, "switch latency: None is not a latency"),
        ({"latency": {"ms": -1}}, "switch latency.ms: -1 is out of range"),
        ({"latency": {"mean": 1}}, "there is no switch 'latency.mean'"),
        ({"latency": "cauchy:3"}, "there is no distribution 'cauchy'"),
        ({"token_ttl_s": 0}, "switch token_ttl_s: 0 is out of range"),
    ],
)
def test_a_wrong_switch_is_named_with_the_remedy(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Switches().changed(changes)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "touches"),
    [({}, False), ({"stall_ms": 5, "stall_every_s": 1}, False), ({"cold_ms": 5}, False)]
    + [(change, True) for change in ({"latency": 1}, {"errors": 0.1}, {"leak_mb": 1}, {"capacity": 1})],
)
def test_requests_take_the_long_way_only_when_they_have_to(changes: dict[str, Any], touches: bool) -> None:
    assert Switches().changed(changes).touches_requests is touches
