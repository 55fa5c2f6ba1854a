from __future__ import annotations

import polars as pl
import pytest

from maid_lab.analysis.times import TIMES, default_latency, time_named
from maid_lab.model.errors import InvalidInput
from tests.analysis.rows import a_plan, frame, row


def test_each_time_is_the_difference_of_its_two_stamps() -> None:
    rows = frame([{**row(start_s=0), "intended": 100, "start": 130, "connected": 135, "first_byte": 150, "end": 200}])
    times = rows.select(**{name: time() for name, time in TIMES.items()}).collect().row(0, named=True)
    assert times == {"service": 70, "response": 100, "ttfb": 20, "connect": 5, "blocked": 30}


def test_stamps_that_are_missing_give_null_and_a_missing_intention_is_the_start() -> None:
    rows = frame([{**row(start_s=0), "intended": None, "start": 130, "end": 200}])
    times = rows.select(**{name: time() for name, time in TIMES.items()}).collect().row(0, named=True)
    assert times == {"service": 70, "response": 70, "ttfb": None, "connect": None, "blocked": 0}


def test_latency_is_response_time_for_open_and_service_time_for_closed_plans() -> None:
    assert [default_latency(a_plan(model=model)) for model in ("users", "iterations", "rate")] == ["service", "service", "response"]


def test_an_unknown_time_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="latency, service, response"):
        time_named("duration", plan=a_plan())


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(["scenario", "setup"])])
def test_dictionary_columns_may_be_text_categories_or_enums(kind: pl.DataType) -> None:
    from maid_lab.analysis.measured import is_measured

    rows = frame([row(start_s=1), row(start_s=1, section="setup")]).with_columns(pl.col("section").cast(pl.String).cast(kind))
    assert rows.filter(is_measured(plan=a_plan())).collect().height == 1
