from __future__ import annotations

import polars as pl

from maid_lab.analysis.quantiles import TimeStats
from maid_lab.analysis.streams import stream_stats
from tests.analysis.rows import a_plan, frame, row

MS = 1_000_000


def stream(
    start_s: float, stamps_ms: list[float], *, name: str = "chat", outcome: str = "ok"
) -> tuple[dict[str, object], list[dict[str, object]]]:
    begin = round(start_s * 1e9)
    ends = [begin + round(stamp * MS) for stamp in stamps_ms]
    request = row(start_s=start_s, ms=stamps_ms[-1], name=name, outcome=outcome) | {
        "first_byte": ends[0], "messages_in": len(ends),
    }  # fmt: skip
    events = [
        {"name": name, "section": "scenario", "outcome": outcome, "start": before, "end": end, "number": number, "request": begin}
        for number, (before, end) in enumerate(zip([begin, *ends[:-1]], ends, strict=True))
    ]
    return request, events


def frames(*streams: tuple[dict[str, object], list[dict[str, object]]]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    rows = [request for request, _ in streams]
    requests = frame(rows).with_columns(messages_in=pl.Series([each["messages_in"] for each in rows], dtype=pl.UInt32))
    return requests, pl.LazyFrame([event for _, events in streams for event in events])


def test_first_message_gaps_and_rate_are_those_of_good_measured_streams() -> None:
    requests, events = frames(
        stream(5, [100, 110, 130]),
        stream(6, [200, 240]),
        stream(7, [50, 60], outcome="timeout"),
        stream(0.5, [10, 20]),  # warm-up
        stream(8, [30, 31], name="other"),
    )
    chat, other = stream_stats(requests, events, plan=a_plan(warmup_s=1))
    assert (chat.name, chat.streams, chat.messages) == ("chat", 2, 5)
    assert (chat.first.samples, chat.first.min, chat.first.max) == (2, 100.0, 200.0)
    assert (chat.gap.samples, chat.gap.min, chat.gap.max, chat.gap.avg) == (3, 10.0, 40.0, 70 / 3)
    # Three messages after the first ones, in 30 + 40 ms of reading.
    assert chat.rate is not None
    assert round(chat.rate, 6) == round(3 / 0.07, 6)
    assert (other.streams, other.gap.max, other.rate) == (1, 1.0, 1000.0)


def test_streams_of_one_message_have_no_gap_and_runs_without_streams_have_none() -> None:
    requests, events = frames(stream(2, [10]), stream(3, [20]))
    (only,) = stream_stats(requests, events, plan=a_plan())
    assert only.rate is None
    assert only.gap == TimeStats.of(pl.Series([], dtype=pl.Int64).to_numpy())
    assert stream_stats(requests, None, plan=a_plan()) == ()
