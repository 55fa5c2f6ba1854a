"""A scenario compiled to generator functions: what a virtual user does, step by step."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.http.operation import HttpOperation
from maid_lab.engine.scripts.flat import FlatLoop
from maid_lab.engine.scripts.steps import StepCompiler, run_steps, stop_for
from maid_lab.engine.users.ops import TURN, Abandon, Cut, EndRun, EndUser, Until
from maid_lab.model.dealing import sets_of
from maid_lab.model.planning.walks import requests_in
from maid_lab.model.rows import Outcome
from maid_lab.model.transaction_order import TransactionOrder

if TYPE_CHECKING:
    from maid_lab.engine.http.origin import Base
    from maid_lab.engine.users.data import DataFeed
    from maid_lab.engine.users.user import VirtualUser
from maid_lab.model.plan import Plan, Scenario

__all__ = ["Program", "Script", "stays"]

Script = Generator[Any, Any, None]

_NS: Final = 1_000_000_000
_WELL: Final = (Outcome.OK, "")


class Program:
    """A compiled scenario.

    Parameters
    ----------
    scenario : Scenario
        The scenario of the plan.
    plan : Plan
        For its seed.
    feeds : mapping of str to DataFeed
        Data sets by name.
    compiler : StepCompiler
        Compiles the steps.
    """

    def __init__(self, scenario: Scenario, plan: Plan, feeds: dict[str, DataFeed], compiler: StepCompiler) -> None:
        self.scenario = scenario
        self.label = scenario.label
        self.pace_ns = int(scenario.pace_s * _NS)
        self._on_start = compiler.items(scenario.on_start)
        self._on_stop = compiler.items(scenario.on_stop)
        self._items = compiler.items(scenario.steps)
        self._think = compiler.pause(scenario.think) if scenario.think is not None else None
        self._order = TransactionOrder(scenario, plan.seed) if scenario.scheduler else None
        self._default_feed = feeds.get(scenario.data)
        read = sets_of(scenario)
        self._feeds = [(name, feed) for name, feed in feeds.items() if name in read]
        self.has_farewell = bool(self._on_stop)
        #: Whether connections end with the iteration.
        self._closes = any(step.reuse == "iteration" for step in requests_in(scenario))
        self._flat = self._flat_operations(scenario)
        self._leaps: dict[Base | None, FlatLoop | None] = {}

    def _flat_operations(self, scenario: Scenario) -> list[HttpOperation] | None:
        operations = [item.operation for item in self._items if item.when is None and isinstance(item.operation, HttpOperation)]
        is_flat = len(operations) == len(self._items) and all(operation.is_constant for operation in operations)
        plain = (
            self._think is None
            and not scenario.scheduler
            and not self._feeds
            and not self._on_stop
            and scenario.session == "user"
            and not self._closes
        )
        return operations if is_flat and plain else None

    # ---- scripts

    def closed(self, user: VirtualUser, may_iterate: Callable[[VirtualUser], bool], pace_ns: int) -> Script:
        """Life of a user in the closed model: on_start, iterations until it is told to leave, on_stop."""
        pace_ns = max(pace_ns, self.pace_ns)
        try:
            yield from self.starting(user)
            if self._flat is not None and not pace_ns:
                yield from self._loop_flat(self._flat, user, may_iterate, may_leap=may_iterate is stays)
                return
            while may_iterate(user):
                began = user.ready_ns
                yield from self.iteration(user)
                if user.ready_ns == began:
                    # Nothing took time: without this the worker would hear of nothing else any more.
                    yield TURN
                if pace_ns and not user.leaving and user.ready_ns < began + pace_ns and not (yield Until(began + pace_ns)):
                    break
        except EndRun as end:
            user.shard.end_run(end.reason)
        except EndUser:
            pass
        except ValueError as error:
            user.shard.log("error", f"user {user.number} of {self.scenario.name} could not start: {error}")
        finally:
            user.failure = None
            user.flat = None
        yield from self.stopping(user)

    def preparation(self, user: VirtualUser) -> Script:
        """Run on_start of a user in the open model."""
        try:
            yield from self.starting(user)
        except Cut:
            user.leaving = True
        except (EndUser, ValueError) as error:
            user.shard.log("error", f"a user of {self.scenario.name} could not start: {str(error) or 'a step failed'}")
            user.leaving = True

    def visit(self, user: VirtualUser) -> Script:
        """One iteration of a user in the open model."""
        try:
            yield from self.iteration(user)
        except EndRun as end:
            user.shard.end_run(end.reason)
        except EndUser:
            user.leaving = True

    def farewell(self, user: VirtualUser) -> Script:
        """Run on_stop of a user in the open model."""
        yield from self.stopping(user)

    def iteration(self, user: VirtualUser) -> Script:
        """One loop through the scenario, recorded as one row."""
        start = user.iteration_ns = user.ready_ns
        user.failure = None
        outcome, error = Outcome.ABORTED, ""
        try:
            self._begin(user)
            yield from self._body(user)
            outcome, error = user.verdict(Outcome.OK)
        except Cut:
            raise
        except Abandon as end:
            outcome, error = user.verdict(Outcome.CHECK_FAILED)
            if isinstance(end, EndUser):
                raise
        except ValueError as problem:
            outcome, error = Outcome.EXTRACT_MISS, str(problem)
        finally:
            user.record(self.label, start=start, end=max(user.ready_ns, start), outcome=outcome, error=error)
            user.iteration += 1
            if self._closes:
                user.close_connections()

    def once(self, user: VirtualUser, done: Callable[[str], None]) -> Script:
        """Run setup or teardown: the steps once, then `done` with an empty text or what went wrong."""
        error = ""
        try:
            yield from run_steps(self._items, user)
        except EndRun as end:
            error = end.reason
        except Abandon:
            error = user.failure[1] if user.failure else "it was cut"
        except ValueError as problem:
            error = str(problem)
        done(error)

    # ---- parts

    def _loop_flat(
        self, operations: list[HttpOperation], user: VirtualUser, may_iterate: Callable[[VirtualUser], bool], *, may_leap: bool
    ) -> Script:
        """Loop over nothing but requests: the general way without what they do not need.

        With `may_leap` the connection may go through whole iterations by itself (see `engine.flat`); the place is kept in the user, so that
        this script goes on from wherever the connection hands back.
        """
        while may_iterate(user):
            user.iteration_ns = user.ready_ns
            user.position = 0
            outcome, error = Outcome.ABORTED, ""
            try:
                while user.position < len(operations):
                    if user.leaving_now:
                        raise Cut  # noqa: TRY301 - the quick way has no function to put it in
                    succeeded = yield operations[user.position]
                    # The place may have moved on meanwhile: what came back belongs to the operation that stands there now.
                    if not succeeded:
                        stop_for(operations[user.position], user)
                    user.position += 1
                outcome, error = user.failure or _WELL
            except Cut:
                raise
            except Abandon as end:
                outcome, error = user.verdict(Outcome.CHECK_FAILED)
                if isinstance(end, EndUser):
                    raise
            finally:
                user.failure = None
                user.record(self.label, start=user.iteration_ns, end=max(user.ready_ns, user.iteration_ns), outcome=outcome, error=error)
                user.iteration += 1
            if may_leap and user.is_plain and outcome is Outcome.OK:
                user.flat = self._leap(operations, user)

    def _leap(self, operations: list[HttpOperation], user: VirtualUser) -> FlatLoop | None:
        """Return the flat loop for the user's base URL when all requests are simple and go to one origin."""
        if user.base in self._leaps:
            return self._leaps[user.base]
        known = [operation.wire_for(user.base) for operation in operations]
        found = [item for item in known if item is not None]
        is_flat = len(found) == len(operations) and len({id(origin) for _, _, origin in found}) == 1
        loop = FlatLoop(self.label, operations, found) if is_flat and all(operation.is_simple for operation in operations) else None
        self._leaps[user.base] = loop
        return loop

    def _body(self, user: VirtualUser) -> Script:
        items = self._items if self._order is None else [self._items[index] for index in self._order(user.number, user.iteration)]
        if self._think is None:
            yield from run_steps(items, user)
            return
        for item in items:
            try:
                yield from run_steps((item,), user)
            except EndUser:
                raise
            except Abandon:
                # Who met an error thinks too: users of a target that is down would hammer at it otherwise.
                if not (yield self._think):
                    raise Cut from None
                raise
            if not (yield self._think):
                raise Cut

    def _begin(self, user: VirtualUser) -> None:
        scope = user.scope
        scope.vars = dict(user.kept)
        scope.iter = user.iteration
        user.page = None
        if self.scenario.session == "iteration":
            user.jar = user.challenges = None
        for name, feed in self._feeds:
            row = feed.row_for(user)
            if row is None:
                user.failure = (Outcome.UNSENT, f"data set {name} has no rows left")
                raise EndUser
            scope.data[name] = row
            if feed is self._default_feed:
                scope.row = row

    def starting(self, user: VirtualUser) -> Script:
        """Run on_start: what it sets lives as long as the user.

        Raises
        ------
        EndUser
            If a step failed, whatever its `on_error` says.
        """
        if not self._on_start:
            return
        user.scope.vars = dict(user.kept)
        for name, feed in self._feeds:
            row = feed.row_ahead(user)
            if row is not None:
                scope_row = user.scope.data[name] = row
                if feed is self._default_feed:
                    user.scope.row = scope_row
        user.keeps = True
        try:
            yield from run_steps(self._on_start, user)
        except Abandon as end:
            if isinstance(end, EndUser):
                raise
            raise EndUser from None
        finally:
            user.keeps = False

    def stopping(self, user: VirtualUser) -> Script:
        """Run on_stop: also at a graceful stop, within its deadline; who is cut does not come here."""
        if not self._on_stop:
            return
        user.leaving_now = False
        user.scope.vars = dict(user.kept)
        try:
            yield from run_steps(self._on_stop, user)
        except (Abandon, ValueError):
            return


def stays(user: VirtualUser) -> bool:
    """Whether a user goes on: it does until it is told to leave."""
    return not user.leaving
