"""Frames: what the server sends; each is made into text once, however many clients read it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from maid_lab.services.bus import LOGS, METRICS, STATUS, TEST_COMPLETED, TEST_STARTED

__all__ = [
    "GAP",
    "LEVELS",
    "RECIPE_GENERATED",
    "TOPICS",
    "Frame",
    "gap_frame",
    "log_with_loss",
    "make_frame",
    "rank_of",
    "reply",
    "to_text",
]

#: `{name, title, …}` of a recipe that a generator wrote.
RECIPE_GENERATED: Final = "maid:recipe-generated"
#: Sent to one client that resumed: frames that it asked for are not kept any more. Nobody subscribes to it.
GAP: Final = "maid:gap"
#: What can be subscribed to.
TOPICS: Final = (STATUS, METRICS, LOGS, RECIPE_GENERATED, TEST_STARTED, TEST_COMPLETED)
#: Levels of log lines, the least grave first.
LEVELS: Final = ("trace", "debug", "info", "warning", "error")
_RANK: Final = {level: rank for rank, level in enumerate(LEVELS)} | {"warn": 3, "critical": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame, ready to be sent.

    Attributes
    ----------
    seq : int
        Grows by one with each frame of this server, over all topics; a later server begins higher.
    rank : int
        How grave a log line is; other frames have the highest rank.
    is_newest_only : bool
        Whether a later frame of the same topic and run makes this one worthless.
    text : str
        The frame as JSON.
    """

    topic: str
    seq: int
    run_id: str | None
    rank: int = 99
    is_newest_only: bool = False
    text: str


def make_frame(
    topic: str, seq: int, data: Any, *, run_id: str | None = None, at: datetime | None = None, is_newest_only: bool = False
) -> Frame:
    """Return a frame of a topic."""
    moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = to_text({"topic": topic, "seq": seq, "run_id": run_id, "at": moment, "data": data})
    rank = rank_of(str(data.get("level", "info"))) if topic == LOGS and isinstance(data, dict) else 99
    return Frame(topic=topic, seq=seq, run_id=run_id, rank=rank, is_newest_only=is_newest_only, text=text)


def gap_frame(topics: list[str], *, after: int, before: int) -> Frame:
    """Return the notice that frames of some topics with `after` < seq < `before` are lost for this client.

    Its own number is `after`: a client that is cut off again behind it has missed nothing that it did not miss before.
    """
    return make_frame(GAP, after, {"topics": topics, "after": after, "before": before})


def log_with_loss(frame: Frame, lost: int) -> str:
    """Return the text of a log frame that says how many were dropped before it."""
    return f'{frame.text[:-1]},"dropped":{lost}}}' if lost else frame.text


def reply(op: str, *, number: Any = None, **fields: Any) -> str:
    """Return the text of what answers one message of one client: `answer`, `error`, `subscribed`, `pong`."""
    return to_text({"op": op, "id": number, **fields})


def rank_of(level: str) -> int:
    """Return how grave a level is; words that are unknown count as info."""
    return _RANK.get(level.lower(), _RANK["info"])


def to_text(value: Any) -> str:
    """Return JSON that every client can read: ASCII, so that half a surrogate pair in a log line ends no socket, and null for what is no number."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=str)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
