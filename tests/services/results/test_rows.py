"""Rows as Arrow and Parquet: what is chosen, what is refused, and how much memory it takes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from maid_lab.model.errors import InvalidInput
from maid_lab.model.run_record import RunRecord
from maid_lab.services.results.rows import KINDS, arrow_stream, parquet_parts, rows_asked
from tests.services.results.runs import finished_run, live_run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord, pl.DataFrame]:
    home = tmp_path_factory.mktemp("home")
    record = finished_run(home, rows=3_000)[0]
    return home, record, rows_asked(home, record.id).collect()


Shared = tuple[Path, RunRecord, pl.DataFrame]


@pytest.mark.parametrize("kind", KINDS)
def test_arrow_and_parquet_hold_the_rows_of_each_kind(shared: Shared, kind: str) -> None:
    home, record, _ = shared
    rows = rows_asked(home, record.id, kind=kind)
    expected = rows.collect()
    assert pl.read_ipc_stream(io.BytesIO(b"".join(arrow_stream(rows)))).equals(expected)
    assert pl.read_parquet(io.BytesIO(b"".join(parquet_parts(rows)))).equals(expected)


def test_rows_of_a_run_under_way_are_those_so_far(tmp_path: Path) -> None:
    record = live_run(tmp_path)
    rows = rows_asked(tmp_path, record.id, columns=["start", "outcome"], where="status >= 500")
    found = pl.read_ipc_stream(io.BytesIO(b"".join(arrow_stream(rows))))
    assert (found.columns, len(found)) == (["start", "outcome"], 4)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("status >= 500", pl.col("status") >= 500),
        ("status = 200 and not (outcome = 'ok')", (pl.col("status") == 200) & (pl.col("outcome") != "ok")),
        ("outcome in ('ok', 'timeout') OR user between 2 and 4", pl.col("outcome").is_in(["ok", "timeout"]) | pl.col("user").is_between(2, 4)),
        ("name like '%a_t%'", pl.col("name").str.contains("a.t")),
        ("outcome not like 'o%' and status not in (500, -1)", ~pl.col("outcome").str.starts_with("o") & ~pl.col("status").is_in([500, -1])),
        ("error is null", pl.col("error").is_null()),
        ('"end" is not null and reused', pl.col("end").is_not_null() & pl.col("reused")),
        ("reused = false", ~pl.col("reused")),
        ("name = 'it''s' or start < 1.5e10", (pl.col("name") == "it's") | (pl.col("start") < 1.5e10)),
        ("user = 1 or user = 2 and status = 200", (pl.col("user") == 1) | ((pl.col("user") == 2) & (pl.col("status") == 200))),
    ],
)  # fmt: skip
def test_a_condition_lets_through_what_it_says(shared: Shared, where: str, expected: pl.Expr) -> None:
    home, record, rows = shared
    assert rows_asked(home, record.id, where=where).collect().equals(rows.filter(expected))


@pytest.mark.parametrize(
    "asked",
    [
        {"where": where}
        for where in (
            "1 = 1", "status", "status >", "status = 'x'", "name = 3", "status = 1; drop", "secret = 1", "read_csv('x') = 1", "(status = 1",
            "status = 1 status", "status in ()", "status like '1'", "name like 3", "status = (select 1)", "status + 1 = 2", "name = 'x", "\x00",
            "not " * 60 + "reused", "(" * 60 + "reused" + ")" * 60, "reused or " * 500 + "reused", "status = 9" + "9" * 30, "name = \"x\"",
            "upper(name) = 'X'", "status = 1 -- x", "user between 1 or 2", "name is 3", "status = true", "reused = 1",
        )
    ]
    + [{"columns": ["secret"]}, {"columns": ["user", "user"]}, {"sample": 0}, {"sample": -1}, {"sample": float("nan")}, {"kind": "secrets"}],
)  # fmt: skip
def test_what_is_no_choice_of_rows_is_refused(shared: Shared, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        rows_asked(shared[0], shared[1].id, **asked).collect()


def test_a_sample_is_of_the_size_that_was_asked_for_and_the_same_each_time(shared: Shared) -> None:
    home, record, rows = shared
    for sample, size in ((0.2, 600), (900, 900)):
        found = rows_asked(home, record.id, sample=sample).collect()
        assert abs(len(found) - size) < 150
        assert found.equals(rows_asked(home, record.id, sample=sample).collect())
    assert rows_asked(home, record.id, sample=1.0).collect().equals(rows)
    assert rows_asked(home, record.id, sample=10**9).collect().equals(rows)


_STREAMING = """
import resource, sys
from pathlib import Path
from maid_lab.services.results.rows import arrow_stream, parquet_parts, rows_asked
rows = rows_asked(Path(sys.argv[1]), sys.argv[2])
for part in arrow_stream(rows_asked(Path(sys.argv[1]), sys.argv[2], where="user = 1")): pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = largest = 0
for part in arrow_stream(rows):
    total, largest = total + len(part), max(largest, len(part))
print(total, largest, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_a_million_rows_are_streamed_in_a_part_of_their_size(tmp_path: Path) -> None:
    record = finished_run(tmp_path, rows=2_000)[0]
    path = tmp_path / "runs" / record.id / "requests.parquet"
    few = pl.read_parquet(path)
    pl.concat([few] * 500).write_parquet(path, row_group_size=50_000)
    done = subprocess.run(
        [sys.executable, "-c", _STREAMING, str(tmp_path), record.id], capture_output=True, text=True, check=True, timeout=60
    )
    total, largest, grown = map(int, done.stdout.split())
    assert total > 100_000_000
    assert largest < total / 10
    assert grown < 0.3 * total
