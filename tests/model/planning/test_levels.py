from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model import profiles
from maid_lab.model.plan import Load
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.levels import goose_load, overridden
from maid_lab.model.planning.overrides import Overrides
from maid_lab.model.recipe.document import Document

CLOSED = Load(
    name="a", profile="constant-users", model="users", segments=profiles.constant(20, 60, ramp_s=10), order=(0,), graceful_stop_s=7
)
STAGED = replace(CLOSED, name="b", profile="ramping-users", segments=profiles.ramping([(10, 30), (20, 60)]))
OPEN = replace(
    CLOSED, name="c", profile="constant-rate", model="rate", segments=profiles.constant(50, 60), max_users=40, arrivals="poisson"
)


def changed(*loads: Load, **values: Any) -> tuple[Load, ...]:
    return overridden(loads, Overrides(**values), Context(Document(), {}))


def goose(*loads: Load, **values: Any) -> Load:
    return goose_load(loads, (0, 1), Overrides(**values), Context(Document(), {}))


def test_without_overrides_loads_stay_as_they_are() -> None:
    assert changed(CLOSED, OPEN) == (CLOSED, OPEN)


def test_a_single_level_is_replaced_and_its_ramp_kept() -> None:
    assert changed(CLOSED, users=5, run_time=30) == (replace(CLOSED, segments=profiles.constant(5, 30, ramp_s=10)),)


def test_other_profiles_are_scaled_and_stretched_as_a_whole() -> None:
    assert changed(STAGED, users=6, run_time=60) == (replace(STAGED, segments=profiles.ramping([(20, 3), (40, 6)])),)


def test_loads_side_by_side_share_the_level_given() -> None:
    first, second, third = changed(CLOSED, STAGED, OPEN, users=8)
    assert (first.peak, second.peak, third) == (2, 6, OPEN)


@pytest.mark.parametrize(("load", "values", "hint"), [(CLOSED, {"rate": 5}, "given in users"), (OPEN, {"users": 5}, "given in rate")])
def test_a_level_of_the_other_model_is_refused_not_ignored(load: Load, values: dict[str, Any], hint: str) -> None:
    context = Context(Document(), {})
    with pytest.raises(PlanningError):
        overridden([load], Overrides(**values), context)
    assert [(finding.code, hint in finding.message) for finding in context.found] == [("E409", True)]


@given(st.integers(1, 10_000), st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_a_peak_is_exactly_what_was_asked_for(users: int, before: float, middle: float) -> None:
    load = replace(STAGED, segments=profiles.ramping([(1, middle), (1, before), (1, middle)]))
    assert changed(load, users=float(users))[0].peak == users


def test_the_goose_form_replaces_the_load_and_keeps_peak_hold_and_grace() -> None:
    assert goose(CLOSED, increase_rate=4.0) == replace(CLOSED, order=(0, 1), segments=profiles.constant(20, 60, ramp_s=5))
    assert goose(CLOSED, increase_time=8.0, decrease_rate=5.0, users=10, run_time=3).segments == profiles.constant(
        10, 3, ramp_s=8, ramp_down_s=2
    )


def test_a_load_that_never_holds_a_level_gives_its_whole_time() -> None:
    assert goose(STAGED, increase_time=1.0).segments == profiles.constant(60, 30, ramp_s=1)


def test_iterations_and_test_plans_are_closed() -> None:
    counted = goose(OPEN, iterations=3)
    assert (counted.model, counted.iterations, counted.peak, counted.max_users) == ("iterations", 3, 40, 0)
    assert goose(CLOSED, test_plan=((10.0, 5.0), (5.0, 0.0))).segments == profiles.ramping([(10, 5), (5, 0)])


def test_an_open_load_stays_open() -> None:
    found = goose(OPEN, increase_time=5.0)
    assert (found.model, found.segments, found.max_users, found.arrivals) == ("rate", profiles.constant(50, 60, ramp_s=5), 40, "poisson")
    assert goose(OPEN, increase_time=5.0, users=3.0).model == "users"


@pytest.mark.parametrize("values", [{"rate": 5.0, "increase_time": 1.0}, {"rate": 5.0, "iterations": 3}])
def test_a_rate_needs_a_load_with_max_users_and_counts_no_iterations(values: dict[str, Any]) -> None:
    context = Context(Document(), {})
    with pytest.raises(PlanningError):
        goose_load([CLOSED], (0,), Overrides(**values), context)
    assert [finding.code for finding in context.found] == ["E409"]
