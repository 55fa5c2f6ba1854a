"""Frames of before, for clients that come back."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from maid_lab.server.sockets.frames import TOPICS, gap_frame
from maid_lab.services.bus import LOGS, METRICS, STATUS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from maid_lab.server.sockets.frames import Frame

__all__ = ["History"]

# All that is replayed at once fits into one outbox, otherwise who comes back would be closed again.
_KEPT: Final[dict[str, int]] = {STATUS: 100, LOGS: 1000}
_KEPT_OTHERWISE: Final = 100


class History:
    """The last frames of each topic.

    Parameters
    ----------
    first_seq : int
        Number before the first frame of this server; who has an older one comes from another server.
    kept : mapping of str to int
        Frames that are kept, by topic.
    """

    def __init__(self, first_seq: int = 0, kept: Mapping[str, int] = _KEPT) -> None:
        self._rings: dict[str, deque[Frame]] = {topic: deque(maxlen=kept.get(topic, _KEPT_OTHERWISE)) for topic in TOPICS}
        self._newest: dict[str, Frame] = {}
        #: Newest frame of each topic that is not kept any more.
        self._lost = dict.fromkeys(TOPICS, first_seq)

    def add(self, frame: Frame) -> None:
        """Keep a frame; of those that later ones make worthless only the newest."""
        if frame.topic in (STATUS, METRICS):
            self._newest[frame.topic] = frame
        if frame.is_newest_only:
            return
        ring = self._rings[frame.topic]
        if ring and len(ring) == ring.maxlen:
            self._lost[frame.topic] = ring[0].seq
        ring.append(frame)

    def newest(self, topics: Collection[str], run_id: str | None = None) -> list[Frame]:
        """Return what a client sees first: the newest status and metrics."""
        frames = [frame for topic, frame in self._newest.items() if topic in topics and run_id in (None, frame.run_id)]
        return sorted(frames, key=lambda frame: frame.seq)

    def after(self, last_seq: int, topics: Collection[str], run_id: str | None = None, rank: int = 0) -> list[Frame]:
        """Return what a client missed since the frame `last_seq`, in order; the first is a notice when some of it is not kept any more."""
        # Of metrics nobody misses anything but the newest.
        gone = {topic: self._lost[topic] for topic in topics if topic != METRICS and self._lost[topic] > last_seq}
        frames = {
            frame.seq: frame
            for topic in topics
            for frame in (*self._rings[topic], *([self._newest[topic]] if topic in self._newest else []))
            if frame.seq > last_seq and run_id in (None, frame.run_id) and frame.rank >= rank
        }
        missed = [frames[seq] for seq in sorted(frames)]
        if not gone:
            return missed
        lost = max(gone.values())
        return [gap_frame(sorted(gone), after=last_seq, before=lost + 1), *missed]
