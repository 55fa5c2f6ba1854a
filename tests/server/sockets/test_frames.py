import json
from datetime import UTC, datetime

import pytest

from maid_lab.model.errors import InvalidInput
from maid_lab.server.sockets.frames import gap_frame, log_with_loss, make_frame, to_text
from maid_lab.server.sockets.messages import MOST_CHARACTERS, CommandCall, Ping, Subscribe, id_in, parse_message
from maid_lab.services.bus import LOGS, METRICS, STATUS

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def test_a_frame_says_topic_number_run_time_and_data() -> None:
    frame = make_frame(STATUS, 7, {"slot": "running"}, run_id="r1", at=AT)
    assert json.loads(frame.text) == {
        "topic": "maid:status", "seq": 7, "run_id": "r1", "at": "2026-11-24T02:00:00.000Z", "data": {"slot": "running"},
    }  # fmt: skip


def test_what_is_no_json_number_or_no_text_ends_no_socket() -> None:
    text = to_text({"rate": float("nan"), "far": [float("inf"), 1.5], "line": "half \ud800 pair"})
    assert text.encode("ascii")
    assert json.loads(text) == {"rate": None, "far": [None, 1.5], "line": "half \ud800 pair"}


def test_a_log_frame_says_how_many_were_dropped_before_it() -> None:
    frame = make_frame(LOGS, 1, {"level": "warning", "message": "m"}, at=AT)
    assert json.loads(log_with_loss(frame, 3)) == {**json.loads(frame.text), "dropped": 3}
    assert log_with_loss(frame, 0) == frame.text


def test_a_gap_is_told_and_moves_no_client_on() -> None:
    frame = json.loads(gap_frame([LOGS], after=4, before=9).text)
    assert (frame["topic"], frame["seq"], frame["data"]) == ("maid:gap", 4, {"topics": [LOGS], "after": 4, "before": 9})


def test_messages_are_parsed() -> None:
    said = '{"op": "subscribe", "topics": ["maid:metrics"], "run_id": "r", "last_seq": 3, "level": "error", "id": 1}'
    assert parse_message(said) == Subscribe(op="subscribe", topics=[METRICS], run_id="r", last_seq=3, level="error", id=1)
    assert parse_message('{"op": "ping"}') == Ping(op="ping")
    called = parse_message('{"op": "command", "name": "users", "args": {"users": 3}, "id": "a"}')
    assert called == CommandCall(op="command", name="users", args={"users": 3}, id="a")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[1]", "JSON object"),
        ("7", "JSON object"),
        ("[" * 8000, "nested too deeply"),
        ('{"a":' * 2500 + "1" + "}" * 2500, "nested too deeply"),
        ("1" * 8000, "no JSON"),
        ("x" * (MOST_CHARACTERS + 1), "at most 16384 characters"),
        (b"\x00\xff", "binary"),
        ('{"op": "subscrib", "topics": []}', "no op 'subscrib'"),
        ('{"op": ["subscribe"]}', "no op list"),
        ('{"topics": []}', "no op None"),
        ('{"op": "subscribe"}', "topics: Field required"),
        ('{"op": "subscribe", "topics": []}', "topics"),
        ('{"op": "subscribe", "topics": "maid:logs"}', "topics"),
        ('{"op": "subscribe", "topics": ["maid:metric"]}', "no topic 'maid:metric'. .*maid:metrics"),
        ('{"op": "subscribe", "topics": ["maid:logs"], "last_seq": -1}', "last_seq"),
        ('{"op": "subscribe", "topics": ["maid:logs"], "last_seq": NaN}', "last_seq"),
        ('{"op": "subscribe", "topics": ["maid:logs"], "level": "loud"}', "level"),
        ('{"op": "subscribe", "topics": ["maid:logs"], "lastseq": 1}', "lastseq"),
        ('{"op": "command"}', "name"),
        ('{"op": "command", "name": "users", "args": [1]}', "args"),
        ('{"op": "ping", "id": {"a": 1}}', "id"),
    ],
)
def test_what_cannot_be_read_is_told(said: str | bytes, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        parse_message(said)
    assert len(str(caught.value)) < 600


def test_the_id_of_a_wrong_message_comes_back_when_it_can() -> None:
    assert id_in('{"op": "pign", "id": 12}') == 12
    assert id_in('{"op": "pign", "id": {"a": 1}}') is None
    assert id_in("{") is None
