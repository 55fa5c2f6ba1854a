import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.engine.http.head import CHUNKED, UNTIL_CLOSE, Chunks, Head, cached_head, parse_head


def head_of(*lines: str) -> Head:
    return parse_head(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def test_content_length_frames_the_body_and_keeps_the_connection() -> None:
    head = head_of("HTTP/1.1 200 OK", "Content-Length: 12", "Content-Type: text/plain")
    assert (head.status, head.length, head.keep_alive, head.plain) == (200, 12, True, True)


@pytest.mark.parametrize(
    ("lines", "length", "keep_alive"),
    [
        (("HTTP/1.1 204 No Content",), 0, True),
        (("HTTP/1.1 304 Not Modified", "Content-Length: 900"), 0, True),
        (("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), CHUNKED, True),
        (("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"), CHUNKED, True),
        (("HTTP/1.1 200 OK",), UNTIL_CLOSE, True),
        (("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: close"), 1, False),
        (("HTTP/1.0 200 OK", "Content-Length: 1"), 1, False),
        (("HTTP/1.0 200 OK", "Content-Length: 1", "Connection: Keep-Alive"), 1, True),
    ],
)
def test_framing_follows_the_standard(lines: tuple[str, ...], length: int, keep_alive: bool) -> None:
    head = head_of(*lines)
    assert (head.length, head.keep_alive) == (length, keep_alive)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/9.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header line\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_what_is_no_head_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="answer"):
        parse_head(raw)


@pytest.mark.parametrize("extra", ["Set-Cookie: a=b", "Connection: close", "Transfer-Encoding: chunked"])
def test_an_answer_with_consequences_is_not_plain(extra: str) -> None:
    assert not head_of("HTTP/1.1 200 OK", *(() if "Transfer" in extra else ("Content-Length: 0",)), extra).plain


def test_errors_and_redirects_are_not_plain() -> None:
    assert not head_of("HTTP/1.1 503 Busy", "Content-Length: 0").plain
    assert not head_of("HTTP/1.1 302 Found", "Content-Length: 0", "Location: /").plain


def test_equal_bytes_give_the_same_object() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Same: yes\r\n\r\n"
    assert cached_head(raw) is None
    head = parse_head(raw)
    assert cached_head(raw) is head


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
RESERVED = {"content-length", "transfer-encoding", "connection", "upgrade", "proxy-connection"}


@given(
    status=st.integers(200, 599),
    headers=st.lists(st.tuples(TOKEN, VALUE).filter(lambda pair: pair[0].lower() not in RESERVED), max_size=6),
    length=st.integers(0, 10**9),
)
def test_heads_are_read_as_an_independent_parser_reads_them(status: int, headers: list[tuple[str, str]], length: int) -> None:
    lines = [f"{name}: {value}" for name, value in [*headers, ("Content-Length", str(length))]]
    raw = ("\r\n".join([f"HTTP/1.1 {status} Reason", *lines]) + "\r\n\r\n").encode("latin-1")
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(raw)
    expected = peer.next_event()
    assert isinstance(expected, h11.Response)
    head = parse_head(raw)
    assert (head.status, list(head.headers)) == (expected.status_code, [(bytes(n), bytes(v)) for n, v in expected.headers])


@given(body=st.binary(max_size=400), cuts=st.lists(st.integers(1, 60), max_size=20), keep=st.booleans())
def test_a_chunked_body_is_whole_however_it_is_split(body: bytes, cuts: list[int], keep: bool) -> None:
    wire, rest = b"", body
    for size in [*cuts, len(body)]:
        part, rest = rest[:size], rest[size:]
        if part:
            wire += b"%x;ext=1\r\n%s\r\n" % (len(part), part)
    wire += b"0\r\nTrailer: yes\r\n\r\n"
    chunks = Chunks(keep=keep)
    position = 0
    for size in [*cuts, len(wire)]:
        chunks.feed(wire[position : position + size])
        position += size
    assert chunks.is_complete
    assert not chunks.has_extra
    assert b"".join(chunks.body) == (body if keep else b"")


def test_bytes_behind_the_last_chunk_are_noticed() -> None:
    chunks = Chunks(keep=False)
    chunks.feed(b"0\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert (chunks.is_complete, chunks.has_extra) == (True, True)


@pytest.mark.parametrize("wire", [b"zz\r\n", b"-1\r\n\r\n", b"5\r\nhelloX"])
def test_malformed_chunks_are_an_error(wire: bytes) -> None:
    with pytest.raises(ValueError, match="chunked"):
        Chunks(keep=False).feed(wire)


def test_folded_lines_go_on_behind_a_space_and_equal_lengths_are_one() -> None:
    head = head_of("HTTP/1.1 200 OK", "X-Long: one ", "\t two", " three", "content-length: 3", "Content-Length:3", "X-Last: l")
    assert (head.get(b"x-long"), head.get(b"x-last"), head.length) == (b"one two three", b"l", 3)
    assert [name for name, _ in head.headers].count(b"content-length") == 1


@pytest.mark.parametrize("line", [" X-A: 1", "Content-Length: 3, 3", "Transfer-Encoding: chunked\r\nContent-Length: 3", " "])
def test_what_could_be_read_in_two_ways_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="answer"):
        head_of("HTTP/1.1 200 OK", line, "X-Last: l")
