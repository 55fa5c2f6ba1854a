from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from maid_lab.model.errors import EngineFailure, Missing
from maid_lab.model.rows import Outcome, Phase
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import RowCounts, finalise, read_counts, read_rows
from tests.store.spools import ITERATION, RUN, SEARCH, TRANSACTION, USERS, made_label, record, run_folder, write_names, write_spool

WORDS = ["scenario", "transaction", "name", "kind", "method", "url", "section", "outcome", "error", "phase", "tags"]
COLUMNS = {
    "worker": pl.UInt16, "user": pl.UInt32, "iteration": pl.UInt32, "scenario": pl.Enum, "transaction": pl.Enum, "name": pl.Enum,
    "kind": pl.Enum, "method": pl.Enum, "url": pl.Enum, "section": pl.Enum, "intended": pl.Int64, "start": pl.Int64, "connected": pl.Int64,
    "first_byte": pl.Int64, "end": pl.Int64, "status": pl.Int16, "outcome": pl.Enum, "error": pl.Enum, "bytes_out": pl.UInt32,
    "bytes_in": pl.UInt32, "attempt": pl.UInt8, "redirected": pl.Boolean, "reused": pl.Boolean, "phase": pl.Enum, "users": pl.UInt32,
    "in_flight": pl.UInt32, "lag": pl.UInt32, "trace_id": pl.UInt64, "messages_in": pl.UInt32, "tags": pl.Enum,
}  # fmt: skip
MIXED = [
    record(0, label=USERS, user=4, service=0),
    record(100, service=1_000, blocked=40, ttfb=30, reused=True),
    record(500, service=0, outcome=Outcome.DROPPED, label=ITERATION),
    record(600, service=50, outcome=Outcome.TIMEOUT, error=1, status=-1, label=SEARCH),
    record(700, outcome=Outcome.RESET, error=9, extension=(9_000_000_000, 800, 650, 690, 77), attempt=2, phase=Phase.DECREASE),
    record(100, service=2_000, label=TRANSACTION),
    record(90, service=2_500, label=ITERATION),
]


def mixed(home: Path) -> RunFolder:
    folder = run_folder(home)
    write_spool(folder, MIXED)
    write_names(folder, [{"kind": "error", "id": 1, "text": "no answer"}])
    return folder


def files_of(folder: RunFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def rows(folder: RunFolder, kind: str = "requests") -> list[dict[str, Any]]:
    return read_rows(folder, kind).collect().to_dicts()


def test_a_run_becomes_one_row_for_each_request_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    folder = mixed(tmp_path)

    counts = finalise(folder)

    assert counts == RowCounts(requests=3, failed=2, transactions=1, iterations=2, dropped=1)
    assert rows(folder)[2] == {
        "worker": 0, "user": 1, "iteration": 0, "scenario": "buy", "transaction": "pay", "name": "GET /cart", "kind": "http", "method": "GET",
        "url": "/cart", "section": "scenario", "intended": 650, "start": 700, "connected": 690, "first_byte": 800, "end": 9_000_000_000,
        "status": 200, "outcome": "reset", "error": "unknown error 9", "bytes_out": 80, "bytes_in": 400, "attempt": 2, "redirected": False,
        "reused": False, "phase": "decrease", "users": 4, "in_flight": 1, "lag": 3, "trace_id": 77, "messages_in": None, "tags": "team=a,tier=1",
    }  # fmt: skip
    assert [(row["start"], row["connected"], row["first_byte"], row["error"], row["trace_id"]) for row in rows(folder)[:2]] == [
        (100, None, 130, None, None),
        (600, None, None, "no answer", None),
    ]
    assert [(row["name"], row["outcome"], row["in_flight"]) for row in rows(folder, "iterations")] == [
        ("buy", "dropped", 1),
        ("buy", "ok", 0),
    ]
    assert [row["name"] for row in rows(folder, "transactions")] == ["pay"]


def test_the_files_have_the_columns_of_the_row_and_know_their_run(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    finalise(folder)

    for kind in ("requests", "transactions", "iterations"):
        schema = pl.read_parquet_schema(folder.rows_path(kind))
        assert {name: type(dtype) if isinstance(dtype, pl.Enum) else dtype for name, dtype in schema.items()} == COLUMNS
        assert pl.read_parquet_metadata(folder.rows_path(kind))["maid.run_id"] == RUN


def test_spool_and_names_go_when_the_files_are_complete(tmp_path: Path) -> None:
    folder = mixed(tmp_path)

    finalise(folder)

    assert files_of(folder) == {"plan.json", "names.json", "rows.json", "requests.parquet", "transactions.parquet", "iterations.parquet"}
    assert json.loads((folder.path / "names.json").read_text())["errors"] == ["no answer", "unknown error 9"]


def test_rows_are_the_same_during_the_run_and_after_it(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    live = {kind: read_rows(folder, kind).collect() for kind in ("requests", "transactions", "iterations")}

    finalise(folder)

    for kind, frame in live.items():
        after = read_rows(folder, kind).collect()
        assert frame.with_columns(pl.col(WORDS).cast(pl.String)).equals(after.with_columns(pl.col(WORDS).cast(pl.String)))


def test_again_is_the_same_as_once(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    first, before = finalise(folder), rows(folder)

    assert (finalise(folder), rows(folder), read_counts(folder)) == (first, before, first)


def test_an_empty_run_gives_empty_files_with_all_columns(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    write_spool(folder, [])
    live = read_rows(folder).collect()

    counts = finalise(folder)

    assert counts == RowCounts()
    assert list(live.columns) == list(read_rows(folder).collect_schema().names()) == list(COLUMNS)


def test_a_run_without_any_spool_file_is_empty_too(tmp_path: Path) -> None:
    assert finalise(run_folder(tmp_path)) == RowCounts()


def test_workers_are_merged_by_their_own_names(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    for worker, (text, label) in enumerate([("refused", "one"), ("reset", "two"), ("refused", "one")]):
        write_spool(folder, [record(10, error=1, outcome=Outcome.RESET), record(20, label=32768)], worker=worker)
        write_names(folder, [{"kind": "error", "id": 1, "text": text}, made_label(32768, label)], worker=worker)

    finalise(folder)

    assert [(row["worker"], row["error"] or row["name"]) for row in rows(folder)] == [
        (0, "refused"), (0, "one"), (1, "reset"), (1, "two"), (2, "refused"), (2, "one"),
    ]  # fmt: skip
    names = json.loads((folder.path / "names.json").read_text())
    assert (names["errors"], [label["name"] for label in names["labels"][5:]]) == (["refused", "reset"], ["one", "two"])


def test_more_than_nine_workers_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    for worker in (10, 2, 1):
        write_spool(folder, [record(10)], worker=worker)

    assert [row["worker"] for row in rows(folder)] == [1, 2, 10]


def test_requests_of_one_worker_do_not_count_as_in_flight_for_another(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    write_spool(folder, [record(0, service=100), record(50)], worker=0)
    write_spool(folder, [record(60)], worker=1)

    assert [row["in_flight"] for row in rows(folder)] == [0, 1, 0]


def test_records_that_nobody_can_name_are_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = run_folder(tmp_path)
    write_spool(folder, [record(1), record(2, label=40_000), b"\x0d" * 48])

    assert finalise(folder).requests == 1
    assert "2 records have no known label or outcome" in caplog.text


@pytest.mark.parametrize("seed", range(5))
def test_garbage_is_survived_and_good_rows_before_it_are_kept(tmp_path: Path, seed: int) -> None:
    folder = run_folder(tmp_path)
    write_spool(folder, [record(1), record(2), random.Random(seed).randbytes(48 * 50 + 13)])

    counts = finalise(folder)

    assert [row["start"] for row in rows(folder)][:2] == [1, 2]
    assert counts.requests >= 2


def test_without_a_plan_nothing_is_touched(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    (folder.path / "plan.json").unlink()
    before = files_of(folder)

    with pytest.raises(Missing, match=r"no readable plan\.json"):
        finalise(folder)
    assert files_of(folder) == before


def test_an_unknown_kind_of_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="requests, transactions, iterations"):
        read_rows(run_folder(tmp_path), "users")


def test_the_series_becomes_columns(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    lines = [{"second": n, "users": n, "workers": [{"cpu": 0.5, "loop_lag_ms": 1.0, "users": n}]} for n in range(3)]
    (folder.path / "series.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"second": 3, "us')

    finalise(folder)

    metrics = pl.read_parquet(folder.path / "metrics.parquet")
    assert metrics.select("second", "users", "worker_users").rows() == [(0, 0, [0]), (1, 1, [1]), (2, 2, [2])]


# ---- broken on purpose

CONVERT = """
import sys
from pathlib import Path
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import finalise
print("go", flush=True)
finalise(RunFolder(Path(sys.argv[1]), sys.argv[2]))
"""
MANY = 120_000


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    spool = b"".join(record(number, service=5, iteration=number) for number in range(MANY))
    killed = 0
    for attempt, delay in enumerate((0.0, 0.25, 0.4, 0.5, 0.7)):
        folder = run_folder(tmp_path, f"run-{attempt}")
        write_spool(folder, [spool])
        with subprocess.Popen([sys.executable, "-c", CONVERT, str(tmp_path), folder.run_id], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
        killed += process.returncode == -9

        assert finalise(folder).requests == MANY
        found = read_rows(folder).select(pl.len(), pl.col("iteration").n_unique().alias("unique")).collect().row(0)
        assert (found, folder.spool_paths()) == ((MANY, MANY), [])
    assert killed, "no attempt was killed while it worked"


@pytest.mark.parametrize("step", ["requests.parquet", "transactions.parquet", "iterations.parquet", "names.json", "rows.json"])
def test_stopped_before_each_rename_the_next_try_completes_it(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, replace = mixed(tmp_path), Path.replace

    def stop_there(path: Path, target: Any) -> Path:
        if Path(target).name == step:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stop_there)
        with pytest.raises(KeyboardInterrupt):
            finalise(folder)
    assert (read_counts(folder), len(rows(folder)), len(folder.spool_paths())) == (None, 3, 1)

    assert finalise(folder) == RowCounts(requests=3, failed=2, transactions=1, iterations=2, dropped=1)
    assert len(rows(folder)) == 3


def test_stopped_while_the_spool_is_removed_the_rows_are_not_made_again_from_what_is_left(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    counts = finalise(folder)
    write_spool(folder, MIXED[:2], worker=1)

    assert (finalise(folder), len(rows(folder)), folder.spool_paths()) == (counts, 3, [])


def test_a_worker_that_still_writes_keeps_its_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mixed(tmp_path)
    monkeypatch.setattr("maid_lab.store.spool.SpoolFile.has_grown", True)

    with pytest.raises(EngineFailure, match="still writing rows"):
        finalise(folder)
    assert len(folder.spool_paths()) == 1


def test_a_run_that_ends_while_its_rows_are_read_is_read_from_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mixed(tmp_path)
    spool_paths = RunFolder.spool_paths

    def ends_just_now(self: RunFolder) -> list[Path]:
        paths = spool_paths(self)
        monkeypatch.setattr(RunFolder, "spool_paths", spool_paths)
        finalise(self)
        return paths

    monkeypatch.setattr(RunFolder, "spool_paths", ends_just_now)

    assert len(rows(folder)) == 3


FULL = """
import resource, signal, sys
from pathlib import Path
from maid_lab.model.errors import EngineFailure
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import finalise
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    finalise(RunFolder(Path(sys.argv[1]), sys.argv[2]))
except EngineFailure as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit on the size of files")
def test_a_full_disk_costs_no_row_and_is_said(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    write_spool(folder, (record(number * 7_919 % 100_003, iteration=number) for number in range(20_000)))

    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path), RUN], capture_output=True, text=True, check=True, env=os.environ | {})

    assert "rows cannot be converted" in done.stdout
    assert "the spool is kept" in done.stdout
    assert finalise(folder).requests == 20_000
