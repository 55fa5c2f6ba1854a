import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.engine.recording.histogram import bucket_of, bucket_value_ns, buckets_of, quantile_ns

DURATION = st.integers(1, 10**13)


@given(DURATION)
def test_a_bucket_is_off_by_less_than_half_a_percent(duration: int) -> None:
    assert abs(bucket_value_ns(bucket_of(duration)) - duration) <= max(0.004 * duration, 0.5)


@given(st.lists(DURATION, min_size=1, max_size=50))
def test_many_durations_fall_where_each_falls_alone(durations: list[int]) -> None:
    assert buckets_of(np.array(durations)).tolist() == [bucket_of(d) for d in durations]


@given(st.lists(DURATION, min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantile_is_near_the_order_statistic(durations: list[int], q: float) -> None:
    counts: dict[int, int] = {}
    for duration in durations:
        counts[bucket_of(duration)] = counts.get(bucket_of(duration), 0) + 1
    exact = sorted(durations)[int(q * (len(durations) - 1))]
    found = quantile_ns(counts, q)
    assert found is not None
    assert abs(found - exact) <= max(0.004 * exact, 0.5)


def test_an_empty_histogram_has_no_quantile() -> None:
    assert quantile_ns({}, 0.5) is None
