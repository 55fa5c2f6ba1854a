"""What ran, over REST: pages, figures, rows, SQL, reports, comparison; and what people say of runs."""

from __future__ import annotations

import io
from typing import Any, Final

import polars as pl
import pytest

from tests.support.jupyter import RunningServer

pytestmark = pytest.mark.server

SHORT: Final = {"recipe_id": "hello", "overrides": {"run_time": "1s", "users": 3}}


@pytest.fixture(scope="module")
def runs(shared_server: RunningServer) -> list[str]:
    ids = []
    for name in ("first", "second"):
        reply = shared_server.ask("run", method="POST", body={**SHORT, "name": name, "tags": ["kept"]})
        assert reply.status == 202, reply.body
        ids.append(str(reply.json["run_id"]))
        shared_server.wait_for("idle")
    return ids


def test_the_history_is_listed_page_by_page(server: RunningServer, runs: list[str]) -> None:
    whole = server.ask("history?tag=kept").json
    assert [run["id"] for run in whole["items"]] == runs[::-1]
    assert whole["total"] == 2
    first = server.ask("history?tag=kept&limit=1&sort=created_at").json
    second = server.ask(f"history?tag=kept&limit=1&sort=created_at&cursor={first['next_cursor']}").json
    assert [first["items"][0]["id"], second["items"][0]["id"]] == runs
    assert second["next_cursor"] is None
    assert server.ask("history?text=second&tag=kept").json["total"] == 1


@pytest.mark.parametrize("query", ["limit=501", "limit=x", "sort=secret", "cursor=garbage", "from=yesterday", "nonsense=1", "status=gone"])
def test_a_wrong_query_is_told(server: RunningServer, runs: list[str], query: str) -> None:
    reply = server.ask(f"history?{query}")
    assert (reply.status, reply.headers["Content-Type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("part", ["summary", "timeline", "errors", "slowest", "distribution", "logs", "samples"])
def test_figures_of_a_run_are_told(server: RunningServer, runs: list[str], part: str) -> None:
    reply = server.ask(f"runs/{runs[0]}/{part}")
    assert reply.status == 200, reply.body
    assert reply.json["run_id"] == runs[0]
    assert server.ask(f"runs/last/{part}").json["run_id"] == runs[1]
    missing = server.ask(f"runs/00000000-0000-7000-8000-000000000000/{part}")
    assert (missing.status, missing.json["code"]) == (404, "missing")


def test_the_summary_counts_what_the_rows_hold(server: RunningServer, runs: list[str]) -> None:
    record = server.ask(f"runs/{runs[0]}").json
    rows = pl.read_ipc_stream(io.BytesIO(server.ask(f"runs/{runs[0]}/rows").body))
    parquet = pl.read_parquet(io.BytesIO(server.ask(f"runs/{runs[0]}/rows?format=parquet&columns=name,status").body))
    sql = server.ask("query", method="POST", body={"sql": "select count(*) as n from requests", "runs": [runs[0]]}).json
    assert record["rows_count"] == len(rows) == len(parquet) == sql["rows"][0][0] > 0
    assert parquet.columns == ["name", "status"]
    assert sql["columns"][0]["name"] == "n"
    some = pl.read_ipc_stream(
        io.BytesIO(server.ask(f"runs/{runs[0]}/rows?where=status%20%3D%20200%20and%20worker%20%3D%200&columns=worker").body)
    )
    assert set(some["worker"]) == {0}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("where=drop%20table%20x", 422),
        ("where=read_csv('x')", 422),
        ("columns=secret", 422),
        ("sample=-1", 422),
        ("kind=all", 422),
        ("format=csv", 422),
    ],
)
def test_rows_that_cannot_be_asked_for_are_told_before_anything_is_sent(
    server: RunningServer, runs: list[str], query: str, status: int
) -> None:
    reply = server.ask(f"runs/{runs[0]}/rows?{query}")
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')", "attach 'x.db'", "select 1; select 2", "copy requests to 'x'", "pragma version", "set threads = 1",
        "delete from requests", "select getenv('HOME')", "install httpfs", "nonsense",
    ],
)  # fmt: skip
def test_sql_that_is_no_question_about_rows_is_refused(server: RunningServer, runs: list[str], sql: str) -> None:
    reply = server.ask("query", method="POST", body={"sql": sql, "runs": [runs[0]]})
    assert reply.status in (403, 422), reply.body
    assert b"root:" not in reply.body


def test_an_answer_in_arrow_is_given_to_who_accepts_it(server: RunningServer, runs: list[str]) -> None:
    asked: dict[str, Any] = {"sql": "select name, count(*) as n from requests group by name", "runs": [runs[0]]}
    reply = server.ask("query", method="POST", body=asked, headers={"Accept": "application/vnd.apache.arrow.stream"})
    assert pl.read_ipc_stream(io.BytesIO(reply.body)).columns == ["name", "n"]


@pytest.mark.parametrize(
    ("format", "media", "begins"),
    [
        ("html", "text/html", b"<!"),
        ("json", "application/json", b"{"),
        ("csv", "text/csv", b""),
        ("md", "text/markdown", b"#"),
        ("junit", "application/xml", b"<?xml"),
    ],
)
def test_reports_are_downloaded(server: RunningServer, runs: list[str], format: str, media: str, begins: bytes) -> None:
    reply = server.ask(f"runs/{runs[0]}/report?format={format}", timeout=60)
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"].startswith(media)
    assert reply.body.lstrip().startswith(begins)
    assert runs[0] in reply.headers["Content-Disposition"]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_two_runs_are_compared(server: RunningServer, runs: list[str]) -> None:
    reply = server.ask(f"compare?base={runs[0]}&candidate={runs[1]}", timeout=60)
    assert reply.status == 200, reply.body
    assert reply.json
    assert server.ask(f"compare?base={runs[0]}").status == 422
    assert server.ask(f"compare?base={runs[0]}&candidate=/etc/passwd").status == 404


def test_a_run_is_named_pinned_and_removed_by_its_whole_id(server: RunningServer, runs: list[str]) -> None:
    reply = server.ask("run", method="POST", body=SHORT)
    run_id = reply.json["run_id"]
    server.wait_for("idle")
    changed = server.ask(f"runs/{run_id}", method="PATCH", body={"notes": "kept", "pinned": True}).json
    assert (changed["notes"], changed["pinned"]) == ("kept", True)
    assert server.ask(f"runs/{run_id}", method="DELETE").status == 409, "it is pinned"
    server.ask(f"runs/{run_id}", method="PATCH", body={"pinned": False})
    assert server.ask("runs/last", method="DELETE").status == 422
    assert server.ask(f"runs/{run_id}", method="DELETE").json == {"id": run_id}
    assert server.ask(f"runs/{run_id}").status == 404
    assert not (server.home / "runs" / run_id).exists()
