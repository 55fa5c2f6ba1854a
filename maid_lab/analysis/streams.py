"""Event streams of a run: time to the first message, gaps between messages, messages per second, by request name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import comparable, is_ok
from maid_lab.analysis.quantiles import TimeStats
from maid_lab.analysis.times import NS_PER_S, service, ttfb

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan

__all__ = ["StreamStats", "stream_stats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStats:
    """Measured streams of one request name.

    Attributes
    ----------
    name : str
        Request name.
    streams, messages : int
        Streams with outcome ok, and the messages of them.
    first : TimeStats
        From the start of the request to its first message (time to first token), ms.
    gap : TimeStats
        Between one message and the next of the same stream, ms.
    rate : float or None
        Messages after the first, by the time from the first to the end of the stream: what a reader sees, per second and stream.
    """

    name: str
    streams: int
    messages: int
    first: TimeStats
    gap: TimeStats
    rate: float | None

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        return {
            "name": self.name,
            "streams": self.streams,
            "messages": self.messages,
            "rate": self.rate,
            "first": self.first.to_json(),
            "gap": self.gap.to_json(),
        }


def stream_stats(requests: pl.LazyFrame, events: pl.LazyFrame | None, *, plan: Plan) -> tuple[StreamStats, ...]:
    """Return the figures of streams by name; empty for a run without any.

    Parameters
    ----------
    requests, events : LazyFrame
        Rows of requests and of messages; see docs/streams.md.
    plan : Plan
        Says what is measured. A gap belongs to the measured time when it begins there.
    """
    if events is None:
        return ()
    good = is_measured(plan=plan) & is_ok()
    name = pl.col("name").cast(pl.String)
    streams = comparable(requests).filter(good & (pl.col("messages_in") > 0))
    begun = streams.select(
        name, first=ttfb(), messages="messages_in", read_ns=service() - ttfb()
    ).collect()  # fmt: skip
    gaps = comparable(events).filter(good & (pl.col("number") > 0)).select(name, gap=pl.col("end") - pl.col("start")).collect()
    parted = {str(key[0]): part for key, part in gaps.partition_by("name", as_dict=True).items()}
    found = []
    for key, part in sorted(begun.partition_by("name", as_dict=True).items(), key=lambda item: str(item[0][0])):
        own = str(key[0])
        messages, read_ns = int(part["messages"].sum()), int(part["read_ns"].sum())
        gap = parted[own]["gap"] if own in parted else pl.Series([], dtype=pl.Int64)
        found.append(
            StreamStats(
                name=own,
                streams=part.height,
                messages=messages,
                first=TimeStats.of(part["first"].drop_nulls().to_numpy()),
                gap=TimeStats.of(gap.to_numpy()),
                rate=(messages - part.height) / read_ns * NS_PER_S if read_ns > 0 else None,
            )
        )
    return tuple(found)
