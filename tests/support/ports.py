"""Ports that misbehave before any HTTP is spoken."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["free_ports", "resetting", "silent"]

_RST_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_LOOK_S: Final = 0.05


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody listens on now; connecting to one is refused."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """Give a port that listens and never accepts: connections open, since the system does that, and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def resetting() -> Iterator[int]:
    """Give a port that accepts each connection and breaks it off at once (RST)."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        server.settimeout(_LOOK_S)

        def reset_all() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
                    connection.close()

        thread = threading.Thread(target=reset_all, name="resetting port", daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            thread.join(5)
