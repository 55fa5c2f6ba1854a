"""What workers keep of exchanges: a row of each and failure samples unless told otherwise, requests and debug lines when asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CaptureOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """What is kept, and how much of it; each figure is for one worker.

    Attributes
    ----------
    rows : bool
        Keep a row of each request; without, there are live counts and nothing to analyse afterwards.
    samples : int
        Failed exchanges kept of each request name and outcome; 0 keeps none.
    requests : bool
        Keep head and body of every request. Each request then takes the careful way through the engine.
    debug : bool
        Keep every failed exchange, the lines of `log` steps, and what scenarios write with `debug`.
    debug_body : bool
        Keep the bodies in debug lines too.
    body_bytes : int
        Characters kept of a body; what is longer is cut and marked.
    max_bytes : int
        Bytes of requests and debug lines after which no more are kept, so that a long run cannot fill the disk.
    """

    rows: bool = True
    samples: int = 3
    requests: bool = False
    debug: bool = False
    debug_body: bool = True
    body_bytes: int = 16 * 1024
    max_bytes: int = 256 * 1024 * 1024

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON data, keyword arguments of the class."""
        return asdict(self)
