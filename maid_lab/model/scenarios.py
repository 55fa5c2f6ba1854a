"""Scenarios in Python: what the decorators make of a function.

A scenario is an async function of one virtual user; `scenario` adds what a recipe says beside the steps. Only workers call it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine
from typing import Any, overload

from maid_lab.model.errors import InvalidInput
from maid_lab.model.function_data import FunctionData, named_sets

__all__ = [
    "HookFunction", "ScenarioFunction", "TransactionFunction", "UserFunction", "check_user_function", "scenario", "test_start", "test_stop",
    "transaction",
]  # fmt: skip

#: An async function of a user.
UserFunction = Callable[..., Coroutine[Any, Any, Any]]

_MOST_WEIGHT = 1_000_000
_PROXY = re.compile(r"http://(?:[^@/\s{}]*@)?(?:[^{}@/?#:\s\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}/?")


class ScenarioFunction:
    """A scenario: an async function of a user with its weight and times. Made by `scenario`; called, it is the function.

    Parameters
    ----------
    function : async function
        One iteration of a user.
    name : str
        Name in all results; the function's by default.
    weight : int
        Share of users among the scenarios of a run.
    think : seconds, (low, high) or mapping, optional
        Pause after each iteration, as in a recipe.
    pace : seconds or text
        Shortest time from one start of an iteration to the next.
    host : str
        Base URL of this scenario alone.
    session : str
        `user` keeps cookies for the user's life, `iteration` forgets them.
    timeout : float
        Longest time of a request in seconds, unless the request says another.
    verify : bool
        Whether certificates are checked.
    ca : str
        File with the certificate authority to trust.
    cert, key : str
        PEM files of the client's certificate and of its key, which may stand in one file.
    proxy : str
        Proxy of all its requests: `http://host:port`, or `http://user:password@host:port`; the plan keeps the address alone.
    data : data set, path, table or mapping of names to these, optional
        Rows that the code finds as `user.data`; see `function_data.data`.
    """

    #: What its iterations run instead of one function, and in which order; see `journeys.Scenario`.
    transactions: tuple[TransactionFunction, ...] = ()
    scheduler = ""
    each_loop = False

    def __init__(
        self, function: Any, *, name: str = "", weight: int = 1, think: Any = None, pace: Any = 0, host: str = "",
        session: str = "user", timeout: float = 60.0, verify: bool = True, ca: str = "", cert: str = "", key: str = "", proxy: str = "",
        data: Any = None,
    ) -> None:  # fmt: skip
        check_user_function(function, "a scenario")
        if type(weight) is not int or not 0 <= weight <= _MOST_WEIGHT:
            raise InvalidInput(f"scenario {function.__name__}: the weight {weight!r} is no whole number from 0 to {_MOST_WEIGHT}.")
        if timeout <= 0:
            raise InvalidInput(f"scenario {function.__name__}: the timeout {timeout!r} is not above 0 seconds.")
        if session not in ("user", "iteration"):
            raise InvalidInput(f"scenario {function.__name__}: the session {session!r} is neither 'user' nor 'iteration'.")
        if proxy and not _PROXY.fullmatch(proxy):
            raise InvalidInput(
                f"scenario {function.__name__}: the address of the proxy cannot be read.",
                hint="Write http://host:port, or http://user:password@host:port.",
            )
        if key and not cert:
            raise InvalidInput(f"scenario {function.__name__}: a key without a certificate is of no use.", hint="Add cert='client.pem'.")
        self.function: UserFunction = function
        self.name = name or function.__name__
        self.weight = weight
        self.think = think
        self.pace = pace
        self.host = host
        self.session = session
        self.timeout = timeout
        self.verify = verify
        self.ca = ca
        self.cert = cert
        self.key = key
        self.proxy = proxy
        self.data: dict[str, FunctionData] = named_sets(data, f"scenario {self.name}")
        self.starting: UserFunction | None = None
        self.stopping: UserFunction | None = None
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__

    def __call__(self, *arguments: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """Call the function itself."""
        return self.function(*arguments, **options)

    def __repr__(self) -> str:
        return f"<scenario {self.name}, weight {self.weight}>"

    def on_start(self, function: UserFunction) -> UserFunction:
        """Run an async function once for each user before its first iteration; a decorator."""
        check_user_function(function, f"on_start of {self.name}")
        self.starting = function
        return function

    def on_stop(self, function: UserFunction) -> UserFunction:
        """Run an async function once for each user after its last iteration, unless it was cut; a decorator."""
        check_user_function(function, f"on_stop of {self.name}")
        self.stopping = function
        return function


class TransactionFunction:
    """An async function of a user whose calls are measured as one row each. Made by `transaction`.

    Parameters
    ----------
    name : str
        Name in all results; the function's by default.
    weight : int
        Share among the transactions of a `Scenario`; 0 switches it off there.
    sequence : int, optional
        Place in a `Scenario`: groups of the same number run one after the other, those without one last.
    """

    def __init__(self, function: UserFunction, *, name: str = "", weight: int = 1, sequence: int | None = None) -> None:
        check_user_function(function, "a transaction")
        self.function = function
        self.name = name or function.__name__
        if type(weight) is not int or not 0 <= weight <= _MOST_WEIGHT:
            raise InvalidInput(f"transaction {self.name}: the weight {weight!r} is no whole number from 0 to {_MOST_WEIGHT}.")
        if sequence is not None and type(sequence) is not int:
            raise InvalidInput(f"transaction {self.name}: the sequence {sequence!r} is no whole number.")
        self.weight = weight
        self.sequence = sequence
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__

    async def __call__(self, user: Any, *arguments: Any, **options: Any) -> Any:
        """Call the function within a transaction of the user."""
        async with user.transaction(self.name):
            return await self.function(user, *arguments, **options)

    def __repr__(self) -> str:
        return f"<transaction {self.name}>"


@overload
def scenario(function: UserFunction, /) -> ScenarioFunction: ...
@overload
def scenario(
    *, name: str = ..., weight: int = ..., think: Any = ..., pace: Any = ..., host: str = ..., session: str = ..., timeout: float = ...,
    verify: bool = ..., ca: str = ..., cert: str = ..., key: str = ..., proxy: str = ..., data: Any = ...,
) -> Callable[[UserFunction], ScenarioFunction]: ...  # fmt: skip
def scenario(function: UserFunction | None = None, /, **options: Any) -> Any:
    """Make an async function a scenario, with or without options; a decorator. See `ScenarioFunction` for the options.

    Examples
    --------
    >>> @scenario(weight=3, think=(1, 3))
    ... async def browse(user):
    ...     page = await user.get("/products")
    ...     user.check(page.status == 200, "products")
    """
    if function is not None:
        return ScenarioFunction(function)
    return lambda found: ScenarioFunction(found, **options)


@overload
def transaction(function: UserFunction, /) -> TransactionFunction: ...
@overload
def transaction(*, name: str = ..., weight: int = ..., sequence: int | None = ...) -> Callable[[UserFunction], TransactionFunction]: ...
def transaction(function: UserFunction | None = None, /, **options: Any) -> Any:
    """Make an async function of a user a transaction: each call is one row, and requests within carry its name; a decorator.

    It takes `name`, and for the transactions of a `Scenario` `weight` and `sequence`.

    Examples
    --------
    >>> @transaction(name="front page")
    ... async def front(user):
    ...     await user.get("/")
    """
    if function is not None:
        return TransactionFunction(function)
    return lambda found: TransactionFunction(found, **options)


class HookFunction:
    """An async function that runs once before or after all users. Made by `test_start` and `test_stop`; called, it is the function."""

    def __init__(self, function: Any, kind: str) -> None:
        check_user_function(function, kind)
        self.function: UserFunction = function
        self.kind = kind
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__

    def __call__(self, *arguments: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """Call the function itself."""
        return self.function(*arguments, **options)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.__name__}>"


def test_start(function: UserFunction, /) -> HookFunction:
    """Run an async function of an extra user once before all others begin; a decorator.

    What it puts into its `session` is in the session of every user. If it fails, the test does not begin.
    """
    return HookFunction(function, "test_start")


def test_stop(function: UserFunction, /) -> HookFunction:
    """Run an async function of an extra user once after all others have ended; a decorator."""
    return HookFunction(function, "test_stop")


def check_user_function(function: Any, what: str) -> None:
    """Refuse what is not an async function that takes a user.

    Raises
    ------
    InvalidInput
        If it is something else.
    """
    name = getattr(function, "__name__", repr(function))
    inner = function if inspect.isfunction(function) or inspect.ismethod(function) else getattr(function, "__call__", function)  # noqa: B004
    if not inspect.iscoroutinefunction(inner):
        raise InvalidInput(f"{what} is an async function of a user, {name} is not one.", hint=f"Write it as: async def {name}(user): …")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise InvalidInput(f"{what} is called with the user alone: {name} {error}.", hint="Give further parameters a default.") from None
