import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.cli.text import clean, clock, count, milliseconds, percent, rate, span, sparkline


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert clean(text).isprintable()
    assert len(clean(text)) == len(text)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (clock(65.9), "01:05"), (clock(7200), "2:00:00"), (clock(-1), "00:00"),
        (span(0.5), "0.5s"), (span(5400), "1h30m"), (span(90), "1m30s"), (span(86400), "24h"),
        (count(1234567), "1,234,567"), (count(None), "–"),
        (rate(1234.4), "1,234/s"), (rate(2.5), "2.5/s"), (rate(None), "–"),
        (milliseconds(0.87), "870 µs"), (milliseconds(12.34), "12.3 ms"), (milliseconds(1250), "1.25 s"), (milliseconds(None), "–"),
        (percent(0), "0.00 %"), (percent(0.000001), "<0.01 %"), (percent(0.0123), "1.23 %"),
        (sparkline([0, 1, 2, 4]), "▁▃▅█"), (sparkline([0, 0]), "▁▁"), (sparkline([]), ""), (sparkline([1] * 50, width=3), "███"),
    ],
)  # fmt: skip
def test_figures_read_well(shown: str, expected: str) -> None:
    assert shown == expected
