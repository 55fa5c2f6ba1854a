from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.services.reports.figures import amount, bytes_text, clock, count, duration, moment, percent, with_unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (amount(0.01234), "0.012"),
        (amount(1.2345), "1.23"),
        (amount(12.345), "12.3"),
        (amount(1234.5), "1,234"),
        (amount(None), "–"),
        (count(1234567), "1,234,567"),
        (percent(0.0), "0 %"),
        (percent(1.0), "100 %"),
        (percent(0.01734), "1.73 %"),
        (percent(0.5), "50.0 %"),
        (bytes_text(999), "999 B"),
        (bytes_text(1_500_000), "1.50 MB"),
        (duration(5), "5 s"),
        (duration(125), "2 min 5 s"),
        (duration(3600), "1 h"),
        (clock(72.34), "72.3 s"),
        (clock(125), "2:05 min"),
        (clock(3725), "1:02:05 h"),
        (moment("2026-11-23T12:04:10.512+00:00"), "2026-11-23 12:04:10 UTC"),
        (moment("yesterday"), "yesterday"),
        (with_unit(0.19005, "s"), "190 ms"),
        (with_unit(12.5, "s"), "12.5 s"),
        (with_unit(2000.0, "/s"), "2,000 /s"),
        (with_unit(0.01, "share"), "1.00 %"),
        (with_unit(512, "B"), "512 B"),
        (with_unit(3.0, ""), "3"),
        (with_unit(None, "s"), "–"),
    ],
)
def test_figures_carry_sensible_digits_and_their_unit(text: str, expected: str) -> None:
    assert text == expected


@given(st.floats(1e-9, 1 - 1e-9))
def test_a_share_between_none_and_all_never_reads_as_either(share: float) -> None:
    assert percent(share) not in ("0 %", "0.00 %", "100 %", "100.00 %")
