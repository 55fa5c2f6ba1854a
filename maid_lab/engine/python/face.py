"""The user as a scenario's code sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from time import monotonic_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict, Unpack

from maid_lab.engine.python.answer import Answer
from maid_lab.engine.python.call import Call, LaneWaiter, LeaveIteration
from maid_lab.engine.users.ops import think_time
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from random import Random

    from maid_lab.engine.python.runtime import Book
    from maid_lab.engine.python.user import CodeUser

__all__ = ["RequestOptions", "User"]

#: Name of the transaction that the running Task is in.
_TRANSACTION: Final[ContextVar[str]] = ContextVar("maid_lab transaction", default="")
_MOST_TEXT: Final = 300
#: What the target policy was asked for.
_METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
#: Stamps further from now than this are of another clock.
_DAY_S: Final = 86_400.0


class RequestOptions(TypedDict, total=False):
    """What a request may say beside its path; see `User.request`."""

    name: str
    params: Any
    json: Any
    form: Any
    data: str | bytes
    headers: Any
    timeout: float
    expect: Any
    redirects: int | bool
    raise_on_fail: bool


class User:
    """One virtual user.

    Everything that sends is awaited. What is not a request, such as `asyncio.sleep` or a library, is awaited as anywhere else: each user is an
    asyncio Task of its own.

    Attributes
    ----------
    session : dict
        What the user keeps from one iteration to the next; in the open model each iteration finds it as `on_start` left it.
    """

    __slots__ = ("_book", "_call", "_engine", "_program", "_section", "_transaction")

    def __init__(self, engine: CodeUser) -> None:
        self._engine = engine
        self._call = Call(engine)
        self._program: Any = None
        self._section = ""
        self._transaction = ""
        self._book: Book

    def __repr__(self) -> str:
        return f"<user {self.id} of {self.scenario}>"

    # ---- who it is

    @property
    def id(self) -> int:
        """Number of the user, from 0, over all workers."""
        return self._engine.number

    @property
    def scenario(self) -> str:
        """Name of the scenario."""
        return self._engine.program.scenario.name

    @property
    def iterations(self) -> int:
        """Iterations that this user has ended."""
        return self._engine.iteration

    @property
    def session(self) -> dict[str, Any]:
        """What the user keeps."""
        return self._engine.kept

    @property
    def random(self) -> Random:
        """Random numbers, the same for equal seed, user and iteration."""
        return self._engine.rng

    @property
    def data(self) -> dict[str, Any]:
        """Row of the scenario's data set; with several sets, their rows by name.

        Raises
        ------
        RuntimeError
            If the scenario has no data.
        """
        rows = self._engine.rows
        if not rows:
            raise RuntimeError(f"scenario {self.scenario} has no data: give it some by @maid_lab.scenario(data=maid_lab.data(…))")
        found: dict[str, Any] = rows.get("", rows)
        return found

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters of the run."""
        return dict(self._engine.scope.params)

    @property
    def is_leaving(self) -> bool:
        """Whether the user was told to leave: a long loop within an iteration may ask."""
        return self._engine.leaving

    @property
    def base_url(self) -> str:
        """Base URL of relative paths; may be set to another target of the run."""
        base = self._engine.base
        return "" if base is None else f"{base.origin!r}{base.path}"

    @base_url.setter
    def base_url(self, url: str) -> None:
        engine = self._engine
        engine.base = engine.shard.code.base(url)

    # ---- requests

    def _forget_call(self) -> None:
        """Let go of a request that the code has asked for; one that is never awaited says so."""
        self._call = Call(self._engine)

    def get(self, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send a GET request; see `request`."""
        return self._ask("GET", path, options)

    def post(self, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send a POST request; see `request`."""
        return self._ask("POST", path, options)

    def put(self, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send a PUT request; see `request`."""
        return self._ask("PUT", path, options)

    def patch(self, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send a PATCH request; see `request`."""
        return self._ask("PATCH", path, options)

    def delete(self, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send a DELETE request; see `request`."""
        return self._ask("DELETE", path, options)

    def head(self, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send a HEAD request; see `request`."""
        return self._ask("HEAD", path, options)

    def options(self, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send an OPTIONS request; see `request`."""
        return self._ask("OPTIONS", path, options)

    def request(self, method: str, path: str, **options: Unpack[RequestOptions]) -> Call:
        """Send a request when it is awaited, and return its answer.

        Parameters
        ----------
        method : str
            HTTP method.
        path : str
            Path on the base URL, or an absolute URL of a target of the run.
        name : str
            Name in all results; by default method and path, with numbers and identifiers in the path as `{id}`.
        params : mapping or pairs
            Query; a list gives its name several times.
        json, form, data
            Body: a value as JSON, fields of a form, or text or bytes as they are.
        headers : mapping or pairs
            Further headers; they win over the defaults.
        timeout : float
            Longest time in seconds.
        expect : int, str or list
            Good statuses, such as 404 or "2xx"; without it those below 400.
        redirects : int or bool
            How many redirects are followed, 10 by default.
        raise_on_fail : bool
            Raise `RequestFailed` when it fails; otherwise the answer says so, and the code goes on.

        Raises
        ------
        TypeError, ValueError
            If an option is unknown or its value wrong.
        """
        if method.upper() not in _METHODS:
            raise ValueError(f"there is no method {method!r}: a request is one of {', '.join(_METHODS)}")
        return self._ask(method.upper(), path, options)

    async def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None, *, path: str = "/graphql", **options: Unpack[RequestOptions]
    ) -> Answer:
        """Send a GraphQL query or mutation; `errors` in its answer fail the request, whatever the status."""
        raises = options.pop("raise_on_fail", False)
        name = options.setdefault("name", f"POST {path}")
        del name
        body = {"query": query} if variables is None else {"query": query, "variables": dict(variables)}
        extended: Any = {**options, "json": body, "_kind": "graphql"}
        answer = await self._ask("POST", path, extended)
        if answer.ok:
            problem = _graphql_problem(answer)
            if problem:
                self.fail(answer, problem)
        if raises and not answer.ok:
            from maid_lab.engine.python.answer import RequestFailed

            raise RequestFailed(answer)
        return answer

    def _ask(self, method: str, path: str, options: Any) -> Call:
        book = self._place()
        found = (book.constant.get(path) if not options and method == "GET" else None) or book.find(method, path, options)
        call = self._call
        if call.is_taken:
            # Either it is under way, held by whoever awaits it, or nobody will: then it says so when it goes.
            call = self._call = Call(self._engine)
        call.is_taken = True
        call.operation, call.values, call.raises = found
        return call

    def _place(self) -> Book:
        engine, transaction = self._engine, _TRANSACTION.get()
        if transaction is not self._transaction or engine.section is not self._section or engine.program is not self._program:
            program: Any = engine.program
            self._book = program.book(engine.section, transaction)
            self._program, self._section, self._transaction = program, engine.section, transaction
        return self._book

    # ---- judging

    def ok(self, response: Answer) -> None:
        """Count a request as good, whatever its status.

        Raises
        ------
        RuntimeError
            If its row is written: answers are judged before the user's next request, and within a second.
        """
        self._judge(response, Outcome.OK, "")

    def fail(self, response: Answer, reason: str) -> None:
        """Count a request as failed, with a reason; its times stay.

        Raises
        ------
        RuntimeError
            If its row is written: answers are judged before the user's next request, and within a second.
        """
        self._judge(response, Outcome.CHECK_FAILED, str(reason)[:_MOST_TEXT] or "failed")

    def check(self, condition: Any, label: str, response: Answer | None = None) -> bool:
        """Return whether a condition holds; if not, the request just answered (or `response`) counts as failed.

        Without such a request, or after its row was written, the iteration and the transaction around it fail.
        """
        if condition:
            return True
        text = f"check {label}: does not hold"[:_MOST_TEXT]
        answer = response if response is not None else self._engine.judgeable()
        if answer is None or answer._is_written:
            self._engine.failed_by(None, Outcome.CHECK_FAILED, text)
        elif answer._outcome is Outcome.OK:
            answer._outcome, answer._error = Outcome.CHECK_FAILED, text
        return False

    def abandon(self, reason: str = "") -> None:
        """End this iteration; with a reason it counts as failed."""
        raise LeaveIteration(reason) if reason else LeaveIteration

    @staticmethod
    def _judge(response: Answer, outcome: Outcome, error: str) -> None:
        if response._is_written:
            raise RuntimeError("this request is recorded already: judge an answer before the user's next request, and within a second")
        response._outcome, response._error = outcome, error

    # ---- measuring

    def transaction(self, name: str) -> _Transaction:
        """Measure what is done within `async with user.transaction(name):` as one row; its requests carry the name."""
        if not name:
            raise TypeError(f"the name of a transaction is a text that is not empty, not {name!r}")
        return _Transaction(self, self._engine, name)

    def record(
        self, name: str, start: float, end: float, *, ok: bool = True, error: str = "", status: int = -1, bytes_in: int = 0,
        bytes_out: int = 0,
    ) -> None:  # fmt: skip
        """Record something that the code did itself as a row of kind `custom`.

        Parameters
        ----------
        name : str
            Name in all results.
        start, end : float
            When it began and ended, in seconds of `time.monotonic()` (or `time.perf_counter()`).
        ok : bool
            Whether it went well; if not, `error` says why.
        status, bytes_in, bytes_out : int
            As for requests.

        Raises
        ------
        ValueError
            If the times are not of that clock, or in the wrong order.
        """
        now = time.monotonic()
        if not now - _DAY_S <= start <= end <= now + 1.0:
            raise ValueError(f"record {name!r}: start and end are seconds of time.monotonic(), in this order; it is {now:.3f} now")
        engine = self._engine
        outcome = Outcome.OK if ok else Outcome.CHECK_FAILED
        begin_ns, end_ns = int(start * 1e9), int(end * 1e9)
        engine.shard.recorder.record(
            label=self._place().label(name, kind="custom"), user=engine.number, iteration=engine.iteration, intended=begin_ns, start=begin_ns,
            end=end_ns, outcome=outcome, flags=engine.flags, status=status, bytes_in=bytes_in, bytes_out=bytes_out,
            error="" if ok else str(error or "failed")[:_MOST_TEXT],
        )  # fmt: skip
        if not ok:
            engine.failed_by(None, outcome, str(error or "failed")[:_MOST_TEXT])

    def debug(self, tag: str, response: Answer | None = None) -> None:
        """Write a line into the debug log, with the request and its answer; nothing when nobody asked for that log."""
        request = response._request if response is not None else None
        text = (request.lines + request.tail).decode("utf-8", "replace") if request is not None else ""
        head = ""
        if response is not None and response._head is not None:
            head = "\n".join([f"HTTP {response.status}", *(f"{name}: {value}" for name, value in response.headers.items())])
        self._engine.shard.debug(tag, self._engine, text, head, _readable(response) if response is not None else b"")

    def log(self, message: str, *, level: str = "info") -> None:
        """Write a line into the run's log."""
        self._engine.shard.log(level, str(message))

    # ---- time and the end

    async def think(self, low: float, high: float | None = None, *, dist: str = "uniform") -> None:
        """Do nothing for a drawn time, in seconds; it does not count as part of a transaction.

        Parameters
        ----------
        low, high : float
            Bounds; without `high` the time is `low`.
        dist : str
            uniform, normal or exponential, as in recipes.
        """
        engine = self._engine
        seconds = think_time(engine, float(low), float(low if high is None else high), dist if high is not None else "constant")
        if engine.leaving_now or engine.is_cut:
            raise asyncio.CancelledError
        lane = engine.lane()
        if seconds <= 0:
            return
        duration = int(seconds * 1e9)
        engine.has_waited = True
        engine.think_ns += duration
        pause = lane.call = LaneWaiter(engine.shard.loop)
        pause.lane = lane
        lane.timer = engine.shard.timers.at(monotonic_ns() + duration, lane._wake, lane.life)
        await pause

    def stop_test(self, reason: str) -> None:
        """End the whole test, with a reason; no request starts later than the next snapshot, a tenth of a second."""
        self._engine.shard.end_run(str(reason), failed=False)


class _Transaction:
    """A transaction as an async context."""

    __slots__ = ("_engine", "_face", "_name", "_outer", "_start", "_thought", "_token")

    def __init__(self, face: User, engine: CodeUser, name: str) -> None:
        self._face = face
        self._engine = engine
        self._name = name
        self._token: Token[str]

    async def __aenter__(self) -> Self:
        engine = self._engine
        engine.settle()
        self._outer, engine.failure = engine.failure, None
        self._thought = engine.think_ns
        self._token = _TRANSACTION.set(self._name)
        self._start = monotonic_ns()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        engine = self._engine
        end = monotonic_ns()
        engine.settle()
        _TRANSACTION.reset(self._token)
        if kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit):
            outcome, text = (Outcome.ABORTED, "") if engine.leaving_now or engine.is_cut else engine.verdict(Outcome.CHECK_FAILED)
        elif error is not None:
            engine.failed_by(None, Outcome.CHECK_FAILED, f"{type(error).__name__}: {error}"[:_MOST_TEXT])
            outcome, text = engine.verdict(Outcome.CHECK_FAILED)
        else:
            outcome, text = engine.verdict(Outcome.OK)
        thought = engine.think_ns - self._thought
        label = self._face._place().label(self._name, kind="transaction")
        engine.record(label, start=self._start, end=max(end - thought, self._start), outcome=outcome, error=text)
        engine.failure = self._outer or engine.failure


def _graphql_problem(answer: Answer) -> str:
    try:
        data = answer.json()
    except ValueError as error:
        return f"GraphQL: {error}"
    errors = data.get("errors") if isinstance(data, dict) else None
    if not errors:
        return "" if isinstance(data, dict) else "GraphQL: the answer is no object"
    first = errors[0] if isinstance(errors, list) else errors
    message = first.get("message") if isinstance(first, dict) else first
    return f"GraphQL: {message}"[:_MOST_TEXT]


def _readable(response: Answer) -> bytes:
    try:
        return response.body
    except ValueError:
        return response._raw
