"""The hub between bus and clients, without a network."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import Refused
from maid_lab.server.sockets.frames import RECIPE_GENERATED, TOPICS, make_frame
from maid_lab.server.sockets.session import Session
from maid_lab.services.bus import LOGS, METRICS, STATUS, TEST_COMPLETED, TEST_STARTED
from maid_lab.services.waiting import WaitingTest
from tests.server.sockets.support import ADMIN, READER, drained, house

LIVE = {
    "run_id": "r1", "title": "Small", "status": "running", "phase": "maintain", "reason": "", "elapsed_s": 15.0, "duration_s": 60.0, "users": 8,
    "planned_level": 8, "planned_unit": "users", "in_flight": 3, "requests": 200, "failures": 5, "dropped": 1, "rows": 230, "rate_per_s": 20.5,
    "bytes_in_per_s": 900.0, "latency": "service time", "p50_ms": 4.0, "p95_ms": 9.0, "p99_ms": 12.0,
    "names": [
        {"name": "GET /", "count": 150, "failures": 5, "rate_per_s": 15.0, "p50_ms": 4.0, "p95_ms": 9.0, "p99_ms": 12.0, "max_ms": 30.0},
        {"name": "GET /a", "count": 50, "failures": 0, "rate_per_s": 5.5, "p50_ms": 3.0, "p95_ms": 8.0, "p99_ms": 9.0, "max_ms": None},
    ],
    "errors": [{"text": "503", "outcome": "error_status", "name": "GET /", "count": 5}],
    "workers": [
        {"worker": 0, "pid": 0, "users": 4, "rows": 100, "cpu": 0.5, "loop_lag_ms": 2.0, "schedule_lag_ms": 0.5, "alive": True},
        {"worker": 1, "pid": 0, "users": 4, "rows": 130, "cpu": 0.25, "loop_lag_ms": 7.0, "schedule_lag_ms": 0.1, "alive": False},
    ],
    "generator_bound_s": 2,
}  # fmt: skip


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def collect(session: Session, got: list[dict[str, Any]], least: int) -> None:
    async with asyncio.timeout(10):
        while len(got) < least:
            got += drained(session)
            await asyncio.sleep(0.005)


async def test_a_change_of_status_is_told_with_all_figures(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        session = await at.client(STATUS)
        at.bus.publish(STATUS, LIVE)
        (frame,) = drained(session)
    data = frame["data"]
    assert (frame["topic"], frame["run_id"]) == (STATUS, "r1")
    wanted = {
        "slot": "running",
        "phase": "maintain",
        "elapsed_s": 15.0,
        "remaining_s": 45.0,
        "progress": 0.25,
        "users": 8,
        "error_rate": 0.025,
    }
    assert {key: data[key] for key in wanted} == wanted
    figures = {"rate_per_s": 20.5, "p50_ms": 4.0, "p95_ms": 9.0, "p99_ms": 12.0}
    assert {key: data[key] for key in figures} == figures
    assert data["generator"] == {"workers": 2, "alive": 1, "loop_lag_ms": 7.0, "schedule_lag_ms": 0.5, "bound_s": 2}
    assert data["workers"] == LIVE["workers"]


async def test_metrics_are_one_frame_a_tick_however_often_they_are_published(tmp_path: Path) -> None:
    async with house(tmp_path, tick_s=0.1) as at:
        session = await at.client(METRICS)
        got: list[dict[str, Any]] = []
        for round_ in range(3):
            for step in range(5):
                at.bus.publish(METRICS, LIVE | {"requests": round_ * 5 + step})
            await collect(session, got, round_ + 1)
        await asyncio.sleep(0.25)
        got += drained(session)
    assert [frame["data"]["total"]["count"] for frame in got] == [4, 9, 14]
    data = got[-1]["data"]
    assert [name["name"] for name in data["names"]] == ["GET /", "GET /a"]
    assert data["total"] == {
        "count": 14, "failures": 5, "rate_per_s": 20.5, "p50_ms": 4.0, "p95_ms": 9.0, "p99_ms": 12.0, "max_ms": 30.0, "bytes_in_per_s": 900.0,
    }  # fmt: skip
    assert data["generator"]["cpu"] == 0.75
    assert data["generator"]["memory_bytes"] == 0


async def test_every_topic_of_a_run_arrives_and_completion_has_verdict_and_links(tmp_path: Path) -> None:
    async with house(tmp_path, tick_s=0.05) as at:
        session = await at.client()
        run_id = await at.runs.start(await at.runs.plan("small"))
        await until(lambda: at.engine.supervisors and at.runs.live_run_id)
        await asyncio.sleep(0.1)
        at.bus.publish(LOGS, {"t_s": 0.1, "level": "info", "source": "supervisor", "message": "phase maintain"})
        at.bus.publish(RECIPE_GENERATED, {"name": "made"})
        at.runs.stop()
        await asyncio.wait_for(at.runs.wait(run_id), 20)
        await asyncio.sleep(0.15)
        got = drained(session)
    assert {frame["topic"] for frame in got} == set(TOPICS)
    assert [frame["seq"] for frame in got] == sorted({frame["seq"] for frame in got})
    by_topic = {frame["topic"]: frame for frame in got}
    assert by_topic[LOGS]["run_id"] == by_topic[TEST_STARTED]["run_id"] == run_id
    completed = by_topic[TEST_COMPLETED]
    assert (completed["run_id"], completed["data"]["status"]) == (run_id, "stopped")
    assert completed["data"]["verdict"] in ("pass", "fail", "unknown")
    assert completed["data"]["links"] == {"run": f"api/maid/runs/{run_id}", "report": f"api/maid/runs/{run_id}/report"}
    assert by_topic[STATUS]["data"] == {"slot": "idle", "title": "", "thresholds": []}


async def test_a_test_that_waits_is_pending(tmp_path: Path) -> None:
    async with house(tmp_path, tick_s=0.05) as at:
        at.desk.waiting = WaitingTest(at.runs, "small", {}, {})
        await at.desk.waiting.prepare()
        session = await at.client(STATUS)
        got: list[dict[str, Any]] = []
        await collect(session, got, 1)
    assert got[-1]["data"] == {"slot": "pending", "title": "Small", "thresholds": ["error_rate < 50%"]}


async def test_what_other_threads_publish_arrives(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        session = await at.client(LOGS)

        def publish() -> None:
            for number in range(200):
                at.bus.publish(LOGS, {"level": "info", "message": str(number)})

        threads = [threading.Thread(target=publish) for _ in range(3)]
        for thread in threads:
            thread.start()
        got: list[dict[str, Any]] = []
        await collect(session, got, 600)
        for thread in threads:
            thread.join()
    assert len({frame["seq"] for frame in got}) == 600


async def test_a_frame_is_made_into_text_once_for_all_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*args: Any, **more: Any) -> Any:
        made.append(args[0])
        return make_frame(*args, **more)

    monkeypatch.setattr("maid_lab.server.sockets.hub.make_frame", counted)
    async with house(tmp_path) as at:
        sessions = [await at.client(STATUS) for _ in range(50)]
        at.bus.publish(STATUS, LIVE)
        texts = [session.outbox.take() for session in sessions]
    assert made == [STATUS]
    assert all(text is texts[0] for text in texts)


async def test_a_client_that_resumes_gets_what_it_missed_and_nothing_twice(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        first = await at.client(LOGS, TEST_COMPLETED)
        at.bus.publish(LOGS, {"level": "info", "message": "one"})
        (seen,) = drained(first)
        at.hub.leave(first)
        at.bus.publish(LOGS, {"level": "info", "message": "two"})
        at.bus.publish(TEST_COMPLETED, {"run_id": "r1", "verdict": "pass"})
        again = await at.client(LOGS, TEST_COMPLETED, last_seq=seen["seq"])
        got = drained(again)
        at.bus.publish(LOGS, {"level": "info", "message": "three"})
        got += drained(again)
    assert [frame["data"].get("message", frame["topic"]) for frame in got] == ["two", TEST_COMPLETED, "three"]
    assert [frame["seq"] for frame in got] == [seen["seq"] + step for step in (1, 2, 3)]


async def test_a_number_of_another_server_leads_to_a_gap(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        older = await at.client(LOGS, last_seq=3)
        later = await at.client(LOGS, last_seq=10**15)
        assert [frame["topic"] for frame in drained(older) + drained(later)] == ["maid:gap", "maid:gap"]


async def test_a_client_chooses_run_and_level_and_leaves_topics(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        session = await at.client(LOGS, STATUS, run_id="r1", level="warning")
        for level in ("debug", "info", "warning", "error"):
            at.bus.publish(LOGS, {"run_id": "r1", "level": level, "message": level})
        at.bus.publish(LOGS, {"run_id": "r2", "level": "error", "message": "other"})
        assert [frame["data"]["message"] for frame in drained(session)] == ["warning", "error"]
        answer = await at.say(session, op="unsubscribe", topics=[LOGS])
        assert answer == {"op": "unsubscribed", "id": None, "topics": [STATUS]}
        at.bus.publish(LOGS, {"run_id": "r1", "level": "error", "message": "unheard"})
        assert drained(session) == []


async def test_a_new_client_sees_the_newest_status_at_once(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.bus.publish(STATUS, LIVE)
        session = await at.client(STATUS, METRICS)
        assert [frame["data"]["slot"] for frame in drained(session)] == ["running"]


async def test_clients_that_read_nothing_stay_bounded_and_cost_the_others_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        sessions = [await at.client(LOGS, STATUS) for _ in range(200)]
        silent, others = sessions[:10], sessions[10:]
        counts = dict.fromkeys(range(len(others)), 0)
        for round_ in range(60):
            for _ in range(10):
                at.bus.publish(LOGS, {"level": "info", "message": "x" * 400})
                at.bus.publish(STATUS, LIVE)
            for number, session in enumerate(others):
                counts[number] += sum(frame["topic"] == STATUS for frame in drained(session))
            assert max(len(session.outbox) for session in silent) <= 1600, round_
        assert set(counts.values()) == {600}
        assert all(session.outbox.ending is not None and session.outbox.ending[0] == 1013 for session in silent)
        assert all(session.outbox.waiting_bytes == 0 for session in silent)


async def test_a_revoked_key_closes_its_sockets_and_no_others(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        mine, other = await at.client(), await at.client(principal=READER)
        assert at.hub.drop_key("k1") == 1
        assert mine.outbox.ending == (1008, "the credential was withdrawn")
        assert other.outbox.ending is None


async def test_one_principal_has_so_many_sockets_and_no_more(tmp_path: Path) -> None:
    async with house(tmp_path, per_principal=2) as at:
        first, _ = at.hub.join(ADMIN), at.hub.join(ADMIN)
        with pytest.raises(Refused, match="2 sockets are open"):
            at.hub.join(ADMIN)
        at.hub.join(READER)
        at.hub.leave(first)
        at.hub.join(ADMIN)


async def test_a_hub_that_closes_ends_all_clients_and_leaves_no_task(tmp_path: Path) -> None:
    before = len(asyncio.all_tasks())
    async with house(tmp_path) as at:
        session = await at.client()
    assert session.outbox.ending is not None
    assert session.outbox.ending[0] == 1001
    at.bus.publish(STATUS, LIVE)
    assert session.outbox.take() is None
    assert len(asyncio.all_tasks()) == before
