import asyncio
import json
from typing import Any

from maid_lab.server.sockets.frames import Frame, make_frame
from maid_lab.server.sockets.outbox import TRY_AGAIN, Outbox, write_out
from maid_lab.services.bus import LOGS, METRICS, STATUS, TEST_COMPLETED


def metrics(seq: int, run_id: str = "r") -> Frame:
    return make_frame(METRICS, seq, {"n": seq}, run_id=run_id, is_newest_only=True)


def line(seq: int) -> Frame:
    return make_frame(LOGS, seq, {"level": "info", "message": "x" * 50}, run_id="r")


def taken(outbox: Outbox) -> list[dict[str, Any]]:
    texts = []
    while (text := outbox.take()) is not None:
        texts.append(json.loads(text))
    return texts


def test_of_metrics_the_newest_of_each_run_waits() -> None:
    outbox = Outbox()
    for seq in range(1, 100):
        outbox.put(metrics(seq, run_id=f"r{seq % 2}"))
    assert [frame["seq"] for frame in taken(outbox)] == [98, 99]


def test_the_oldest_logs_go_and_the_next_one_says_how_many() -> None:
    outbox = Outbox(logs=3)
    for seq in range(1, 11):
        outbox.put(line(seq))
    assert [(frame["seq"], frame.get("dropped")) for frame in taken(outbox)] == [(8, 7), (9, None), (10, None)]


def test_logs_are_bounded_by_their_size_too() -> None:
    outbox = Outbox(most_bytes=2000)
    for seq in range(1, 1000):
        outbox.put(line(seq))
        assert outbox.waiting_bytes <= 2000
    frames = taken(outbox)
    assert frames[0]["dropped"] + len(frames) == 999
    assert outbox.waiting_bytes == 0


def test_frames_leave_in_the_order_of_their_numbers_and_answers_first() -> None:
    outbox = Outbox()
    for frame in (make_frame(STATUS, 1, {}), line(2), metrics(3), make_frame(TEST_COMPLETED, 4, {}), line(5), metrics(6)):
        outbox.put(frame)
    outbox.put_reply('{"op":"pong"}')
    assert [frame.get("seq", frame.get("op")) for frame in taken(outbox)] == ["pong", 1, 2, 4, 5, 6]


def test_what_is_never_dropped_closes_a_client_that_does_not_read() -> None:
    outbox = Outbox(certain=10)
    for seq in range(1, 11):
        outbox.put(make_frame(STATUS, seq, {}))
    assert len(outbox) == 10
    outbox.put(make_frame(TEST_COMPLETED, 11, {}))
    assert outbox.ending is not None
    assert outbox.ending[0] == TRY_AGAIN == 1013
    assert "last_seq" in outbox.ending[1]
    for seq in range(12, 5000):
        outbox.put(make_frame(STATUS, seq, {}))
        outbox.put(line(seq))
        outbox.put_reply("{}")
    assert (len(outbox), outbox.waiting_bytes) == (0, 0)


def test_answers_that_nobody_reads_close_the_client() -> None:
    outbox = Outbox(replies=5)
    for _ in range(6):
        outbox.put_reply("{}")
    assert outbox.ending == (TRY_AGAIN, "answers were not read")


def test_the_first_reason_of_a_close_stays() -> None:
    outbox = Outbox()
    outbox.end(1008, "revoked")
    outbox.end(1001, "the server ends")
    assert outbox.ending == (1008, "revoked")


def test_what_a_client_wants_no_more_waits_no_more() -> None:
    outbox = Outbox(logs=2)
    for frame in (make_frame(STATUS, 1, {}), line(2), line(3), line(4), metrics(5), make_frame(TEST_COMPLETED, 6, {})):
        outbox.put(frame)
    outbox.forget({LOGS, METRICS, STATUS})
    assert [frame["seq"] for frame in taken(outbox)] == [6]
    outbox.put(line(7))
    assert "dropped" not in taken(outbox)[0]


async def test_each_text_waits_until_the_one_before_has_left() -> None:
    outbox, sent, may_go = Outbox(), [], asyncio.Event()

    async def send(text: str) -> None:
        await may_go.wait()
        sent.append(json.loads(text)["seq"])

    writing = asyncio.create_task(write_out(outbox, send, patience_s=5))
    outbox.put(metrics(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    for seq in range(2, 50):
        outbox.put(metrics(seq))
    assert len(outbox) == 1
    may_go.set()
    async with asyncio.timeout(5):
        while len(sent) < 2:
            await asyncio.sleep(0.001)
    outbox.end(1001, "bye")
    assert await asyncio.wait_for(writing, 5) == (1001, "bye")
    assert sent == [1, 49]


async def test_who_reads_nothing_for_too_long_is_given_up() -> None:
    outbox = Outbox()
    outbox.put(make_frame(STATUS, 1, {}))

    async def send(text: str) -> None:
        await asyncio.Event().wait()

    code, reason = await asyncio.wait_for(write_out(outbox, send, patience_s=0.02), 5)
    assert (code, "nothing was read" in reason) == (TRY_AGAIN, True)
