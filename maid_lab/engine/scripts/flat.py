"""Flat loops: iterations of constant requests, which connections step without waking the user's script.

A script that does nothing but send the same requests over and over need not be asked what comes next. While every answer is plain (see
`http.head.Head.plain`), the read callback records the row and sends the next request of the loop itself; anything else, an error, a new connection, a
cookie, the end, goes through the script, which finds in `user.position` and `user.iteration_ns` where the loop stands. Worth a quarter of the
throughput of one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.engine.http.asking import Asking
    from maid_lab.engine.http.origin import Origin
    from maid_lab.engine.http.request import Request

__all__ = ["FlatLoop"]


class FlatLoop:
    """The requests of one iteration as they go over the wire to one origin.

    Parameters
    ----------
    label : int
        Label of the iteration rows.
    operations : list of Asking
        The steps in order.
    known : list of (Request, bytes, Origin)
        What each of them sends.
    """

    __slots__ = ("label", "length", "only_wire", "operations", "request_label", "requests", "wires")

    def __init__(self, label: int, operations: Sequence[Asking], known: list[tuple[Request, bytes, Origin]]) -> None:
        self.label = label
        self.length = len(operations)
        self.operations = operations
        self.requests = [request for request, _, _ in known]
        self.wires = [wire for _, wire, _ in known]
        #: What a loop of one request sends, empty for longer ones: then its row and the iteration's are written together.
        self.request_label = operations[0].label
        self.only_wire = self.wires[0] if self.length == 1 else b""
