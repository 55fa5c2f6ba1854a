"""Load shapes in Python: functions of time and Locust's `tick`."""

import math
from typing import Any

import pytest

from maid_lab.model.schedules import level_at
from maid_lab.model.shapes import shape_segments


class Stages:
    """As in Locust's documentation."""

    stages = ((2, 10, 10), (4, 50, 20))

    def __init__(self, scale: int = 1) -> None:
        self.scale = scale

    def tick(self) -> tuple[float, float] | None:
        run_time = self.get_run_time()  # type: ignore[attr-defined]
        for until, users, rate in self.stages:
            if run_time < until:
                return users * self.scale, rate
        return None


def test_a_function_is_followed_in_chords_of_a_second() -> None:
    segments = shape_segments(lambda t: 10 + 5 * math.sin(t), 6)
    assert segments[-1].end_s == 6
    for second in range(6):
        assert level_at(segments, second) == pytest.approx(10 + 5 * math.sin(second))


def test_constants_are_one_segment() -> None:
    (segment,) = shape_segments(lambda _t: 7, 2.5)
    assert (segment.start_s, segment.end_s, segment.level_from, segment.level_to) == (0, 2.5, 7, 7)


@pytest.mark.parametrize("shape", [Stages, Stages()], ids=["class", "object"])
def test_a_tick_gives_users_and_the_rate_on_the_way(shape: Any) -> None:
    segments = shape_segments(shape, 60)
    assert segments[-1].end_s == 4
    assert [level_at(segments, at) for at in (0, 0.5, 1, 1.9, 2.5, 3, 3.99)] == pytest.approx([0, 5, 10, 10, 20, 30, 49.8])


def test_the_configuration_goes_to_the_class_or_the_function() -> None:
    assert max(s.level_to for s in shape_segments(Stages, 60, config={"scale": 2})) == 60
    assert shape_segments(lambda _t, peak: peak, 1, config={"peak": 4})[0].level_to == 4


def test_none_ends_the_load() -> None:
    assert shape_segments(lambda t: 5 if t < 3 else None, 100)[-1].end_s == 3


@pytest.mark.parametrize(
    ("shape", "error", "text"),
    [
        (lambda _t: -1, ValueError, "0 or more"),
        (lambda _t: "ten", TypeError, "no level"),
        (lambda _t: math.inf, TypeError, "no level"),
        (lambda _t: (3, 0), ValueError, "rate"),
        (7, TypeError, "function of time"),
    ],
)
def test_what_is_no_shape_is_told(shape: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        shape_segments(shape, 5)


def test_the_time_is_bounded() -> None:
    with pytest.raises(ValueError, match="may take"):
        shape_segments(lambda _t: 1, 1e9)
