from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import Conflict, Missing
from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.store.catalogue import Catalogue
from maid_lab.store.metrics import MetricRow, MetricsRepository
from maid_lab.store.runs import RunRepository

WHEN = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def runs(catalogue: Catalogue) -> RunRepository:
    return RunRepository(catalogue)


def new(**columns: Any) -> RunRecord:
    return RunRecord(id=new_run_id(), **columns)


def full() -> RunRecord:
    return new(
        user_id="ada", api_key_id=new_run_id(), recipe_id="shop", recipe_version="1.2.0", name="Shop ✓ 'quoted'", tags=("a", "b c"),
        config_json={"$": "Plan", "seed": 2**40, "nested": [1, None, "ü"]}, plan_hash="ab", metrics_json={"p95": 1.5}, verdict="fail",
        status="completed", reason="ended", generator_bound=True, start_time=WHEN, end_time=WHEN + timedelta(seconds=9), duration_seconds=9.25,
        total_requests=10**10, failed_requests=3, avg_response_time_ms=1.25, p50_response_time_ms=1.0, p95_response_time_ms=2.0,
        p99_response_time_ms=3.0, throughput_rps=1e6, rows_count=11, notes="line\nline", parent_run_id=new_run_id(), pinned=True,
        created_at=WHEN, updated_at=WHEN,
    )  # fmt: skip


@pytest.mark.parametrize("record", [full(), new()], ids=["all columns", "defaults"])
def test_a_record_comes_back_as_it_was_kept(runs: RunRepository, record: RunRecord) -> None:
    runs.create(record)

    assert runs.get(record.id) == record


def test_an_id_is_kept_once(runs: RunRepository) -> None:
    record = new(name="first")
    runs.create(record)

    with pytest.raises(Conflict, match=record.id):
        runs.create(record.changed(name="second"))
    assert runs.get(record.id).name == "first"


def test_save_replaces(runs: RunRepository) -> None:
    record = new()
    runs.save(record)
    runs.save(record.changed(status="failed"))

    assert ([run.status for run in runs.list()], runs.count()) == (["failed"], 1)


def test_columns_are_changed_and_nothing_else(runs: RunRepository) -> None:
    record = full()
    runs.create(record)

    changed = runs.update(record.id, notes="new", pinned=False, tags=("z",))

    assert changed == runs.get(record.id) == record.changed(notes="new", pinned=False, tags=("z",), updated_at=changed.updated_at)
    assert changed.updated_at > record.updated_at
    with pytest.raises(TypeError, match="no_such_column"):
        runs.update(record.id, no_such_column=1)
    with pytest.raises(Missing):
        runs.update(new_run_id(), notes="x")


def test_changes_from_two_threads_are_both_kept(runs: RunRepository) -> None:
    record = new()
    runs.create(record)

    def count_up(column: str) -> None:
        for number in range(25):
            runs.update(record.id, **{column: number})

    threads = [threading.Thread(target=count_up, args=(column,)) for column in ("total_requests", "failed_requests", "rows_count")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    found = runs.get(record.id)
    assert (found.total_requests, found.failed_requests, found.rows_count) == (24, 24, 24)


def test_a_run_is_found_by_beginning_end_case_and_last(runs: RunRepository) -> None:
    records = [new(created_at=WHEN + timedelta(seconds=n)) for n in range(3)]
    for record in records:
        runs.create(record)
    wanted = records[1]

    assert [runs.get(text).id for text in (wanted.id, wanted.id[-6:], wanted.id.upper())] == [wanted.id] * 3
    assert runs.get("last").id == records[2].id


def test_what_is_not_there_is_named_with_what_is_near(runs: RunRepository) -> None:
    with pytest.raises(Missing, match="there is no run yet"):
        runs.get("last")
    record = new()
    runs.create(record)
    typo = record.id[:-1] + ("0" if record.id[-1] != "0" else "1")

    with pytest.raises(Missing, match=f"Did you mean {record.id}"):
        runs.get(typo)
    with pytest.raises(Missing, match="maid history lists runs"):
        runs.get("'; drop table maid_runs; --")
    other = RunRecord(id=record.id[:-4] + ("0000" if record.id[-4:] != "0000" else "1111"))
    runs.create(other)
    with pytest.raises(Missing, match="several runs"):
        runs.get(record.id[:12])


def test_the_list_is_newest_first_and_filtered(runs: RunRepository) -> None:
    records = [
        new(name=str(n), created_at=WHEN + timedelta(minutes=n), recipe_id=f"r{n % 2}", status="completed" if n % 3 else "failed",
            verdict="pass" if n < 3 else None, tags=("nightly",) if n > 3 else ())
        for n in range(6)
    ]  # fmt: skip
    for record in records:
        runs.create(record)

    def names(**filters: Any) -> str:
        return "".join(record.name for record in runs.list(**filters))

    assert names() == "543210"
    assert names(limit=2) == "54"
    assert names(recipe="r0") == "420"
    assert names(status="failed") == "30"
    assert names(verdict="pass") == "210"
    assert names(tag="nightly") == "54"
    assert names(before=WHEN + timedelta(minutes=3)) == "210"
    assert names(recipe="r1", status="completed", limit=1) == "5"
    assert names(tag="' or true --") == ""


def test_unfinished_and_removable_runs_are_told_apart(runs: RunRepository) -> None:
    states = ("pending", "running", "stopping", "completed", "failed", "stopped")
    records = [new(status=state, created_at=WHEN + timedelta(seconds=n), pinned=state == "failed") for n, state in enumerate(states)]
    for record in records:
        runs.create(record)

    assert [record.status for record in runs.unfinished()] == ["pending", "running", "stopping"]
    assert runs.removable() == [records[3].id, records[5].id]
    assert runs.oldest_beyond(1) == [records[3].id]


def test_the_series_of_a_run_is_kept_and_goes_with_it(catalogue: Catalogue, runs: RunRepository) -> None:
    record, metrics = new(), MetricsRepository(catalogue)
    runs.create(record)
    rows = [MetricRow(second=s, scenario="buy", transaction="", request=name, requests=s, histogram=bytes([s % 256, 0]))
            for s in range(700) for name in ("a", "b")]  # fmt: skip

    metrics.replace(record.id, [rows[0]])
    metrics.replace(record.id, rows[:-2])
    metrics.append(record.id, rows[-2:])
    kept = metrics.of(record.id)
    runs.delete(record.id)

    assert (kept, metrics.of(record.id), runs.count()) == (rows, [], 0)
