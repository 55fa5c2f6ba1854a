from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from maid_lab.cli.chart import load_chart
from maid_lab.model.plan import Load, Segment

RAMP = Load(
    name="load", profile="constant-users", model="users", order=(0,),
    segments=(Segment(start_s=0, end_s=4, level_from=0, level_to=8), Segment(start_s=4, end_s=8, level_from=8, level_to=8)),
)  # fmt: skip


def test_a_ramp_is_drawn_as_a_ramp() -> None:
    assert load_chart(RAMP, end_s=8, width=8, height=2) == [
        "8 users │  ▄█████",
        "        │▄███████",
        "      0 └────────",
        "         0s 4s 8s",
    ]


@given(st.floats(0.1, 1e5), st.floats(0.1, 1e5), st.integers(10, 100), st.integers(1, 12))
def test_every_chart_has_the_size_asked_for(level: float, end_s: float, width: int, height: int) -> None:
    load = Load(
        name="load", profile="constant-rate", model="rate", order=(0,),
        segments=(Segment(start_s=0, end_s=end_s, level_from=level, level_to=level),),
    )  # fmt: skip
    lines = load_chart(load, end_s=end_s, width=width, height=height)
    assert len(lines) == height + 2
    assert len({len(line) for line in lines[: height + 1]}) == 1
    assert all(set(line.partition("│")[2]) == {"█"} for line in lines[:height])


def test_a_load_that_starts_later_is_drawn_later() -> None:
    later = replace(RAMP, start_at_s=8)
    drawn = load_chart(later, end_s=16, width=16, height=1)[0]
    assert drawn.partition("│")[2] == " " * 8 + load_chart(RAMP, end_s=8, width=8, height=1)[0].partition("│")[2]
