"""Tickets for WebSockets: good once, for half a minute, for one principal and its topics."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import TooMany, Unauthorized

if TYPE_CHECKING:
    from maid_lab.services.access.principal import Principal

__all__ = ["LIFE_S", "Ticket", "Tickets"]

LIFE_S: Final = 30.0
_MOST: Final = 10_000
_MOST_OF_ONE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a ticket was good for."""

    principal: Principal
    topics: frozenset[str]
    ends_at: float


class Tickets:
    """Tickets of this process; their number is bounded.

    Parameters
    ----------
    clock : callable
        Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tickets: dict[str, Ticket] = {}
        self._lock = threading.Lock()

    def issue(self, principal: Principal, topics: Iterable[str]) -> str:
        """Return a ticket; it is shown once and kept as a hash.

        Raises
        ------
        TooMany
            If too many tickets wait to be used.
        """
        now, text = self._clock(), secrets.token_urlsafe(24)
        with self._lock:
            self._tickets = {key: ticket for key, ticket in self._tickets.items() if now < ticket.ends_at}
            own = sum(ticket.principal.id == principal.id for ticket in self._tickets.values())
            if own >= _MOST_OF_ONE or len(self._tickets) >= _MOST:
                raise TooMany(f"{own} tickets wait to be used.", hint="Use them, or ask again in half a minute.", retry_after_s=LIFE_S)
            self._tickets[_hash(text)] = Ticket(principal=principal, topics=frozenset(topics), ends_at=now + LIFE_S)
        return text

    def redeem(self, text: str) -> Ticket:
        """Return what a ticket is good for, and end it.

        Raises
        ------
        Unauthorized
            If there is none, it was used, or it is too late.
        """
        with self._lock:
            ticket = self._tickets.pop(_hash(text), None)
        if ticket is None or self._clock() >= ticket.ends_at:
            raise Unauthorized("the ticket is not valid.", hint="Ask for a new one: POST ws-ticket.", reason="ticket")
        return ticket

    def forget_key(self, key_id: str) -> None:
        """End the tickets of a key that was revoked."""
        with self._lock:
            self._tickets = {key: ticket for key, ticket in self._tickets.items() if ticket.principal.key_id != key_id}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
