from __future__ import annotations

import os
import socket
import ssl
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.support.nginx import BODY

if TYPE_CHECKING:
    from maid_lab.demo.launch import DemoProcess
    from tests.support.nginx import Nginx


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_free_port_refuses(free_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(free_port)


def test_a_silent_port_takes_connections_and_says_nothing(silent_port: int) -> None:
    with connect(silent_port) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wire.settimeout(0.05)
        with pytest.raises(TimeoutError):
            wire.recv(1)


def test_a_resetting_port_breaks_off_each_connection(resetting_port: int) -> None:
    for _ in range(3):  # the break may come so early that connecting itself tells of it
        with pytest.raises(ConnectionResetError), connect(resetting_port) as wire:
            wire.recv(1)


def test_nginx_serves_plain_and_tls_and_counts(nginx: Nginx) -> None:
    before = nginx.requests()
    context = ssl.create_default_context(cafile=str(nginx.ca))
    with urllib.request.urlopen(nginx.plain, timeout=5) as plain, urllib.request.urlopen(nginx.tls, timeout=5, context=context) as tls:
        assert (plain.read().decode(), tls.read().decode()) == (BODY, BODY)
    with urllib.request.urlopen(f"{nginx.plain}/file", timeout=5) as answer:
        assert len(answer.read()) == 65536
    assert nginx.requests() - before == 3 + 1  # the first question was a request too


def test_the_shop_of_the_session_can_be_calmed(shop: DemoProcess) -> None:
    shop.switch(errors=1)
    shop.calm()
    with urllib.request.urlopen(f"{shop.url}/products/SKU-0001", timeout=5) as answer:
        assert answer.status == 200
    assert shop.stats()["served"]["routes"] == {"GET /products/{sku}": 1}
    assert shop.pid != os.getpid()
