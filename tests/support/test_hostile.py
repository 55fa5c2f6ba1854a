"""The hostile server itself, seen by raw sockets and by the standard library's client."""

from __future__ import annotations

import gzip
import http.client
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.support.cases import CASES, Case
from tests.support.hostile import HostileServer
from tests.support.wire import OK, Close, Drip, Hang, Send, chunked, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
#: http.client of Python 3.11 passes over 100 only, not over other interim answers, and waits for the chunks of a 204.
BEYOND = {"/interim-many", "/interim-apart", "/interim-chunked", "/head-interim", "/204-chunked"}
GOOD = {path: case for path, case in CASES.items() if case.body is not None and path not in BEYOND}
#: http.client takes the end of the connection for the end of the head, so this one is none for it.
CUT_SHORT = [path for path, case in CASES.items() if case.outcome == "reset" and path != "/head-cut"]


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as hostile:
        yield hostile


def connect(server: HostileServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def ask(server: HostileServer, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, gzip.decompress(body) if answer.getheader("Content-Encoding") else body
    finally:
        connection.close()


@pytest.mark.parametrize(("path", "case"), GOOD.items(), ids=GOOD)
def test_right_answers_are_read_by_an_independent_client(server: HostileServer, path: str, case: Case) -> None:
    assert ask(server, path, case.method) == (case.status, case.body)


@pytest.mark.parametrize("path", CUT_SHORT)
def test_answers_that_end_too_soon_fail_an_independent_client(server: HostileServer, path: str) -> None:
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(server, path)


def test_a_split_answer_arrives_byte_by_byte(hostile: HostileServer) -> None:
    with connect(hostile) as wire:
        wire.sendall(GET % b"/split")
        reads: list[bytes] = []
        while sum(len(read) for read in reads) < len(reply()):
            reads.append(wire.recv(65536))
    assert b"".join(reads) == reply()
    assert len(reads) > len(reply()) * 0.8


def test_interim_answers_come_before_the_right_one(hostile: HostileServer) -> None:
    with connect(hostile) as wire:
        wire.sendall(GET % b"/interim-many")
        came = b""
        while not came.endswith(OK):
            came += wire.recv(65536)
    assert [line.split()[1] for line in came.splitlines() if line.startswith(b"HTTP/1.1")] == [b"100", b"102", b"103", b"200"]


def test_an_answer_can_be_cut_anywhere(hostile: HostileServer) -> None:
    with connect(hostile) as wire:
        for at in (1, 9, 30, len(reply()) - 1):
            for _ in range(10):
                wire.sendall(GET % f"/cut/{at}".encode())
                first = wire.recv(65536)
                if len(first) == at:
                    break
                assert first == reply()  # on a busy machine both pieces may lie there by the time they are read
            assert len(first) == at
            assert first + wire.recv(65536) == reply()


def test_connections_and_requests_are_counted_exactly(hostile: HostileServer) -> None:
    with connect(hostile) as wire:
        wire.sendall(GET % b"/ok" + b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        wire.sendall(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n" + GET % b"/close")
        while wire.recv(65536):
            pass
    with connect(hostile) as wire:
        wire.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\ncut")
    hostile.settle()
    assert (hostile.connections, hostile.requests) == (2, 4)
    assert [(request.method, request.path, request.body) for request in hostile.received] == [
        ("GET", "/ok", b""),
        ("POST", "/echo", b"abc"),
        ("POST", "/echo", b"2\r\nab\r\n0\r\n\r\n"),
        ("GET", "/close", b""),
    ]
    assert hostile.heads[0] == b"GET /ok HTTP/1.1\r\nHost: x"
    hostile.forget()
    assert (hostile.connections, hostile.requests) == (0, 0)


def test_a_path_can_do_something_else_each_time(hostile: HostileServer) -> None:
    hostile.in_turn("/moody", (Send(reply(b"1")),), (Close(),), (Send(reply(b"3")),))
    assert ask(hostile, "/moody") == (200, b"1")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(hostile, "/moody")
    assert [ask(hostile, "/moody") for _ in range(2)] == [(200, b"3")] * 2


def test_a_function_may_choose_the_answer(hostile: HostileServer) -> None:
    hostile.answer("/length", lambda request: (Send(reply(str(len(request.target)).encode())),))
    assert ask(hostile, "/length?q=1234") == (200, b"14")
    assert ask(hostile, "/not-scripted") == (404, b"no such path here")


def test_redirects_follow_each_other(hostile: HostileServer) -> None:
    places = []
    for path in ("/redirect/2", "/redirect/1", "/loop"):
        connection = http.client.HTTPConnection("127.0.0.1", hostile.port, timeout=5)
        connection.request("GET", path)
        places.append(connection.getresponse().getheader("Location"))
        connection.close()
    assert places == ["/redirect/1", "/ok", "/loop"]


def test_a_hanging_answer_ends_with_the_client_or_the_server() -> None:
    with HostileServer() as hostile:
        hostile.on("/here", Send(b"HTTP"), Hang())
        with connect(hostile) as wire:
            wire.sendall(GET % b"/here")
            assert wire.recv(10) == b"HTTP"
            wire.settimeout(0.05)
            with pytest.raises(TimeoutError):
                wire.recv(1)
        left = connect(hostile)
        left.sendall(GET % b"/here")
        assert left.recv(10) == b"HTTP"
    assert left.recv(10) == b""
    left.close()


def test_it_speaks_tls() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with HostileServer(context) as hostile:
        hostile.on("/drip", Drip(chunked(b"over tls"), size=3))
        connection = http.client.HTTPSConnection("127.0.0.1", hostile.port, timeout=5, context=trusting)
        connection.request("GET", "/drip")
        assert connection.getresponse().read() == b"over tls"
        connection.close()
        assert hostile.url.startswith("https://")


def test_the_shapes_of_pieces() -> None:
    assert Drip(b"abcdef", size=4).pieces() == [b"abcd", b"ef"]
    assert Drip(b"abcdef", size=2, first=1).pieces() == [b"a", b"bc", b"de", b"f"]
