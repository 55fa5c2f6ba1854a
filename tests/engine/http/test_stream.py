"""Steps that read an event stream: what ends them, what their rows and messages say, and all the ways in which a stream breaks."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maid_lab.engine.shard import Shard
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.plan import Check, EventStream, Extract, HttpStep, Label, ParallelStep, Retry, Step, Timeouts
from maid_lab.model.rows import EVENT_FIELDS, FLAG_OUTCOME, NONE_U32, Outcome
from tests.engine.running import Row, labels, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Action, Close, Drip, Hang, Pause, Reset, Send, chunked, head, reply

STREAM = ("Content-Type", "text/event-stream")
TOKENS = b"".join(b'data: {"token": %d}\n\n' % number for number in range(5))
DONE = b"data: [DONE]\n\n"
QUICK = Timeouts(total_s=3.0, read_s=0.3)
MS = 1_000_000


def step(url: str, stream: EventStream | None = None, **changes: Any) -> HttpStep:
    return HttpStep(label=2, method="GET", url=url, sse=stream or EventStream(), timeouts=changes.pop("timeouts", QUICK), **changes)


async def run(server: HostileServer, folder: Path, *steps: Step, **changes: Any) -> list[Row]:
    named = (*labels(), Label(scenario="s", transaction="", name="stream", kind="sse"))
    return requests(await run_shard(plan_of(server.url, steps, (), labels=named, **changes), folder))


def messages(folder: Path) -> list[Any]:
    path = folder / "events-0-0.rows"
    return list(np.frombuffer(path.read_bytes(), dtype=np.dtype(list(EVENT_FIELDS)))) if path.is_file() else []


def open_ended(*actions: Action) -> tuple[Action, ...]:
    return (Send(head(200, STREAM, ("Transfer-Encoding", "chunked"))), *actions)


def chunk(data: bytes) -> Send:
    return Send(b"%x\r\n%s\r\n" % (len(data), data))


async def test_each_message_is_a_record_between_the_begin_and_the_end_of_its_row(hostile: HostileServer, tmp_path: Path) -> None:
    parts = [each for number in range(4) for each in (Pause(0.02), chunk(b"data: %d\n\n" % number))]
    hostile.on("/s", *open_ended(*parts, Send(b"0\r\n\r\n")))
    (row,) = await run(hostile, tmp_path, step("/s"))
    assert (row.outcome, row.status, row.messages, row.label.kind) == ("ok", 200, 4, "sse")
    found = messages(tmp_path)
    assert [int(each["number"]) for each in found] == [0, 1, 2, 3]
    assert [int(each["size"]) for each in found] == [1, 1, 1, 1]
    assert {int(each["request"]) for each in found} == {row.start} == {int(found[0]["start"])}
    assert [int(each["start"]) for each in found[1:]] == [int(each["end"]) for each in found[:-1]]
    # The server pauses before each; it may be late with one and so early with the next, but never with all of them.
    assert row.first_byte == int(found[0]["end"]) >= row.start + 20 * MS
    assert int(found[-1]["end"]) - row.start >= 80 * MS
    assert int(found[-1]["end"]) <= row.end


@pytest.mark.parametrize("sent", [
    reply(TOKENS + DONE, STREAM), chunked(TOKENS + DONE, STREAM, size=3), chunked(TOKENS + DONE, ("Content-Type", "Text/Event-Stream; charset=utf-8")),
    reply((TOKENS + DONE).replace(b"\n", b"\r\n"), STREAM), chunked((TOKENS + DONE).replace(b"\n", b"\r"), STREAM, size=1),
    reply(gzip.compress(TOKENS + DONE), STREAM, ("Content-Encoding", "gzip")),
    chunked(gzip.compress(TOKENS + DONE), STREAM, ("Content-Encoding", "gzip"), size=7),
], ids=["whole", "chunks", "charset", "crlf", "cr", "gzip", "gzip chunks"])  # fmt: skip
@pytest.mark.parametrize("piece", [0, 1, 7])
async def test_a_stream_is_the_same_however_it_is_framed_and_cut(hostile: HostileServer, tmp_path: Path, sent: bytes, piece: int) -> None:
    hostile.on("/s", Drip(sent, size=piece, gap_s=0.0002) if piece else Send(sent))
    rows = await run(hostile, tmp_path, step("/s"), step("/s", EventStream(until="[DONE]")), load={"iterations": 2})
    assert [(row.outcome, row.messages) for row in rows] == [("ok", 6)] * 4
    assert len(messages(tmp_path)) == 24
    assert hostile.connections == 1


@pytest.mark.parametrize(("stream", "count"), [
    (EventStream(until="3}"), 4), (EventStream(limit=2), 2), (EventStream(until="3}", limit=2), 2), (EventStream(until_event="bye"), 6),
    (EventStream(until_event="bye", until="6"), 7), (EventStream(until="{{ vars.last }}"), 3),
])  # fmt: skip
async def test_an_endless_stream_ends_with_the_message_that_it_is_read_for(
    hostile: HostileServer, tmp_path: Path, stream: EventStream, count: int
) -> None:
    sent = TOKENS + b"event: bye\ndata: 5\n\nevent: bye\ndata: 6\n\n"
    hostile.on("/s", *open_ended(chunk(sent), Hang()))
    rows = await run(hostile, tmp_path, step("/s", stream), step("/s", stream), variables=(("last", "2}"),))
    assert [(row.outcome, row.messages) for row in rows] == [("ok", count)] * 2
    assert len(messages(tmp_path)) == 2 * count
    # The row ends with the message, not with the moment in which the rest of the answer was waited for.
    assert [row.end for row in rows] == [int(messages(tmp_path)[at]["end"]) for at in (count - 1, -1)]
    assert hostile.connections == 2


@pytest.mark.parametrize(("rest", "outcome", "error"), [
    ((Close(),), "reset", "within the body"), ((Reset(),), "reset", "reset the connection"), ((Hang(),), "timeout", "read"),
    ((Send(b"0\r\n\r\n"),), "check_failed", "(until)"), ((Send(b"xyz\r\n"),), "protocol_error", "chunked body is malformed"),
])  # fmt: skip
async def test_a_stream_that_is_cut_is_a_row_of_its_outcome_with_the_messages_so_far(
    hostile: HostileServer, tmp_path: Path, rest: tuple[Action, ...], outcome: str, error: str
) -> None:
    hostile.on("/s", *open_ended(chunk(TOKENS), Pause(0.02), *rest))
    rows = await run(hostile, tmp_path, step("/s", EventStream(until="[DONE]"), on_error="continue"), step("/s", EventStream(limit=1)))
    assert [(row.outcome, row.messages) for row in rows] == [(outcome, 5), ("ok", 1)]
    assert error in rows[0].error
    assert [Outcome(int(each["flags"]) & FLAG_OUTCOME).word for each in messages(tmp_path)] == [outcome] * 5 + ["ok"]


async def test_a_stream_without_length_ends_with_its_connection(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/s", Send(head(200, STREAM)), Send(TOKENS), Close())
    rows = await run(hostile, tmp_path, step("/s"), step("/s", EventStream(until="nothing"), on_error="continue"))
    assert [(row.outcome, row.messages) for row in rows] == [("ok", 5), ("check_failed", 5)]


async def test_comments_keep_a_quiet_stream_alive_and_are_no_messages(hostile: HostileServer, tmp_path: Path) -> None:
    quiet = [each for _ in range(4) for each in (Pause(0.15), chunk(b": ping\n\n"))]
    hostile.on("/s", *open_ended(*quiet, chunk(DONE), Send(b"0\r\n\r\n")))
    (row,) = await run(hostile, tmp_path, step("/s"))
    assert (row.outcome, row.messages) == ("ok", 1)
    assert row.first_byte - row.start >= 500 * MS


async def test_a_stream_may_have_no_message_at_all(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/s", Send(reply(b": nothing\n\n", STREAM)))
    hostile.on("/none", Send(head(204)))
    wanted = Check(kind="messages", op="ge", value=1.0, text="messages >= 1")
    rows = await run(hostile, tmp_path, step("/s"), step("/none"), step("/s", check=(wanted,)))
    assert [(row.outcome, row.messages) for row in rows] == [("ok", 0), ("ok", NONE_U32), ("check_failed", 0)]
    assert rows[2].error == "check messages >= 1: not ≥ the limit"
    assert rows[0].first_byte == -1
    assert not messages(tmp_path)


@pytest.mark.parametrize(("answer", "outcome", "error"), [
    (reply(b"{}", ("Content-Type", "application/json")), "protocol_error", "the answer is application/json, not text/event-stream"),
    (reply(b"{}"), "protocol_error", "the answer is without a type, not text/event-stream"),
    (reply(b"{}", STREAM, status=503), "error_status", "HTTP 503"),
    (reply(b"x", STREAM, ("Content-Encoding", "gzip")), "protocol_error", "the compressed stream is cut short"),
    (reply(b"x", STREAM, ("Content-Encoding", "zstd")), "protocol_error", "the content coding zstd"),
    (chunked(b"x" * 100, STREAM, ("Content-Encoding", "gzip")), "protocol_error", "the compressed stream is broken"),
])  # fmt: skip
async def test_what_is_no_stream_says_so(hostile: HostileServer, tmp_path: Path, answer: bytes, outcome: str, error: str) -> None:
    hostile.on("/s", Send(answer))
    (row,) = await run(hostile, tmp_path, step("/s"))
    assert row.outcome == outcome
    assert error in row.error
    assert not messages(tmp_path)


async def test_checks_and_extracts_read_the_stream_as_text(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/s", Send(chunked(TOKENS + DONE, STREAM, size=9)))
    checks = (
        Check(kind="status", op="in", value=(200,)), Check(kind="body_contains", op="contains", value="[DONE]"),
        Check(kind="messages", op="ge", value=6.0), Check(kind="messages", op="gt", value=6.0, negated=True),
        Check(kind="content_type", op="contains", value="event-stream"),
    )  # fmt: skip
    extract = Extract(name="token", source="regex", expr=r'"token": (\d)', pick="last")
    hostile.on("/then", Send(reply()))
    rows = await run(
        hostile, tmp_path, step("/s", EventStream(until="[DONE]"), check=checks, extract=(extract,)),
        HttpStep(label=2, method="GET", url="/then?token={{ vars.token }}"), load={"iterations": 2},
    )  # fmt: skip
    assert {row.outcome for row in rows} == {"ok"}
    assert len(rows) == hostile.requests == 4


async def test_redirects_lead_to_the_stream_cookies_are_kept_and_tries_repeated(hostile: HostileServer, tmp_path: Path) -> None:
    seen: list[bool] = []

    def answer(request: Any) -> tuple[Action, ...]:
        seen.append(b"Cookie: sid=1" in request.head)
        if len(seen) == 1:
            return (Send(head(200, STREAM, ("Transfer-Encoding", "chunked"))), chunk(TOKENS), Close())
        return (Send(chunked(TOKENS, STREAM, ("Set-Cookie", "sid=1"))),)

    hostile.on("/go", Send(head(302, ("Location", "/s"), ("Content-Length", "0"))))
    hostile.answer("/s", answer)
    rows = await run(hostile, tmp_path, step("/go", retry=Retry(times=1, on=("reset",))), step("/s"))
    assert [(row.outcome, row.attempt, row.redirected, row.messages) for row in rows] == [
        ("ok", 0, False, NONE_U32), ("reset", 0, True, 5), ("ok", 1, False, NONE_U32), ("ok", 1, True, 5), ("ok", 0, False, 5),
    ]  # fmt: skip
    assert seen == [False, False, True]


async def test_streams_of_branches_are_read_at_the_same_time(hostile: HostileServer, tmp_path: Path) -> None:
    parts = [each for number in range(3) for each in (Pause(0.03), chunk(b"data: %d\n\n" % number))]
    hostile.on("/s", *open_ended(*parts, Send(b"0\r\n\r\n")))
    rows = await run(hostile, tmp_path, ParallelStep(branches=((step("/s"),),) * 3, limit=3))
    assert [(row.outcome, row.messages) for row in rows] == [("ok", 3)] * 3
    assert max(row.start for row in rows) < min(row.end for row in rows)
    assert len(messages(tmp_path)) == 9


@pytest.mark.parametrize("way", ["kill", "stop"])
async def test_the_end_of_a_run_cuts_a_stream_or_lets_it_finish(hostile: HostileServer, tmp_path: Path, way: str) -> None:
    hostile.on("/s", *open_ended(chunk(TOKENS), Pause(0.4), chunk(DONE), Send(b"0\r\n\r\n")))

    def during(shard: Shard, passed: float) -> bool:
        if passed < 0.15:
            return False
        if way == "kill":
            shard.kill()
        else:
            shard.stop(5.0)
        return True

    named = (*labels(), Label(scenario="s", transaction="", name="stream", kind="sse"))
    plan = plan_of(hostile.url, (step("/s", timeouts=Timeouts()),), (), labels=named, load={"iterations": 5})
    (row,) = requests(await run_shard(plan, tmp_path, during=during))
    assert (row.outcome, row.messages) == (("aborted", 5) if way == "kill" else ("ok", 6))
    assert len(messages(tmp_path)) == row.messages


async def test_streams_are_captured_for_the_logs_too(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/s", Send(chunked(TOKENS, STREAM)))
    named = (*labels(), Label(scenario="s", transaction="", name="stream", kind="sse"))
    plan = plan_of(hostile.url, (step("/s"),), (), labels=named)
    (row,) = requests(await run_shard(plan, tmp_path, keeps=CaptureOptions(requests=True)))
    assert (row.outcome, row.messages) == ("ok", 5)
    assert len(messages(tmp_path)) == 5
