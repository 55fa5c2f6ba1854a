"""Loads of the profiles find-capacity and custom as they are planned."""

from typing import Any

import pytest

from maid_lab.model.plan import Plan, Search
from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.recipe import parse_recipe
from tests.model.recipes import changed

SEARCH = "{profile: find-capacity, unit: users, from: 10, to: 400, slo: [p95 < 200ms, error_rate < 1%], probe: 20s}"


def planned(load: str, **given: Any) -> PlanResult:
    return make_plan(parse_recipe(changed("{users: 20, run_time: 30s}", load)), **given)


def plan_of(load: str, **given: Any) -> Plan:
    result = planned(load, **given)
    assert result.plan is not None, result.diagnostics
    return result.plan


def errors(result: PlanResult) -> list[tuple[str, str]]:
    return [(finding.code, finding.message) for finding in result.diagnostics if finding.severity == "error"]


def test_a_search_holds_its_first_level_for_as_long_as_it_can_take() -> None:
    plan = plan_of(SEARCH)
    (load,) = plan.loads
    assert load.search == Search(first=10, last=400, slo=("p95 < 200ms", "error_rate < 1%"), probe_s=20)
    assert (load.segments[0].level_from, load.peak, plan.peak_users) == (10, 400, 400)
    assert plan.duration_s == load.search.longest_s + 5


def test_a_search_by_rate_needs_max_users() -> None:
    by_rate = SEARCH.replace("unit: users", "unit: rate, max_users: 50")
    (load,) = plan_of(by_rate).loads
    assert load.search is not None
    assert (load.model, load.max_users, load.search.whole) == ("rate", 50, False)


def test_the_users_that_a_caller_gives_are_where_the_search_ends() -> None:
    (load,) = plan_of(SEARCH, overrides={"users": 8}).loads
    assert load.search is not None
    assert (load.search.first, load.search.last, load.segments[0].level_from) == (8, 8, 8)


@pytest.mark.parametrize(
    ("old", "new", "code", "text"),
    [
        ("from: 10", "from: 0", "E230", "from a level above 0"),
        ("from: 10", "from: 500", "E230", "up to a higher one"),
        ("from: 10", "from: 2.5", "E230", "whole numbers"),
        ("probe: 20s", "probe: 100ms", "E230", "at least 0.5 s"),
        ("slo: [p95 < 200ms, error_rate < 1%]", "slo: []", "E230", "needs an slo"),
        ("p95 < 200ms", "p95(ttfb) < 200ms", "E401", "the objective p95(ttfb, *) < 200ms"),
    ],
)
def test_a_search_that_cannot_be_made_is_told(old: str, new: str, code: str, text: str) -> None:
    found = errors(planned(SEARCH.replace(old, new)))
    assert any(item == code and text in message for item, message in found), found


def test_a_search_has_no_run_time_and_no_neighbours() -> None:
    assert ("E409", "override run_time: load load1 is a search, which takes as long as its probes") in errors(
        planned(SEARCH, overrides={"run_time": 60})
    )
    together = f"[{SEARCH}, {{profile: constant-users, users: 1, duration: 5s}}]"
    assert ("E230", "a search for capacity needs the run for itself") in errors(planned(together))


def test_a_custom_shape_is_planned_as_segments() -> None:
    shapes = {"mine": lambda t, top: min(t, top)}
    (load,) = plan_of("{profile: custom, shape: mine, duration: 10s, config: {top: 4}}", shapes=shapes).loads
    assert (load.model, load.peak, load.end_s) == ("users", 4, 10)


def test_a_shape_that_is_unknown_or_fails_is_told_at_its_place() -> None:
    load = "{profile: custom, shape: mine, duration: 10s}"
    (finding,) = [item for item in planned(load, shapes={"mien": len}).diagnostics if item.severity == "error"]
    assert (finding.code, finding.pointer) == ("E307", "/load/shape")
    assert "mien" in finding.hint
    assert ("E230", "load shape 'mine': ZeroDivisionError: division by zero") in errors(planned(load, shapes={"mine": lambda t: 1 / 0}))
