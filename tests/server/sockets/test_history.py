from maid_lab.server.sockets.frames import GAP, TOPICS, Frame, make_frame
from maid_lab.server.sockets.history import History
from maid_lab.server.sockets.outbox import Outbox
from maid_lab.services.bus import LOGS, METRICS, STATUS, TEST_COMPLETED


def line(seq: int, level: str = "info", run_id: str = "r") -> Frame:
    return make_frame(LOGS, seq, {"level": level, "message": "m"}, run_id=run_id)


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.seq for frame in frames]


def filled() -> History:
    history = History()
    history.add(make_frame(STATUS, 1, {}, run_id="r"))
    history.add(line(2))
    history.add(make_frame(METRICS, 3, {}, run_id="r", is_newest_only=True))
    history.add(make_frame(METRICS, 4, {}, run_id="r", is_newest_only=True))
    history.add(line(5, "error"))
    history.add(make_frame(TEST_COMPLETED, 6, {}, run_id="r"))
    history.add(make_frame(STATUS, 7, {}, is_newest_only=True))
    return history


def test_what_was_missed_comes_in_order_metrics_only_the_newest() -> None:
    assert numbers(filled().after(0, TOPICS)) == [1, 2, 4, 5, 6, 7]
    assert numbers(filled().after(2, TOPICS)) == [4, 5, 6, 7]
    assert numbers(filled().after(7, TOPICS)) == []


def test_run_topic_and_level_choose() -> None:
    assert numbers(filled().after(0, [LOGS], rank=4)) == [5]
    assert numbers(filled().after(0, TOPICS, run_id="other")) == []
    assert numbers(filled().after(0, TOPICS, run_id="r")) == [1, 2, 4, 5, 6]


def test_a_new_client_sees_the_newest_status_and_metrics() -> None:
    assert numbers(filled().newest(TOPICS)) == [4, 7]
    assert numbers(filled().newest([LOGS])) == []


def test_a_gap_is_told_first() -> None:
    history = History(kept={LOGS: 3})
    for seq in range(1, 11):
        history.add(line(seq))
    frames = history.after(4, [LOGS, STATUS])
    assert (frames[0].topic, numbers(frames[1:])) == (GAP, [8, 9, 10])
    assert '"topics":["maid:logs"],"after":4,"before":8' in frames[0].text
    assert numbers(history.after(7, [LOGS])) == [8, 9, 10]


def test_who_comes_from_another_server_is_told_of_a_gap() -> None:
    history = History(first_seq=1000)
    history.add(line(1001))
    assert [frame.topic for frame in history.after(12, [LOGS])] == [GAP, LOGS]
    assert [frame.topic for frame in history.after(12, [METRICS])] == []


def test_all_that_is_replayed_fits_into_one_outbox() -> None:
    history, seq = History(), 0
    for topic in TOPICS:
        for _ in range(3000):
            seq += 1
            history.add(make_frame(topic, seq, {"level": "info", "message": "x" * 300}, is_newest_only=topic == METRICS))
    outbox, frames = Outbox(), history.after(0, TOPICS)
    for frame in frames:
        outbox.put(frame)
    assert outbox.ending is None
    assert len(outbox) == len(frames)
