"""Think times: what is constant draws nothing, so that a user who never draws has no random stream."""

from random import Random

import pytest

from maid_lab.engine.users.ops import think_seconds, think_time


class Thinker:
    def __init__(self) -> None:
        self.drawn = 0

    @property
    def rng(self) -> Random:
        self.drawn += 1
        return Random(3)


@pytest.mark.parametrize(
    ("low", "high", "dist", "draws"),
    [(1, 1, "constant", 0), (1, 9, "constant", 0), (2, 2, "uniform", 0), (-1, -1, "constant", 0), (1, 2, "uniform", 1), (1, 2, "normal", 1),
     (1, 0, "exponential", 1)],
)  # fmt: skip
def test_only_what_is_drawn_takes_from_the_stream(low: float, high: float, dist: str, draws: int) -> None:
    thinker = Thinker()
    assert think_time(thinker, low, high, dist) == think_seconds(low, high, dist, Random(3))  # type: ignore[arg-type]
    assert thinker.drawn == draws
