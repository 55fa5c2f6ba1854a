from dataclasses import replace

import pytest

from maid_lab.model import profiles
from maid_lab.model.diagnostics import Diagnostic
from maid_lab.model.plan import (
    HttpStep,
    IfStep,
    Label,
    Load,
    LoopStep,
    Plan,
    RandomStep,
    Retry,
    Scenario,
    Step,
    Target,
    ThinkStep,
    TransactionStep,
    WhileStep,
)
from maid_lab.model.planning.context import Context
from maid_lab.model.planning.forecast import idle_seconds, most_requests, most_rows, too_few_rows, users_needed
from maid_lab.model.planning.sizes import check_size
from maid_lab.model.recipe.document import Document
from maid_lab.model.recipe.target import Limits
from maid_lab.model.thresholds import parse_threshold

GET = HttpStep(label=2, method="GET", url="/")
POST = HttpStep(label=3, method="POST", url="/cart")
THINK = ThinkStep(low=2.0, high=4.0, dist="uniform")
LABELS = (
    Label(scenario="", transaction="", name="users", kind="users"),
    Label(scenario="buy", transaction="", name="buy", kind="iteration"),
    Label(scenario="buy", transaction="", name="GET /", kind="http", tags=(("tier", "gold"),)),
    Label(scenario="buy", transaction="pay", name="POST /cart", kind="http"),
    Label(scenario="buy", transaction="pay", name="pay", kind="transaction"),
)
BUY = Scenario(name="buy", label=1, weight=1, steps=(GET, THINK, TransactionStep(label=4, steps=(POST, POST))))
RATE = Load(name="l", profile="constant-rate", model="rate", segments=profiles.constant(10, 60, ramp_s=10), order=(0,), max_users=50)
USERS = replace(RATE, model="users", max_users=0)


def plan(load: Load = RATE, scenario: Scenario = BUY, *, thresholds: tuple[str, ...] = ()) -> Plan:
    return Plan(
        recipe_id="r", recipe_version="1", title="R", content_hash="", seed=1, targets=(Target(base_url="demo:shop"),), loads=(load,),
        scenarios=(scenario,), labels=LABELS, duration_s=load.end_s, warmup_end_s=10, thresholds=thresholds,
    )  # fmt: skip


def rows(*steps: Step) -> dict[int, float]:
    found: dict[int, float] = {}
    for label, times in most_rows(replace(BUY, steps=steps)):
        found[label] = found.get(label, 0) + times
    return found


def test_rows_of_an_iteration_are_counted_at_most() -> None:
    assert rows(*BUY.steps) == {2: 1, 3: 2, 4: 1}
    assert rows(LoopStep(steps=(GET,), count=3), replace(POST, retry=Retry(times=2))) == {2: 3, 3: 3}
    assert rows(LoopStep(steps=(GET,), count="{{ vars.n }}")) == {2: float("inf")}
    assert rows(WhileStep(condition="true", steps=(GET,), limit=7), IfStep(condition="true", then=(GET,), otherwise=(POST,))) == {
        2: 8,
        3: 1,
    }
    assert rows(RandomStep(branches=((3.0, (GET,)), (1.0, (POST,))))) == {2: 0.75, 3: 0.25}


def test_idle_time_is_what_no_condition_leaves_out() -> None:
    assert idle_seconds(BUY) == 2
    assert idle_seconds(replace(BUY, pace_s=9.0)) == 9
    assert idle_seconds(replace(BUY, think=ThinkStep(low=1.0, high=1.0))) == 2 + 3
    assert (
        idle_seconds(
            replace(BUY, steps=(LoopStep(steps=(THINK,), count=3), replace(THINK, when="vars.x"), replace(THINK, dist="exponential")))
        )
        == 6
    )


def test_an_open_load_needs_users_for_its_think_time() -> None:
    assert users_needed(plan(), RATE) == 20
    assert users_needed(plan(scenario=replace(BUY, steps=(GET,))), RATE) == pytest.approx(0.1)
    assert most_requests(plan(), RATE) == 3


@pytest.mark.parametrize(
    ("load", "threshold", "reason"),
    [
        # 600 starts after the ramp, 3 requests each
        (RATE, "p99.9 < 1s", "10,000 rows, at most 1,800"), (RATE, "p99 < 1s", ""), (RATE, "p99(request:GET /) < 1s", "1,000 rows, at most 600"),
        (RATE, "p95(transaction:pay) < 1s", ""), (RATE, "p99(ttfb, transaction:pay) < 1s", ""), (RATE, "p99(transaction:pay) < 1s", "at most 600"),
        (RATE, "p99(tag:tier=g*) < 1s", "at most 600"), (RATE, "p99 < 1s over 10s", "in each window, at most 300"), (RATE, "p95 < 1s after 1m", ""),
        (RATE, "p99 < 1s after 1m", "at most 300"), (RATE, "error_rate(request:none) < 1%", "100 rows, at most 0"), (RATE, "count > 9", ""),
        (RATE, "p99(status:5xx) < 1s", ""), (RATE, "dropped < 1%", ""),
        # 10 users, an iteration of at least 2 s, 60 s, and one each on the way
        (USERS, "p99 < 1s", "at most 930"), (USERS, "p95 < 1s", ""),
        (replace(USERS, model="iterations", iterations=5), "p95 < 1s", "at most 150"),
        (replace(USERS, model="iterations", iterations=5, share="shared"), "p95 < 1s", "at most 15"),
    ],
)  # fmt: skip
def test_a_threshold_that_can_only_be_unknown_says_why(load: Load, threshold: str, reason: str) -> None:
    found = too_few_rows(plan(load), parse_threshold(threshold))
    assert reason in found if reason else found == ""


def test_users_without_think_time_may_send_any_number() -> None:
    assert too_few_rows(plan(USERS, replace(BUY, steps=(GET,))), parse_threshold("p99.99 < 1s")) == ""


def findings(given: Plan, limits: Limits | None = None, *, capacity_per_s: float | None = None) -> list[Diagnostic]:
    context = Context(Document(), {})
    check_size(given, limits or Limits(), context, capacity_per_s=capacity_per_s)
    return context.found


def test_a_plan_of_reasonable_size_has_no_findings() -> None:
    assert findings(plan(thresholds=("p95 < 1s",)), Limits(max_users=50, max_rate=10.0, max_duration=70.0), capacity_per_s=30) == []


def test_what_is_too_large_is_named_with_both_figures() -> None:
    found = findings(plan(), Limits(max_users=49, max_rate=9.0, max_duration="1m"))
    assert [(item.code, item.pointer) for item in found] == [
        ("E303", f"/limits/{key}") for key in ("max_users", "max_rate", "max_duration")
    ]
    assert found[0].message == "the load asks for 50, limits.max_users allows 49"
    assert [item.code for item in findings(plan(replace(RATE, max_users=1_000_001)))] == ["E402"]


def test_what_will_not_do_what_it_is_meant_for_is_a_warning() -> None:
    found = findings(plan(replace(RATE, max_users=19), thresholds=("p95 < 1s", "p99.9 < 1s")), capacity_per_s=29)
    assert [(item.code, item.severity, item.pointer) for item in found] == [
        ("W404", "warning", "/load"),
        ("W405", "warning", "/load"),
        ("W406", "warning", "/thresholds/1"),
    ]
    assert "keep about 20 users busy, max_users is 19" in found[0].message
