"""The answer that a scenario's code sees, and the row that it may still change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maid_lab.engine.http.cookies import CookieJar
from maid_lab.engine.http.response import Response
from maid_lab.model.rows import RECORD_SIZE, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from maid_lab.engine.http.head import Head
    from maid_lab.engine.http.request import Request
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["Answer", "Headers", "RequestFailed", "write_answer"]


class Headers:
    """Headers of an answer: names whatever their case, the first value of each."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: tuple[tuple[bytes, bytes], ...]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first header of this name."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> list[str]:
        """Return all headers of this name."""
        wanted = name.lower().encode("latin-1", "replace")
        return [value.decode("utf-8", "replace") for key, value in self._pairs if key == wanted]

    def items(self) -> list[tuple[str, str]]:
        """Return names in lower case with their values, in the order of the answer."""
        return [(key.decode("latin-1"), value.decode("utf-8", "replace")) for key, value in self._pairs]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key for key, _ in self.items()))

    def __len__(self) -> int:
        return len({key for key, _ in self._pairs})

    def __repr__(self) -> str:
        return repr(dict(self.items()))


class Answer:
    """The answer to one request; a request that got none has status 0 and says why in `error`.

    It holds its row until that is written: first the code may judge it. What most answers have in common stands in the class: one is made for
    each request.
    """

    _error: str = ""
    _head: Head | None = None
    _inner: Response | None = None
    _is_written: bool = False
    _outcome: Outcome = Outcome.OK
    #: The row as the quick way packs it, or what `Recorder.record` takes.
    _packed: tuple[int, ...] | None = None
    _row: dict[str, int] | None = None
    _raw: bytes = b""
    #: The request that was answered last, after redirects; None for one that could not be written down.
    _request: Request | None = None
    _start: int = 0
    _end: int = 0

    @property
    def status(self) -> int:
        """HTTP status, 0 when there was no answer."""
        return self._head.status if self._head is not None else 0

    @property
    def ok(self) -> bool:
        """Whether the request counts as good so far."""
        return self._outcome is Outcome.OK

    @property
    def outcome(self) -> str:
        """How it ended, in one word as in the rows."""
        return self._outcome.word

    @property
    def error(self) -> str:
        """What went wrong, empty for a good one."""
        return self._error

    @property
    def elapsed(self) -> float:
        """Service time in seconds: from the start of sending (or of connecting) to the last byte."""
        return (self._end - self._start) / 1e9

    @property
    def url(self) -> str:
        """Absolute URL of the last request, after redirects."""
        return self._request.url if self._request is not None else ""

    @property
    def method(self) -> str:
        """Method of the last request, after redirects."""
        return self._request.method if self._request is not None else ""

    @property
    def headers(self) -> Headers:
        """Headers of the answer."""
        return Headers(self._head.headers if self._head is not None else ())

    @property
    def body(self) -> bytes:
        """The body without its content coding.

        Raises
        ------
        ValueError
            If the coding is unknown or broken.
        """
        return self._response.body

    @property
    def text(self) -> str:
        """The body as text by the charset of its Content-Type, UTF-8 by default."""
        return self._response.text

    def json(self) -> Any:
        """Return the body parsed as JSON.

        Raises
        ------
        ValueError
            If it is not JSON.
        """
        return self._response.json

    @property
    def title(self) -> str | None:
        """Text of the HTML title."""
        return self._response.title

    @property
    def cookies(self) -> Mapping[str, str]:
        """Cookies that this answer set, by name."""
        found: dict[str, str] = {}
        for line in self.headers.all("set-cookie"):
            jar = CookieJar()
            jar.store(line, host="", path="/")
            name = line.partition("=")[0].strip()
            value = jar.get(name)
            if value is not None:
                found[name] = value
        return found

    @property
    def _response(self) -> Response:
        inner = self._inner
        if inner is None:
            inner = self._inner = Response(self._head or _NO_HEAD, self._raw, request=self._request, service_s=self.elapsed)  # type: ignore[arg-type]
            inner.decode()
        return inner

    def __repr__(self) -> str:
        return f"<answer {self.status or self.outcome} of {self.url}, {len(self._raw)} bytes>"


class RequestFailed(Exception):
    """A request failed that was made with `raise_on_fail`; its `response` says how."""

    def __init__(self, response: Answer) -> None:
        super().__init__(response.error or response.outcome)
        self.response = response


def write_answer(lane: VirtualUser, answer: Answer) -> None:
    """Write the row of an answer: from now on the code cannot change it."""
    answer._is_written = True
    recorder, outcome, error = lane.shard.recorder, answer._outcome, answer._error
    if outcome:
        lane.failed_by(None, outcome, error)
    packed, row = answer._packed, answer._row
    if packed is not None:
        if outcome:
            *rest, _, flags = packed
            packed = (*rest, recorder.error_id(error) if error else 0, flags | outcome)
        position = recorder.position
        recorder.pack(recorder.buffer, position, *packed)
        recorder.position = position = position + RECORD_SIZE
        if position >= recorder.limit:
            recorder.flush()
    elif row is not None:
        recorder.record(**row, outcome=outcome, error=error)


def _no_head() -> Any:
    from maid_lab.engine.http.head import Head

    return Head(0, (), version="1.1")


_NO_HEAD = _no_head()
