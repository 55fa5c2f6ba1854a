"""SQL over the rows of runs: what it answers, and what it is kept from."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from maid_lab.model.errors import InvalidInput, MaidError, Missing, Refused
from maid_lab.model.run_record import RunRecord
from maid_lab.services.catalogue import held, let_go, opened
from maid_lab.services.console import MAX_RUNS, Console
from maid_lab.store.catalogue import FILE
from maid_lab.store.console import ConsoleLimits
from tests.services.results.runs import finished_run, live_run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, RunRecord, RunRecord]]:
    home = tmp_path_factory.mktemp("it's home")
    home.chmod(0o700)
    done, live = finished_run(home, rows=2_000, config_json={"secret": "hunter2"})[0], live_run(home)
    with opened(home) as store:
        store.runs.save(done)
        store.runs.save(live)
    yield home, done, live


Shared = tuple[Path, RunRecord, RunRecord]


async def test_a_select_over_a_finished_run_agrees_with_its_rows(shared: Shared) -> None:
    home, done, _ = shared
    answer = await Console(home).ask(
        'select name, count(*) as n, sum("end" - "start") as total from requests group by name order by name', runs=[done.id]
    )
    rows = pl.read_parquet(home / "runs" / done.id / "requests.parquet").with_columns(pl.col("name").cast(pl.String))
    expected = rows.group_by("name").agg(n=pl.len().cast(pl.Int64), total=(pl.col("end") - pl.col("start")).sum()).sort("name")
    assert answer.frame.equals(expected)
    assert not answer.truncated


async def test_all_tables_of_a_finished_run_and_one_under_way_are_there(shared: Shared) -> None:
    home, done, live = shared
    for table in ("requests", "transactions", "iterations", "metrics", "runs"):
        answer = await Console(home).ask(f"from {table}", runs=[done.id, live.id])
        assert answer.frame.columns[0] == ("id" if table == "runs" else "run_id")
    counted = await Console(home).ask("select run_id, count(*) as n from requests group by all", runs=[done.id, live.id])
    assert dict(counted.frame.iter_rows()) == {done.id: 2_000, live.id: 40}


async def test_the_list_of_runs_tells_no_plan(shared: Shared) -> None:
    home, done, live = shared
    answer = await Console(home).ask("select * from runs")
    assert set(answer.frame["id"]) == {done.id, live.id}
    assert "hunter2" not in str(answer.frame.to_dicts())
    assert answer.frame.schema["created_at"] == pl.Datetime("us", "UTC")


async def test_more_rows_than_allowed_are_cut_and_said_so(shared: Shared) -> None:
    home, done, _ = shared
    answer = await Console(home).ask(
        'select "start" from requests order by "start" desc', runs=[done.id], limits=ConsoleLimits(max_rows=10)
    )
    assert (len(answer.frame), answer.truncated) == (10, True)
    assert answer.frame["start"].is_sorted(descending=True)
    exact = await Console(home).ask("select 1 from range(10)", limits=ConsoleLimits(max_rows=10))
    assert (len(exact.frame), exact.truncated) == (10, False)


HOSTILE = [
    "select * from read_csv('/etc/passwd')", "select * from read_text('/etc/passwd')", "select * from read_parquet('{catalogue}')",
    "select * from read_parquet('{rows}')", "select * from '{rows}'", "select * from '/etc/passwd'", "select * from glob('/*')",
    "attach '{catalogue}' as c", "copy requests to '{out}'", "copy (select 1) to '{out}' (use_tmp_file false)", "export database '{out}'",
    "pragma database_list", "set threads = 1", "set enable_external_access = true", "reset lock_configuration", "install httpfs", "load httpfs",
    "select 1; select 2", "select 1; attach '{catalogue}'", "create table t as select 1", "insert into runs select * from runs",
    "drop view requests", "delete from requests", "update requests set status = 1", "with x as (delete from requests returning *) select * from x",
    "select getenv('HOME')", "select current_setting('allowed_paths')", "select * from duckdb_secrets()", "select * from duckdb_settings()",
    "select * from duckdb_views()", "from query('select 1')", "from query_table('duckdb_settings')", "select * from sqlite_master",
    "with sqlite_master as (select 1) select * from sqlite_master", "select * from information_schema.tables", "select * from pg_class",
    "select * from system.main.duckdb_views", "show all tables", "call pragma_version()", "explain analyze select 1", "prepare p as select 1",
    "select * from sniff_csv('/etc/passwd')", "select * from pragma_table_info('requests')", "vacuum", "checkpoint", "begin", "use memory",
    "", ";", "select", "selec 1", "select * from nowhere", "select * from home", "select * from pl", "select \x00", "select " + "(" * 3000 + "1" + ")" * 3000,
    "select '" + "x" * 30_000 + "'", "select 1 as a, 2 as a", "select error('boom')", "summarize '{rows}'", "describe '/etc/passwd'",
    "select (select content from read_text('/etc/passwd'))", "select 1 where exists (from read_blob('/etc/passwd'))",
    "select * from requests, lateral (select * from read_csv('/etc/passwd'))", "pivot requests on name using count(*)",
]  # fmt: skip


async def test_what_reads_files_writes_or_changes_the_instance_is_refused_and_the_catalogue_stays_as_it_is(shared: Shared) -> None:
    home, done, live = shared
    held(home)
    let_go(home)
    before = hashlib.sha256((home / FILE).read_bytes()).hexdigest()
    rows = {path: path.stat().st_mtime_ns for path in home.rglob("*.parquet")}
    out = home / "out"
    fill = {"{catalogue}": str(home / FILE), "{rows}": str(home / "runs" / live.id / "plan.json"), "{out}": str(out)}
    for sql in HOSTILE:
        for word, text in fill.items():
            sql = sql.replace(word, text.replace("'", "''"))
        with pytest.raises((Refused, InvalidInput)) as caught:
            await Console(home).ask(sql, runs=[done.id])
        assert "/tmp/maid-console" not in str(caught.value), sql[:80]
    assert not out.exists()
    assert hashlib.sha256((home / FILE).read_bytes()).hexdigest() == before
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*.parquet")} == rows


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from range(10000000) a, range(10000000) b",
        "with recursive t as (select 1 as a union all select a + 1 from t) select count(*) from t",
        "select a.range from range(10000000) a, range(10000000) b where a.range + b.range < 0",
    ],
)
async def test_an_endless_query_is_cut(shared: Shared, sql: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="took longer"):
        await Console(shared[0]).ask(sql, limits=ConsoleLimits(timeout_s=0.3))
    assert time.monotonic() - began < 10


async def test_a_query_that_takes_too_much_memory_fails_alone(shared: Shared) -> None:
    limits = ConsoleLimits(memory_mib=64, timeout_s=10)
    with pytest.raises(MaidError):
        await Console(shared[0]).ask("select list(a.range) from range(100000000) a", limits=limits)
    with pytest.raises(InvalidInput, match="MiB"):
        await Console(shared[0]).ask("select repeat('x', 1000) as x from range(5000)", limits=ConsoleLimits(max_bytes=1_000_000))
    assert (await Console(shared[0]).ask("select 1 as a")).frame.to_dicts() == [{"a": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "with slow as (select * from requests where \"end\" - \"start\" > 1e6) select count(*) as n from slow",
        "describe requests", "summarize requests", "from requests select count(*) as n",
        "select name, row_number() over (partition by name order by \"start\") as place from requests limit 3",
        "select unnest([1, 2]) as a", "select count(*) as n from requests r join runs on runs.id = r.run_id",
    ],
)  # fmt: skip
async def test_ordinary_analysis_is_allowed(shared: Shared, sql: str) -> None:
    assert len((await Console(shared[0]).ask(sql, runs=[shared[1].id])).frame) > 0


async def test_runs_that_are_not_there_or_too_many_are_named(shared: Shared) -> None:
    with pytest.raises(Missing):
        await Console(shared[0]).ask("select 1", runs=["01900000-0000-7000-8000-00000000ffff"])
    with pytest.raises(InvalidInput, match="runs"):
        await Console(shared[0]).ask("select 1", runs=list(map(str, range(MAX_RUNS + 1))))
