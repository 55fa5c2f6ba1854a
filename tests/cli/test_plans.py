import io
from dataclasses import replace

from maid_lab.cli.plans import expected_starts, print_plan, requests_of
from maid_lab.model.plan import (
    HttpStep,
    IfStep,
    Label,
    Load,
    LoopStep,
    Plan,
    RandomStep,
    Scenario,
    Segment,
    Target,
    ThinkStep,
    TransactionStep,
    WhileStep,
)


def get(label: int, when: str = "") -> HttpStep:
    return HttpStep(label=label, method="GET", url="/", when=when)


OPEN = Load(
    name="load1", profile="constant-rate", model="rate", order=(0, 0, 1), max_users=9,
    segments=(Segment(start_s=0, end_s=10, level_from=0, level_to=6), Segment(start_s=10, end_s=20, level_from=6, level_to=6)),
)  # fmt: skip
PLAN = Plan(
    recipe_id="r", recipe_version="1.0.0", title="A [test]", content_hash="c", seed=7, duration_s=20, warmup_end_s=10, thresholds=("p95 < 1s",),
    parameters=(("page", "a"),), targets=(Target(base_url="http://127.0.0.1:9", addresses=("127.0.0.1",)),), loads=(OPEN,),
    scenarios=(
        Scenario(name="browse", label=0, weight=2, steps=(get(1), LoopStep(count=3, steps=(get(2),)), ThinkStep(low=1, high=1))),
        Scenario(name="buy", label=0, weight=1, steps=(get(3, when="vars.x"),)),
    ),
    labels=tuple(Label(scenario="", transaction="", name=name, kind="http") for name in ("users", "GET /", "GET /p", "POST /buy")),
)  # fmt: skip


def test_expected_starts_are_the_area_under_the_rate() -> None:
    assert expected_starts(OPEN) == 90
    assert expected_starts(replace(OPEN, model="users")) is None
    assert expected_starts(replace(OPEN, model="iterations", iterations=4)) == 24
    assert expected_starts(replace(OPEN, model="iterations", iterations=4, share="shared")) == 4


def test_requests_are_counted_through_all_kinds_of_steps() -> None:
    steps = (
        TransactionStep(label=9, steps=(get(1), LoopStep(count=2, steps=(get(2),)))),
        RandomStep(branches=((1, (get(3),)), (3, (get(4),)))),
        IfStep(condition="true", then=(get(5),), otherwise=(get(6),)),
        WhileStep(condition="true", steps=(get(7),)),
        LoopStep(over="vars.items", name="item", steps=(get(8),)),
        get(9, when="true"),
    )
    assert list(requests_of(steps)) == [(1, 1), (2, 2), (3, 0.25), (4, 0.75), (5, None), (6, None), (7, None), (8, None), (9, None)]


def test_a_plan_is_printed_with_chart_table_and_thresholds() -> None:
    stream = io.StringIO()
    print_plan(PLAN, stream)
    text = stream.getvalue()
    for words in ("A [test]", "http://127.0.0.1:9 127.0.0.1", "6 starts/s", "threshold  p95 < 1s", "90 iterations expected", "page=a"):
        assert words in text
    table = [line.split() for line in text.splitlines() if "GET" in line or "POST" in line]
    assert table == [["browse", "67%", "GET", "/", "1", "60"], ["GET", "/p", "3", "180"], ["buy", "33%", "POST", "/buy", "varies", "–"]]
