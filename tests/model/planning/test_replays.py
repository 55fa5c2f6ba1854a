from typing import Any

import pytest

from maid_lab.model.planner import PlanResult, make_plan
from maid_lab.model.recipe import parse_recipe
from maid_lab.services.recordings import read_recording

RECIPE = """\
schema: maid.recipe/v1
id: replayed
title: Replayed
description: Starts of a recording.
target: {base_url: "http://127.0.0.1:9"}
load: {profile: replay, path: day.csv, max_users: 10}
scenarios:
  - {name: browse, weight: 2, steps: [{get: "/{{ sku }}"}]}
  - {name: buy, steps: [{get: "/{{ row.sku }}"}]}
"""


def result_of(folder: Any, lines: str, *, recipe: str = RECIPE, file: str = "day.csv", **options: Any) -> PlanResult:
    (folder / file).write_text(lines, encoding="utf-8")
    return make_plan(parse_recipe(recipe, base_dir=folder), read_recording=read_recording, **options)


def errors(result: PlanResult) -> list[str]:
    return [f"{item.code} {item.message}" for item in result.diagnostics if item.severity == "error"]


def test_starts_have_their_times_scenarios_and_rows(tmp_path: Any) -> None:
    result = result_of(tmp_path, "offset,scenario,sku\n0,buy,a\n1.5,,b\n1.5,browse,c\n3.25,,d\n")
    assert errors(result) == []
    assert result.plan is not None
    (load,) = result.plan.loads
    assert list(load.due_s) == [0, 1.5, 1.5, 3.25]
    # A start that names no scenario has its turn in the order of weights: browse, buy, browse, browse.
    assert list(load.order) == [1, 1, 0, 0]
    assert list(load.rows) == [{"sku": "a"}, {"sku": "b"}, {"sku": "c"}, {"sku": "d"}]
    assert [(segment.start_s, segment.level_from) for segment in load.segments] == [(0, 1), (1, 2), (2, 0), (3, 1)]
    assert (load.model, load.end_s, load.peak) == ("rate", 4, 2)


def test_json_lines_keep_their_types(tmp_path: Any) -> None:
    recipe = RECIPE.replace("day.csv", "day.jsonl")
    result = result_of(tmp_path, '{"offset": 0, "sku": 7}\n\n{"offset": 2, "sku": [1]}\n', recipe=recipe, file="day.jsonl")
    assert result.plan is not None
    assert result.plan.loads[0].rows == ({"sku": 7}, {"sku": (1,)})


def test_speed_and_overrides_change_the_pace(tmp_path: Any) -> None:
    lines = "offset,sku\n" + "".join(f"{at},x\n" for at in range(20))
    fast = result_of(tmp_path, lines, recipe=RECIPE.replace("max_users: 10", "max_users: 10, speed: 4")).plan
    timed = result_of(tmp_path, lines, overrides={"run_time": "5s"}).plan
    rated = result_of(tmp_path, lines, overrides={"rate": "4/s"}).plan
    assert fast is not None
    assert timed is not None
    assert rated is not None
    for plan in (fast, timed, rated):
        assert plan.loads[0].due_s == pytest.approx([at / 4 for at in range(20)])
    assert (timed.duration_s, timed.loads[0].peak) == (5, 4)


def test_scenarios_that_the_caller_leaves_out_leave_their_starts_out(tmp_path: Any) -> None:
    plan = result_of(tmp_path, "offset,scenario,sku\n0,buy,a\n1,browse,b\n", overrides={"scenarios": ["buy"]}).plan
    assert plan is not None
    assert (plan.loads[0].due_s, plan.loads[0].order) == ((0,), (0,))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("offset,sku\n0,a\nsoon,b\n", "E306 day.csv, line 3: offset is 'soon', not a number of seconds"),
        ("offset,sku\n0,a\n-1,b\n", "E306 day.csv, line 3: offset -1 is before the start"),
        ("offset,sku\n0,a\n5,b\n4.5,c\n", "E306 day.csv, line 4: offset 4.5 is before 5 of line 3"),
        ("offset,sku\nnan,a\n", "E306 day.csv, line 2: offset is 'nan', not a number of seconds"),
        ("offset,scenario,sku\n0,by,a\n", "E306 day.csv, line 2: there is no scenario 'by' in this load. Did you mean buy?"),
        ("offset,sku\n0,a\n1\n", "E306 the recording: day.csv, line 3: it has 1 values, 2 are expected"),
        ("time,sku\n0,a\n", "E306 the recording: day.csv, line 1: there is no column offset; the columns are time, sku"),
        ("offset,offset\n0,1\n", "E306 the recording: day.csv, line 1: a column stands twice"),
        ("", "E306 the recording: day.csv has no starts"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(lines: str, message: str, tmp_path: Any) -> None:
    assert message.rstrip("?") in errors(result_of(tmp_path, lines))[0]


def test_many_bad_lines_are_counted(tmp_path: Any) -> None:
    found = errors(result_of(tmp_path, "offset,sku\n" + "x,a\n" * 10))
    assert [text.split(":")[0] for text in found] == [f"E306 day.csv, line {line}" for line in (2, 3, 4)] + ["E306 day.csv"]
    assert found[-1] == "E306 day.csv: 7 more lines are wrong"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{offset: 1}", "line 2: '{offset: 1}' is not JSON"), ("[1]", "line 2: it is not an object"), ('{"sku": 1}', "line 2: it has no offset"),
        ('{"offset": true}', "line 2: offset is 'True', not a number"), ('{"offset": 1, "scenario": [1]}', "line 2: there is no scenario '[1]'"),
    ],
)  # fmt: skip
def test_json_lines_that_make_no_sense_are_named(line: str, message: str, tmp_path: Any) -> None:
    recipe = RECIPE.replace("day.csv", "day.jsonl")
    assert message in errors(result_of(tmp_path, f'{{"offset": 0, "sku": 1}}\n{line}\n', recipe=recipe, file="day.jsonl"))[0]


def test_files_follow_the_rules_of_data_sets(tmp_path: Any) -> None:
    for path, code in (("../day.csv", "E305"), ("none.csv", "E306"), ("day.txt", "E306")):
        (tmp_path / "day.txt").write_text("offset\n0\n")
        found = make_plan(parse_recipe(RECIPE.replace("day.csv", path), base_dir=tmp_path), read_recording=read_recording)
        assert errors(found)[0].startswith(f"{code} the recording: ")
    assert errors(make_plan(parse_recipe(RECIPE), read_recording=read_recording))[0].startswith("E305 ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max_users: 10", "max_users: 0", "max_users is 0"),
        ("max_users: 10", "max_users: 10, speed: 0", "speed 0 would never end"),
        ("sku }}", "colour }}", "E211 the name 'colour' is not known here"),
        (
            "{name: browse, weight: 2,",
            "{name: browse, weight: 2, data: d,",
            "E230 scenario 'browse' has its row from the data set 'd' and from the replay",
        ),
    ],
)
def test_what_contradicts_a_recording_is_said(old: str, new: str, message: str, tmp_path: Any) -> None:
    recipe = RECIPE.replace(old, new, 1) + "data: [{name: d, rows: [{sku: 1}]}]\n" * ("data: d" in new)
    given: dict[str, Any] = {"read_data": lambda data_set, _path, _folder: (tuple(data_set.rows), "")}
    assert any(message in text for text in errors(result_of(tmp_path, "offset,sku\n0,a\n", recipe=recipe, **given)))


def test_a_ramp_does_not_replace_a_recording(tmp_path: Any) -> None:
    found = errors(result_of(tmp_path, "offset,sku\n0,a\n", overrides={"increase_rate": "1/s", "users": 5}))
    assert found == ["E409 load load1 replays a recording, which a ramp, iterations or a test plan cannot replace"]
