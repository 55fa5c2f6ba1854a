"""A scenario in Python as a program: the life of its users is that of recipes, with a function where these have steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maid_lab.engine.python.loading import load_scenario
from maid_lab.engine.python.runtime import Book
from maid_lab.engine.python.user import Run
from maid_lab.engine.scripts.program import Program
from maid_lab.engine.users.ops import Abandon, Cut, EndUser
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maid_lab.engine.python.runtime import CodeRuntime
    from maid_lab.engine.scripts.program import Script
    from maid_lab.engine.scripts.steps import StepCompiler
    from maid_lab.engine.users.data import DataFeed
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Plan, Scenario
    from maid_lab.model.scenarios import TransactionFunction, UserFunction
    from maid_lab.model.transaction_order import TransactionOrder

__all__ = ["PythonProgram"]


class PythonProgram(Program):
    """A scenario whose iterations are calls of an async function.

    Parameters
    ----------
    scenario : Scenario
        The scenario of the plan, with its code.
    plan, feeds, compiler
        As for recipes.
    runtime : CodeRuntime
        What the Python scenarios of the worker share.
    section : str
        Of its rows: `setup` and `teardown` for what runs once.

    Raises
    ------
    InvalidInput
        If the function cannot be loaded.
    """

    def __init__(
        self,
        scenario: Scenario,
        plan: Plan,
        feeds: dict[str, DataFeed],
        compiler: StepCompiler,
        runtime: CodeRuntime,
        *,
        section: str = "scenario",
    ) -> None:
        super().__init__(scenario, plan, feeds, compiler)
        if scenario.code is None:
            raise ValueError(f"scenario {scenario.name} has no code")
        function = load_scenario(scenario.code)
        self._runtime = runtime
        self._function = function
        order = self._order
        self._main = Run(function.function if order is None else _all_of(function.transactions, order), section)
        #: The transactions, where there is something between them.
        self._parts = [Run(each) for each in function.transactions] if order is not None and scenario.think is not None else None
        self._starting = Run(function.starting, "on_start") if function.starting is not None else None
        self._stopping = Run(function.stopping, "on_stop") if function.stopping is not None else None
        self._books: dict[tuple[str, str], Book] = {}
        self._flat = None
        self._keys = {name: key for key, name in scenario.code.data}
        self.has_farewell = self._stopping is not None

    def only(self, user: Any, done: Callable[[str], None]) -> Script:
        """Run the function once, as setup or teardown; `done` is told what went wrong, or nothing."""
        end = yield self._main
        failure = user.failure
        done(failure[1] if failure is not None else "it was cut" if isinstance(end, Cut) else "")

    def book(self, section: str, transaction: str) -> Book:
        """Return the requests known of one place of the scenario."""
        book = self._books.get((section, transaction))
        if book is None:
            book = Book(self._runtime, self.scenario, self._function, section=section, transaction=transaction)
            self._books[section, transaction] = book
        return book

    def closed(self, user: Any, may_iterate: Callable[[VirtualUser], bool], pace_ns: int) -> Script:
        """Life of a user in the closed model; where there is nothing between iterations, the Task goes through them by itself."""
        if self._think is not None or self._feeds or self.scenario.session != "user" or max(pace_ns, self.pace_ns):
            yield from super().closed(user, may_iterate, pace_ns)
            return
        try:
            yield from self.starting(user)
            yield Run(self._main.function, may_iterate=may_iterate)
        except EndUser:
            pass
        except GeneratorExit:
            if user.is_iterating:
                user.is_iterating = False
                user.record(self.label, start=user.iteration_ns, end=max(user.ready_ns, user.iteration_ns), outcome=Outcome.ABORTED)
                user.iteration += 1
            raise
        finally:
            user.failure = None
        yield from self.stopping(user)

    def _begin(self, user: Any) -> None:
        super()._begin(user)
        if self._keys or user.rows:
            user.rows = {key: user.scope.data[name] for name, key in self._keys.items()}

    def _body(self, user: Any) -> Script:
        if self._parts is not None and self._order is not None:
            yield from self._parted(user, [self._parts[index] for index in self._order(user.number, user.iteration)])
            return
        end = yield self._main
        if end is not None:
            raise end
        if self._think is not None and not (yield self._think):
            raise Cut

    def _parted(self, user: Any, parts: list[Run]) -> Script:
        """Run transactions with think time behind each."""
        for part in parts:
            end = yield part
            if end is not None:
                raise end
            if not (yield self._think):
                raise Cut

    def starting(self, user: Any) -> Script:
        """Run on_start: what it keeps in the session lives as long as the user.

        Raises
        ------
        EndUser
            If it failed.
        """
        if self._starting is None:
            return
        ahead = ((self._keys[name], feed.row_ahead(user)) for name, feed in self._feeds)
        user.rows = {key: row for key, row in ahead if row is not None}
        end = yield self._starting
        if end is not None:
            raise end if isinstance(end, EndUser) else EndUser

    def stopping(self, user: Any) -> Script:
        """Run on_stop: also at a graceful stop, within its deadline; who is cut does not come here."""
        if self._stopping is None:
            return
        user.leaving_now = False
        end: Abandon | None = yield self._stopping
        user.failure = None
        del end


def _all_of(transactions: Sequence[TransactionFunction], order: TransactionOrder) -> UserFunction:
    """Return a function that runs transactions one after the other, in the order of a user and iteration."""

    async def play(user: Any) -> None:
        for index in order(user.id, user.iterations):
            await transactions[index](user)

    return play
