from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.units import (
    format_duration,
    format_number,
    format_percent,
    format_rate,
    format_size,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
)

numbers = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5), ("570ms", 0.57), ("1.5s", 1.5), ("2m", 120), ("1h30m5s", 5405), ("1d", 86_400), ("1m30.1s", 90.1), ("20", 20), (3, 3),
        (0.25, 0.25), ("0s", 0), (" 2m ", 120),
    ],
)  # fmt: skip
def test_durations_are_seconds(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "per_second"), [("200/s", 200), ("30/m", 0.5), ("18/h", 0.005), ("1.5 / s", 1.5), (7, 7), ("7", 7)])
def test_rates_are_per_second(text: Any, per_second: float) -> None:
    assert parse_rate(text) == per_second


@pytest.mark.parametrize(
    ("text", "count"), [("512", 512), ("10KB", 10_000), ("2MiB", 2 * 1024**2), ("1.1KB", 1100), ("0.29GB", 290_000_000), (9, 9)]
)
def test_sizes_are_bytes(text: Any, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(("text", "fraction"), [("1%", 0.01), ("0.1%", 0.001), ("100%", 1), (0.3, 0.3), ("0.3", 0.3), (0, 0)])
def test_percents_are_fractions(text: Any, fraction: float) -> None:
    assert parse_percent(text) == fraction


@pytest.mark.parametrize(
    ("parse", "accepted"),
    [(parse_duration, "500ms, 1.5s, 2m"), (parse_rate, "200/s, 30/m, 5/h"), (parse_size, "512, 10KB, 2MiB"), (parse_percent, "1%")],
)
@pytest.mark.parametrize("value", ["", "fast", "-1", -1, True, "1e3", "5s5m", "1/2", "1.5.5s", float("nan"), float("inf"), "٣s", "3 %%"])
def test_what_is_no_quantity_is_refused_with_what_is(parse: Callable[[Any], float], accepted: str, value: Any) -> None:
    with pytest.raises(ValueError, match=accepted):
        parse(value)


def test_a_percentage_above_a_hundred_is_refused() -> None:
    with pytest.raises(ValueError, match="fraction from 0 to 1"):
        parse_percent("101%")


@given(numbers)
def test_formatted_durations_are_read_as_the_same_number(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(numbers)
def test_formatted_rates_and_numbers_lose_nothing(value: float) -> None:
    assert parse_rate(format_rate(value)) == value
    assert float(format_number(value)) == value


@given(st.floats(min_value=0, max_value=1, allow_nan=False))
def test_formatted_percents_lose_nothing(fraction: float) -> None:
    assert parse_percent(format_percent(fraction)) == fraction


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2_340_000, "2.34 MB")])
def test_sizes_are_written_for_people(count: int, text: str) -> None:
    assert format_size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.3, "300ms"), (90, "1m30s"), (5405, "1h30m5s"), (86_400, "1d"), (1e-9, "0.000001ms")]
)
def test_durations_are_written_as_people_do(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
