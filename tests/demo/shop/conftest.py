from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.client import Reply, call

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.launch import DemoProcess

Ask = "Callable[..., Reply]"


@pytest.fixture
def calm(shop: DemoProcess) -> DemoProcess:
    """Give the session's shop as if it had just been started."""
    shop.calm()
    return shop


@pytest.fixture
def ask(calm: DemoProcess) -> Callable[..., Reply]:
    """Give a function that sends one request to the calm shop: method, path, body, headers."""

    def send(method: str, path: str, body: object = None, **headers: str) -> Reply:
        return call(calm.url, method, path, body, **headers)

    return send


@pytest.fixture
def bearer(ask: Callable[..., Reply]) -> dict[str, Any]:
    """Give the header of somebody who has just logged in."""
    token = ask("POST", "/login", {"email": "ada@example.test", "password": "demo"}).json["token"]
    return {"Authorization": f"Bearer {token}"}
