"""What the Python scenarios of a worker share: requests known so far, labels made while running, errors already told."""

from __future__ import annotations

import marshal
import re
import traceback
import warnings
from asyncio import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.python.operation import CodeOperation
from maid_lab.engine.python.template import Values, values_of
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.plan import HttpStep, Label, Timeouts, Tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.engine.http.origin import Base
    from maid_lab.engine.python.user import CodeUser
    from maid_lab.engine.users.context import WorkerContext
    from maid_lab.model.plan import Scenario
    from maid_lab.model.scenarios import ScenarioFunction

__all__ = ["Book", "CodeRuntime"]

#: Constant requests remembered by each place of a scenario.
_MOST_CONSTANT: Final = 4096
#: Keys of requests that were made once.
_MOST_SEEN: Final = 16_384
#: Longest key that is remembered: large bodies are encoded each time.
_LONGEST_KEY: Final = 4096
_MOST_TRACEBACKS: Final = 5
_MOST_WARNINGS: Final = 20
_OPTIONS: Final = ("data", "expect", "form", "headers", "json", "name", "params", "raise_on_fail", "redirects", "timeout")
_VARIABLE: Final = re.compile(r"(?:\d+|[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_NO_STATUS: Final[frozenset[int]] = frozenset()


class CodeRuntime:
    """Shared by all Python scenarios of a worker.

    Parameters
    ----------
    shard : WorkerContext
        The worker's part of the run.
    face_of : callable
        Makes what the code gets to see of a user.
    """

    def __init__(self, shard: WorkerContext, face_of: Callable[[CodeUser], Any]) -> None:
        self.shard = shard
        self.face_of = face_of
        self.captures = shard.capture is not None and shard.capture.options.requests
        #: Users whose Task lives.
        self.users: set[CodeUser] = set()
        self._bases: dict[str, Base] = {}
        self._told: set[tuple[str, str, int]] = set()
        self._warned_of: set[tuple[str, str, int]] = set()
        shard.loop.set_exception_handler(self._unheard)
        self._show_warning = warnings.showwarning
        warnings.showwarning = self._warned

    def report(self, scenario: str, error: BaseException) -> None:
        """Write an exception of a scenario's code into the run's log, with file and line; each place once, and few in all."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/maid_lab/engine/" not in frame.filename]
        last = frames[-1] if frames else None
        place = (type(error).__name__, last.filename if last else "", last.lineno or 0 if last else 0)
        if place in self._told or len(self._told) >= _MOST_TRACEBACKS:
            return
        self._told.add(place)
        where = f" at {place[1]}:{place[2]}" if last else ""
        lines = "".join(traceback.format_list(frames)).rstrip()
        self.shard.log("error", f"scenario {scenario}: {type(error).__name__}: {error}{where}\n{lines}")

    def forgotten(self, operation: CodeOperation) -> None:
        """Warn of a request that nobody awaited; each name once, and few in all."""
        label = self.shard.label(operation.label)
        self._warn(
            (label.scenario, label.name, 0),
            f"scenario {label.scenario}: the request {label.name} was made without await and never sent. Write: await user.{label.method.lower()}(…)",
        )

    def _warned(
        self, message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: str | None = None
    ) -> None:
        """Hear of coroutines that nobody awaited, such as `user.graphql`; Python says so when they go."""
        text = str(message)
        if issubclass(category, RuntimeWarning) and text.endswith("was never awaited"):
            self._warn((text, filename, lineno), f"{text}: nothing of it was done ({filename}:{lineno}). Write await before its call.")
        else:
            self._show_warning(message, category, filename, lineno, file, line)

    def _warn(self, place: tuple[str, str, int], text: str) -> None:
        if place in self._warned_of or len(self._warned_of) >= _MOST_WARNINGS:
            return
        self._warned_of.add(place)
        # Objects may go in any thread.
        with suppress(RuntimeError):
            self.shard.loop.call_soon_threadsafe(self.shard.log, "warning", text)

    def _unheard(self, _loop: Any, context: dict[str, Any]) -> None:
        """Report what no code waits for, such as the end of a Task that a scenario left behind; being cut is no news."""
        error = context.get("exception")
        if error is None:
            self.shard.log("warning", str(context.get("message", "")))
        elif not isinstance(error, CancelledError):
            self.report("(a task of its own)", error)

    def base(self, url: str) -> Base:
        """Return the base of a URL, the same object for equal ones.

        Raises
        ------
        MaidError
            If it is malformed, or its host is not a target of the plan.
        """
        base = self._bases.get(url)
        if base is None:
            base = self._bases[url] = self.shard.origins.base(url)
        return base

    def write_old_rows(self, now: int) -> None:
        """Write rows that no code has changed for a second."""
        for user in tuple(self.users):
            user.write_old_rows(now)


class Book:
    """The requests of one place: a section and transaction of a scenario. The second equal request is a dictionary look-up.

    Parameters
    ----------
    runtime : CodeRuntime
        What all share.
    scenario : Scenario
        Of the plan.
    function : ScenarioFunction
        For the defaults of its requests.
    section, transaction : str
        The place.
    """

    def __init__(self, runtime: CodeRuntime, scenario: Scenario, function: ScenarioFunction, *, section: str, transaction: str) -> None:
        self._runtime = runtime
        self._scenario = scenario
        self._section = section
        self._transaction = transaction
        self._tls = Tls(verify=function.verify, ca=function.ca, cert=function.cert, key=function.key)
        # Of the function, which knows its credentials; its host is one that the plan was admitted with, or it is refused.
        self._proxy = function.proxy
        self._timeout_s = scenario.code.timeout_s if scenario.code is not None and scenario.code.timeout_s else function.timeout
        self._seen: set[Any] = set()
        self._kinds: dict[Any, CodeOperation] = {}
        self._labels: dict[tuple[str, str, str], int] = {}
        #: Constant requests: by path for plain GETs, else by method, path and options.
        self.constant: dict[Any, tuple[CodeOperation, Values | None, bool]] = {}

    def find(self, method: str, path: str, options: dict[str, Any]) -> tuple[CodeOperation, Values | None, bool]:
        """Return the operation of a request, what it sends unless the operation knows, and whether a failure raises.

        Raises
        ------
        TypeError, ValueError
            If an option is unknown or has a wrong value.
        """
        key: Any = path if method == "GET" and not options else None
        if key is None:
            try:
                key = (method, path, marshal.dumps(options, 2))
            except ValueError:
                key = None
        found = self.constant.get(key)
        return found if found is not None else self._make(key, method, path, options)

    def label(self, name: str, *, kind: str = "http", method: str = "", url: str = "") -> int:
        """Return the label of a name in this place, made when it is new."""
        known = (name, kind, method)
        number = self._labels.get(known)
        if number is None:
            transaction = "" if kind == "transaction" else self._transaction
            label = Label(
                scenario=self._scenario.name, transaction=transaction, name=name, kind=kind, method=method, url=url,
                section=self._section, tags=self._scenario.tags,
            )  # fmt: skip
            number = self._labels[known] = self._runtime.shard.label_id(label)
        return number

    def _make(self, key: Any, method: str, path: str, options: dict[str, Any]) -> tuple[CodeOperation, Values | None, bool]:
        if not isinstance(path, str):
            raise TypeError(f"the path of a request is text, not {type(path).__name__}")
        for name in options:
            if name not in _OPTIONS and name != "_kind":
                raise TypeError(f"a request has no option {name!r}. {did_you_mean(name, _OPTIONS)}")
        kind = options.get("_kind", "http")
        values = values_of(
            path, params=options.get("params"), headers=options.get("headers"), json_=options.get("json"), form=options.get("form"),
            data=options.get("data"),
        )  # fmt: skip
        raises = bool(options.get("raise_on_fail", False))
        judged = (method, _name_of(method, path, options), _statuses(options.get("expect")), *_limits(options, self._timeout_s), kind)
        if key is None or len(repr(key)) > _LONGEST_KEY:
            return self._kind(judged, path, None), values, raises
        if key in self._seen:
            if len(self.constant) >= _MOST_CONSTANT:
                self.constant.clear()
            made = self.constant[key] = (self._kind(judged, path, values), None, raises)
            return made
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(key)
        return self._kind(judged, path, None), values, raises

    def _kind(self, judged: tuple[Any, ...], path: str, values: Values | None) -> CodeOperation:
        if values is None and judged in self._kinds:
            return self._kinds[judged]
        method, name, (expect, said), timeout_s, redirects, kind = judged
        label = self.label(name, kind=kind, method=method, url=_template_of(path))
        step = HttpStep(
            label=label, method=method, url="", timeouts=Timeouts(total_s=timeout_s), redirects=redirects, tls=self._tls, proxy=self._proxy
        )
        operation = CodeOperation(step, values, expect=expect, said=said, captures=self._runtime.captures)
        if values is None:
            if len(self._kinds) >= _MOST_CONSTANT:
                self._kinds.clear()
            self._kinds[judged] = operation
        return operation


def _name_of(method: str, path: str, options: dict[str, Any]) -> str:
    name = options.get("name")
    if name is None:
        return f"{method} {_template_of(path)}"
    if not isinstance(name, str) or not name:
        raise TypeError(f"the name of a request is a text that is not empty, not {name!r}")
    return name


def _template_of(path: str) -> str:
    """Return a path without its query, with numbers and identifiers as `{id}`, so that one page is one name."""
    scheme, slashes, rest = path.rpartition("://")
    bare = rest.partition("?")[0].partition("#")[0]
    host, slash, tail = bare.partition("/") if slashes else ("", "", bare)
    shown = "/".join("{id}" if _VARIABLE.fullmatch(part) else part for part in tail.split("/"))
    return f"{scheme}{slashes}{host}{slash}{shown}" if slashes else shown if shown.startswith("/") else f"/{shown}"


def _statuses(expect: Any) -> tuple[frozenset[int], str]:
    """Return the statuses that are good, none for those below 400, and how they are said."""
    if expect is None:
        return _NO_STATUS, ""
    given = expect if isinstance(expect, list | tuple | set | frozenset | range) else (expect,)
    found: set[int] = set()
    for item in given:
        if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599:
            found.add(item)
        elif isinstance(item, str) and re.fullmatch(r"[1-5]xx", item):
            found |= set(range(int(item[0]) * 100, int(item[0]) * 100 + 100))
        else:
            raise ValueError(f"expect is a status such as 200, a class such as '2xx', or a list of these, not {item!r}")
    return frozenset(found), " or ".join(str(item) for item in given)


def _limits(options: dict[str, Any], timeout_s: float) -> tuple[float, int]:
    timeout = options.get("timeout")
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
            raise ValueError(f"timeout is a number of seconds above 0, not {timeout!r}")
        timeout_s = float(timeout)
    redirects = options.get("redirects", 10)
    if isinstance(redirects, bool):
        redirects = 10 if redirects else 0
    if not isinstance(redirects, int) or redirects < 0:
        raise ValueError(f"redirects is how many are followed, or False, not {redirects!r}")
    return timeout_s, redirects
