import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.plan import (
    Body,
    Check,
    DataSet,
    HttpStep,
    Label,
    Load,
    LoopStep,
    Plan,
    Scenario,
    Segment,
    SwitchStep,
    Target,
    ThinkStep,
    TransactionStep,
    plan_from_json,
    plan_to_json,
)
from maid_lab.model.rows import Phase

REQUEST = HttpStep(
    label=2, method="POST", url="/a", body=Body(kind="json", value={"a": ("{{ vars.b }}", 1, None)}), check=(Check(kind="status", op="in", value=(200, "2xx")),)
)  # fmt: skip
STEPS = (
    ThinkStep(low=1.0, high="{{ params.x }}", dist="uniform"),
    TransactionStep(label=3, steps=(LoopStep(steps=(REQUEST,), count=3), SwitchStep(expression="row.a", cases=(("x", (REQUEST,)),)))),
)
PLAN = Plan(
    recipe_id="r", recipe_version="1.0.0", title="R", content_hash="c", seed=3, targets=(Target(base_url="demo:shop", weight=2),),
    loads=(Load(name="l", profile="constant-users", model="users", segments=(Segment(start_s=0, end_s=5, level_from=2.5, level_to=2.5),), order=(0,)),),
    scenarios=(Scenario(name="s", label=1, weight=1, steps=STEPS),), labels=(Label(scenario="", transaction="", name="users", kind="users"),),
    data=(DataSet(name="d", path="", rows=({"a": 1, "b": None},)),), parameters=(("a", 1.5), ("b", "{{")), base_dir="/somewhere",
)  # fmt: skip


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text().filter(lambda key: key != "$"), inner, max_size=3),
)


def test_a_plan_comes_back_from_its_json_whole() -> None:
    again = plan_from_json(json.loads(json.dumps(plan_to_json(PLAN))))
    assert again == PLAN
    assert again.base_dir == "/somewhere"


@given(values)
def test_values_in_a_plan_keep_what_they_are(value: Any) -> None:
    plan = replace(PLAN, variables=(("v", value),))
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_fields_of_default_value_are_left_out_of_the_json() -> None:
    assert plan_to_json(Target(base_url="demo:shop")) == {"$": "Target", "base_url": "demo:shop"}


def test_the_hash_knows_all_but_the_folder_and_itself() -> None:
    digest = PLAN.hashed().plan_hash
    assert len(digest) == 64
    assert PLAN.hashed().hashed().plan_hash == replace(PLAN, base_dir="/elsewhere", plan_hash="x").hashed().plan_hash == digest
    assert replace(PLAN, seed=4).hashed().plan_hash != digest
    assert replace(PLAN, parameters=(("a", 1.5),)).hashed().plan_hash != digest


def test_the_phase_of_a_segment_is_its_slope() -> None:
    phases = [Segment(start_s=0, end_s=1, level_from=1, level_to=level).phase for level in (2, 1, 0)]
    assert phases == [Phase.INCREASE, Phase.MAINTAIN, Phase.DECREASE]


def test_the_peak_counts_users_of_closed_loads_and_the_bound_of_open_ones() -> None:
    (closed,) = PLAN.loads
    assert (PLAN.peak_users, PLAN.is_open, closed.peak, closed.end_s) == (3, False, 2.5, 5)
    both = replace(PLAN, loads=(closed, replace(closed, model="rate", max_users=40, start_at_s=2)))
    assert (both.peak_users, both.is_open, both.loads[1].end_s) == (43, True, 7)
