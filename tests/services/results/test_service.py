"""What is told of a finished run and of one under way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from maid_lab.model.errors import InvalidInput, Missing
from maid_lab.model.run_record import RunRecord
from maid_lab.services.results import figures
from maid_lab.services.results.service import Results
from maid_lab.store.folders import RunFolder
from tests.services.results.runs import add_rows, finished_run, live_run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord]:
    home = tmp_path_factory.mktemp("home")
    return home, finished_run(home)[0]


def measured(home: Path, run_id: str) -> pl.DataFrame:
    rows = pl.read_parquet(home / "runs" / run_id / "requests.parquet")
    return rows.with_columns(pl.col("outcome", "name", "error", "section").cast(pl.String)).filter(
        (pl.col("section") == "scenario") & (pl.col("start") >= 20 * 10**9)
    )


async def test_the_summary_of_a_finished_run_is_that_of_its_record(shared: tuple[Path, RunRecord]) -> None:
    home, record = shared
    told = await Results(home).summary(record.id)
    assert told["summary"] == record.metrics_json
    assert (told["run_id"], told["is_final"], told["latency"]) == (record.id, True, "service")


async def test_the_summary_of_a_run_under_way_comes_from_its_rows_so_far(tmp_path: Path) -> None:
    record = live_run(tmp_path)
    told = await Results(tmp_path).summary(record.id)
    assert (told["is_final"], told["verdict"]) == (False, None)
    totals = told["summary"]["totals"]
    assert (totals["sent"], totals["failures"]) == (40, 4)
    json.dumps(told, allow_nan=False)


async def test_an_answer_about_a_run_under_way_grows_with_it_and_is_given_again_within_a_second(tmp_path: Path) -> None:
    record, now = live_run(tmp_path), [0.0]
    results = Results(tmp_path, clock=lambda: now[0])
    assert (await results.errors(record.id))["count"] == 4
    add_rows(tmp_path, record.id, 80)
    assert (await results.errors(record.id))["count"] == 4
    now[0] = 1.5
    assert (await results.errors(record.id))["count"] == 8


async def test_a_run_that_has_no_rows_yet_has_empty_answers(tmp_path: Path) -> None:
    record = live_run(tmp_path, rows=0)
    results = Results(tmp_path)
    answers = [
        await results.summary(record.id), await results.timeline(record.id), await results.errors(record.id), await results.slowest(record.id),
        await results.distribution(record.id), await results.logs(record.id), await results.samples(record.id),
    ]  # fmt: skip
    assert answers[0]["summary"]["totals"]["sent"] == 0
    assert [
        answers[1]["points"],
        answers[2]["items"],
        answers[3]["items"],
        answers[4]["bins"],
        answers[5]["items"],
        answers[6]["items"],
    ] == [[]] * 6
    json.dumps(answers, allow_nan=False)


async def test_a_timeline_holds_every_request_whatever_the_number_of_points(shared: tuple[Path, RunRecord]) -> None:
    home, record = shared
    results = Results(home)
    rows = pl.read_parquet(home / "runs" / record.id / "requests.parquet")
    sent = rows.filter(
        (pl.col("section").cast(pl.String) == "scenario") & ~pl.col("outcome").cast(pl.String).is_in(["dropped", "unsent", "aborted"])
    ).height
    for asked in ({}, {"points": 1}, {"points": 7}, {"points": 600, "width_s": 0.05}, {"width_s": 1.0}, {"width_s": 1000.0}):
        told = await results.timeline(record.id, **asked)
        assert 1 <= len(told["points"]) <= int(asked.get("points", 600))
        assert sum(point["requests"] for point in told["points"]) == sent
        json.dumps(told, allow_nan=False)
    told = await results.timeline(record.id, width_s=1.0)
    assert told["width_s"] == 1.0
    assert {"start_s", "rate_per_s", "failures_per_s", "p50_ms", "p95_ms", "p99_ms", "users", "in_flight", "is_warmup"} <= set(
        told["points"][0]
    )


async def test_a_timeline_of_one_name_holds_its_requests_alone(shared: tuple[Path, RunRecord]) -> None:
    home, record = shared
    results = Results(home)
    names = [entry["name"] for entry in (await results.distribution(record.id))["names"]]
    sums = [sum(point["requests"] for point in (await results.timeline(record.id, name=name))["points"]) for name in names]
    assert sum(sums) == sum(point["requests"] for point in (await results.timeline(record.id))["points"])
    assert len(names) > 1


async def test_errors_count_what_the_rows_hold_and_carry_a_kept_exchange(tmp_path: Path) -> None:
    record, _ = finished_run(tmp_path, rows=3_000)
    bad = measured(tmp_path, record.id).filter(~pl.col("outcome").is_in(["ok", "dropped", "unsent", "aborted"]))
    one = bad.row(0, named=True)
    sample = {
        "id": "1", "scenario": "browse", "name": one["name"], "start": one["start"], "outcome": one["outcome"], "error": one["error"],
        "request": {"method": "GET", "url": "/", "headers": [], "body": None},
        "response": {"status": one["status"], "headers": [], "body": "x"} if one["status"] is not None and one["status"] >= 0 else None,
    }  # fmt: skip
    (tmp_path / "runs" / record.id / "samples.jsonl").write_text(json.dumps(sample) + "\n", encoding="utf-8")
    told = await Results(tmp_path).errors(record.id)
    assert told["count"] == bad.height == sum(item["count"] for item in told["items"])
    assert [item["count"] for item in told["items"]] == sorted((item["count"] for item in told["items"]), reverse=True)
    assert [item["outcome"] for item in told["items"] if item["sample"]] == [one["outcome"]]
    first = min(item["first_s"] for item in told["items"])
    assert first == pytest.approx((bad["start"].cast(pl.Int64).min() or 0) / 1e9)  # type: ignore[operator]


async def test_the_slowest_requests_are_the_slowest_of_all_rows(shared: tuple[Path, RunRecord]) -> None:
    home, record = shared
    told = await Results(home).slowest(record.id, number=7)
    rows = measured(home, record.id).filter(~pl.col("outcome").is_in(["dropped", "unsent", "aborted"]))
    expected = rows.select(((pl.col("end") - pl.col("start")) / 1e6).alias("ms"))["ms"].drop_nulls().sort(descending=True).head(7).to_list()
    assert [item["service_ms"] for item in told["items"]] == pytest.approx(expected)
    assert all(item["end_s"] - item["start_s"] == pytest.approx(item["service_ms"] / 1000) for item in told["items"])


async def test_a_distribution_has_all_good_samples_in_its_bins(shared: tuple[Path, RunRecord]) -> None:
    home, record = shared
    results = Results(home)
    told = await results.distribution(record.id)
    good = measured(home, record.id).filter(pl.col("outcome") == "ok")
    assert sum(row["count"] for row in told["bins"]) == good.height == told["percentiles"]["samples"]
    assert told["percentiles"]["p95_ms"] == pytest.approx(record.metrics_json["overall"]["p95_ms"])
    assert told["metric"] == "service"
    name = told["names"][0]["name"]
    assert (await results.distribution(record.id, name=name))["percentiles"]["samples"] == good.filter(pl.col("name") == name).height
    assert (await results.distribution(record.id, metric="ttfb"))["metric"] == "ttfb"


async def test_answers_about_a_finished_run_are_computed_once(shared: tuple[Path, RunRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    home, record = shared
    calls: list[Any] = []
    real = figures.slowest_of

    def slowest_of(source: Any, **asked: Any) -> dict[str, Any]:
        calls.append(asked)
        return real(source, **asked)

    monkeypatch.setattr(figures, "slowest_of", slowest_of)
    results = Results(home)
    assert await results.slowest(record.id, number=3) == await results.slowest(record.id, number=3)
    await results.slowest(record.id, number=4)
    assert [call["number"] for call in calls] == [3, 4]


async def test_a_removed_run_is_not_told_of_from_memory(tmp_path: Path) -> None:
    record, _ = finished_run(tmp_path, rows=500)
    results = Results(tmp_path)
    await results.slowest(record.id)
    shutil.rmtree(tmp_path / "runs" / record.id)
    with pytest.raises(Missing):
        await results.slowest(record.id)


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("timeline", {"points": 0}), ("timeline", {"points": 601}), ("timeline", {"width_s": 0.0}), ("timeline", {"name": "no such"}),
        ("timeline", {"width_s": float("nan")}), ("slowest", {"number": 501}), ("slowest", {"number": 0}), ("distribution", {"metric": "age"}),
        ("logs", {"level": "loud"}), ("logs", {"limit": 0}), ("logs", {"cursor": "-1"}), ("logs", {"cursor": "99999999"}),
        ("logs", {"cursor": "3"}), ("samples", {"cursor": "x"}), ("samples", {"limit": 501}), ("errors", {"name": ""}),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused(shared: tuple[Path, RunRecord], method: str, asked: dict[str, Any]) -> None:
    home, record = shared
    with pytest.raises(InvalidInput):
        await getattr(Results(home), method)(record.id, **asked)


@pytest.mark.parametrize("run_id", ["01900000-0000-7000-8000-000000000009", "../x", ""])
async def test_a_run_that_is_not_there_is_named(tmp_path: Path, run_id: str) -> None:
    with pytest.raises((Missing, InvalidInput)):
        await Results(tmp_path).summary(run_id)


async def test_log_lines_come_in_pages_and_follow_a_run_under_way(tmp_path: Path) -> None:
    record = live_run(tmp_path)
    folder = RunFolder(tmp_path, record.id)
    path = folder.path / "log.jsonl"
    levels = ["info", "warning", "error", "debug"]
    path.write_text(
        "".join(json.dumps({"level": level, "message": f"Line {at}"}) + "\n" for at, level in enumerate(levels)), encoding="utf-8"
    )
    results = Results(tmp_path)
    first = await results.logs(record.id, limit=3)
    assert [entry["message"] for entry in first["items"]] == ["Line 0", "Line 1", "Line 2"]
    second = await results.logs(record.id, limit=3, cursor=first["next_cursor"])
    assert [entry["message"] for entry in second["items"]] == ["Line 3"]
    with path.open("a", encoding="utf-8") as file:
        file.write('{"level": "info", "message": "Line 4"}\n{"level": "info", "mess')
    third = await results.logs(record.id, cursor=second["next_cursor"])
    assert [entry["message"] for entry in third["items"]] == ["Line 4"]
    assert [entry["level"] for entry in (await results.logs(record.id, level="warning"))["items"]] == ["warning", "error"]
    assert [entry["message"] for entry in (await results.logs(record.id, text="LINE 2"))["items"]] == ["Line 2"]
    folder.write_record(record.changed(status="completed"))
    assert (await results.logs(record.id))["next_cursor"] is None


async def test_samples_are_filtered_and_paged(tmp_path: Path) -> None:
    record = live_run(tmp_path)
    samples = [
        {
            "id": str(at),
            "scenario": "buy",
            "name": f"n{at % 2}",
            "start": at,
            "outcome": "timeout",
            "request": {"method": "GET"},
            "response": None,
        }
        for at in range(5)
    ]
    (tmp_path / "runs" / record.id / "samples.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples), encoding="utf-8")
    results = Results(tmp_path)
    assert [s["id"] for s in (await results.samples(record.id, name="n1"))["items"]] == ["1", "3"]
    first = await results.samples(record.id, limit=3)
    second = await results.samples(record.id, limit=3, cursor=first["next_cursor"])
    assert [s["id"] for s in first["items"] + second["items"]] == ["0", "2", "4", "1", "3"]
    assert (second["next_cursor"], second["total"]) == (None, 5)
    assert (await results.samples(record.id, outcome="reset"))["items"] == []
