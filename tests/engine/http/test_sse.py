"""The parser of event streams against a second one that is written down line by line, with cuts at every byte."""

import re
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.engine.http import sse
from maid_lab.engine.http.sse import Event, EventParser

CASES = [
    (b"data: a\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [(b"", b"a"), (b"", b"b"), (b"", b"c")]),
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [(b"", b"YHOO\n+2\n10")]),
    (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
     [(b"", b"first event"), (b"", b"second event"), (b"", b" third event")]),
    (b"data\n\ndata\ndata\n\ndata:", [(b"", b""), (b"", b"\n")]),
    (b"event: add\ndata: 73\n\nevent: remove\n\ndata: 1\n\n", [(b"add", b"73"), (b"", b"1")]),
    (b"\xef\xbb\xbfdata: x\n\n\xef\xbb\xbfdata: y\n\n", [(b"", b"x")]),
    (b"retry: 10\nunknown: 1\n\ndata: x: y\n\n", [(b"", b"x: y")]),
    (b"event: a\nevent: b\ndata: z\n\ndata: cut\n", [(b"b", b"z")]),
    ("data: grüße\u2028€\n\n".encode(), [(b"", "grüße\u2028€".encode())]),
    (b"\r\n\n\rdata: x\r\n\n", [(b"", b"x")]),
    (b"", []),
]  # fmt: skip


def parsed(pieces: Iterable[bytes]) -> list[Event]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


def by_the_book(stream: bytes) -> list[Event]:
    """The algorithm of the standard on the whole stream, one line after another."""
    text = stream.removeprefix(b"\xef\xbb\xbf")
    lines = re.findall(rb"([^\r\n]*)(?:\r\n|\r|\n)", text)
    events, data, kind = [], b"", b""
    for line in lines:
        if not line:
            if data:
                events.append(Event(kind, data[:-1]))
            data, kind = b"", b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value[1:] if value[:1] == b" " else value
            if field == b"data":
                data += value + b"\n"
            elif field == b"event":
                kind = value
    return events


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_events_of_a_stream_whatever_its_cuts(stream: bytes, events: list[tuple[bytes, bytes]]) -> None:
    assert parsed([stream]) == events
    assert parsed(stream[at : at + 1] for at in range(len(stream))) == events
    for cut in range(len(stream) + 1):
        assert parsed([stream[:cut], stream[cut:]]) == events


@given(
    stream=st.lists(
        st.sampled_from(
            [b"data", b"data:", b"data: ", b"event:", b":", b"x", b"\r", b"\n", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xc3\xa4", b" "]
        )
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 60)),
)
def test_any_stream_cut_anywhere_is_read_as_the_standard_says(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert parsed(pieces) == parsed([stream]) == by_the_book(stream)


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    for pieces in ([b"data: " + b"x" * 101], [b"data: " + b"x" * 40 + b"\n"] * 3):
        with pytest.raises(ValueError, match="an event of the stream is larger"):
            parsed(pieces)
    assert len(parsed([b"data: " + b"x" * 90 + b"\n\n"] * 3)) == 3
