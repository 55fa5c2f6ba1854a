"""Idempotency keys: an unsafe request that is sent twice acts once."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from maid_lab.server.problems import Fault

__all__ = ["Answers", "StoredAnswer"]

_KEPT: Final = 1024
_KEPT_BYTES: Final = 8 * 2**20
_KEPT_S: Final = 86_400.0
_LONGEST_KEY: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer as it was sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Entry:
    digest: bytes
    at: float
    answer: StoredAnswer | None = None


class Answers:
    """Answers to requests with an idempotency key, in memory, of one day and bounded in number and size.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, ...], _Entry] = OrderedDict()
        self._bytes = 0

    def begin(self, owner: tuple[str, ...], key: str, payload: bytes) -> StoredAnswer | None:
        """Return the stored answer, or None when the request is to be carried out: then `end` must follow.

        Parameters
        ----------
        owner : tuple of str
            Credential, verb and path: keys of one owner say nothing to another.

        Raises
        ------
        Fault
            422 for a key that cannot be used or was used for another request, 409 while the first one is being carried out.
        """
        if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable():
            raise Fault(422, "invalid-input", "the Idempotency-Key is empty, too long or not printable.", hint="Send a UUID.")
        self._forget()
        place, digest = (*owner, key), hashlib.sha256(payload).digest()
        entry = self._entries.get(place)
        if entry is None:
            self._entries[place] = _Entry(digest, self._clock())
            return None
        if entry.digest != digest:
            raise Fault(422, "idempotency-key-reused", "this Idempotency-Key was used for another request.", hint="Send a new key.")
        if entry.answer is None:
            raise Fault(409, "conflict", "the first request with this Idempotency-Key is being carried out.", hint="Try again soon.")
        return entry.answer

    def end(self, owner: tuple[str, ...], key: str, answer: StoredAnswer | None) -> None:
        """Keep the answer of a request that was carried out; None, after one that failed, lets it be tried again."""
        place = (*owner, key)
        entry = self._entries.get(place)
        if entry is None:
            return
        if answer is None:
            del self._entries[place]
            return
        entry.answer = answer
        self._bytes += len(answer.body)

    def _forget(self) -> None:
        oldest_kept = self._clock() - _KEPT_S
        while self._entries:
            place, entry = next(iter(self._entries.items()))
            if entry.at >= oldest_kept and len(self._entries) < _KEPT and self._bytes < _KEPT_BYTES:
                return
            del self._entries[place]
            self._bytes -= len(entry.answer.body) if entry.answer is not None else 0
