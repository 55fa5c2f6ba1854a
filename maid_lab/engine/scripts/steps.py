"""Steps of a plan compiled to what a script runs: operations that are yielded, and generator functions around them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from maid_lab.engine.http.capturing import CapturingHttpOperation
from maid_lab.engine.http.operation import HttpOperation
from maid_lab.engine.http.pages import FormOperation, PageLoad, keep_page
from maid_lab.engine.http.stream import CapturingStreamOperation, StreamOperation
from maid_lab.engine.users.ops import TURN, Abandon, Cut, EndRun, EndUser, Pause
from maid_lab.engine.users.parallel import ParallelOperation
from maid_lab.model.expressions import parse_expression
from maid_lab.model.plan import (
    FormStep,
    HttpStep,
    IfStep,
    LogStep,
    LoopStep,
    ParallelStep,
    RandomStep,
    SetStep,
    SwitchStep,
    ThinkStep,
    TransactionStep,
    UseStep,
    WaitForStep,
    WhileStep,
)
from maid_lab.model.rows import Outcome
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Step

__all__ = ["Item", "StepCompiler", "run_steps", "stop_for"]

#: Rounds of a loop after which the others have their turn: its steps may all act at once.
_AT_ONCE: Final = 1000

#: Run for a user: a generator for steps that yield operations, nothing to iterate for those that act at once.
Play = Callable[["VirtualUser"], Iterable[Any]]


class Item(NamedTuple):
    """A compiled step: a condition, and either an operation or a generator function."""

    when: Callable[[Any], Any] | None
    operation: HttpOperation | Pause | ParallelOperation | None
    play: Play | None


def run_steps(items: Iterable[Item], user: VirtualUser) -> Generator[Any, Any, None]:
    """Run steps in order.

    Raises
    ------
    Abandon
        Or one of its kinds, when a step failed and says so by `on_error`, or the user is cut.
    """
    for when, operation, play in items:
        if user.leaving_now:
            raise Cut
        if when is not None and not when(user.scope):
            continue
        if operation is None:
            if play is not None:
                yield from play(user)
        elif not (yield operation):
            stop_for(operation, user)


def stop_for(operation: HttpOperation | Pause | ParallelOperation, user: VirtualUser) -> None:
    """Do what a failed operation's `on_error` says: nothing, or raise `Abandon` or one of its kinds."""
    if isinstance(operation, ParallelOperation):
        operation.stop(user)
    elif isinstance(operation, Pause) or (user.leaving_now and user.failure is None):
        raise Cut
    else:
        _raise_for(operation, user)


def _raise_for(operation: HttpOperation, user: VirtualUser) -> None:
    if operation.on_error == "continue":
        return
    if operation.on_error == "iteration":
        raise Abandon
    if operation.on_error == "user":
        raise EndUser
    if operation.on_error == "run":
        label = user.shard.label(operation.label)
        raise EndRun(f"step {label.name!r} failed and says on_error: run")


class StepCompiler:
    """Compiles the steps of one plan.

    Parameters
    ----------
    uses_last : bool
        Whether any expression of the plan reads `last.*`.
    uses_pages : bool
        Whether any step submits a form: then HTML answers are kept for it.
    captures : bool
        Whether all requests are kept for the logs.
    """

    def __init__(self, *, uses_last: bool, uses_pages: bool = False, captures: bool = False) -> None:
        self._uses_last = uses_last
        self._uses_pages = uses_pages
        self._http = CapturingHttpOperation if captures else HttpOperation

    def items(self, steps: Iterable[Step]) -> list[Item]:
        """Return the steps compiled, in order."""
        return [self._item(step) for step in steps]

    def pause(self, step: ThinkStep) -> Pause:
        """Return a think time."""
        return Pause(compile_value(step.low), compile_value(step.high), step.dist)

    def _item(self, step: Step) -> Item:
        when = parse_expression(step.when).compile() if step.when else None
        if isinstance(step, HttpStep):
            operation = self._request(step)
            if self._uses_pages or step.page is not None:
                operation.also(keep_page)
            return Item(when, operation, None) if step.page is None else Item(when, None, self._page(operation, step))
        if isinstance(step, FormStep):
            return Item(when, FormOperation(step, uses_last=self._uses_last), None)
        if isinstance(step, ThinkStep):
            return Item(when, self.pause(step), None)
        if isinstance(step, ParallelStep):
            return Item(when, ParallelOperation([self.items(branch) for branch in step.branches], step.limit, run_steps), None)
        return Item(when, None, self._play(step))

    def _request(self, step: HttpStep) -> HttpOperation:
        if step.sse is None:
            return self._http(step, uses_last=self._uses_last)
        kind = CapturingStreamOperation if self._http is CapturingHttpOperation else StreamOperation
        return kind(step, uses_last=self._uses_last)

    def _page(self, operation: HttpOperation, step: HttpStep) -> Play:
        load = PageLoad(step, uses_last=self._uses_last)

        def play(user: VirtualUser) -> Generator[Any, Any, None]:
            if not (yield operation):
                stop_for(operation, user)
                return
            # What is missing of a page is rows that say so; only the end of the user ends it here.
            if not (yield load) and user.leaving_now:
                raise Cut

        return play

    def _play(self, step: Step) -> Play:
        makers: dict[type, Callable[[Any], Play]] = {
            TransactionStep: self._transaction,
            SetStep: self._set,
            LogStep: self._log,
            LoopStep: self._loop,
            WhileStep: self._while,
            IfStep: self._if,
            SwitchStep: self._switch,
            RandomStep: self._random,
            UseStep: self._use,
            WaitForStep: self._wait_for,
        }
        return makers[type(step)](step)

    def _transaction(self, step: TransactionStep) -> Play:
        items = self.items(step.steps)

        def play(user: VirtualUser) -> Generator[Any, Any, None]:
            start, think, outer = user.ready_ns, user.think_ns, user.failure
            user.failure = None
            outcome, error = Outcome.ABORTED, ""
            try:
                yield from run_steps(items, user)
                outcome, error = user.verdict(Outcome.OK)
            except Cut:
                raise
            except Abandon:
                outcome, error = user.verdict(Outcome.CHECK_FAILED)
                raise
            finally:
                paused = 0 if step.include_think else user.think_ns - think
                user.record(step.label, start=start, end=max(user.ready_ns - paused, start), outcome=outcome, error=error)
                user.failure = outer or user.failure

        return play

    def _set(self, step: SetStep) -> Play:
        values = [(name, compile_value(value)) for name, value in step.values]

        def play(user: VirtualUser) -> Iterable[Any]:
            for name, value in values:
                user.set_variable(name, value(user.scope) if callable(value) else value, keep=step.keep)
            return ()

        return play

    def _log(self, step: LogStep) -> Play:
        text = compile_value(step.text)

        def play(user: VirtualUser) -> Iterable[Any]:
            if user.rng.random() < step.sample:
                said = str(text(user.scope) if callable(text) else text)
                user.shard.log(step.level, said)
                user.shard.debug(said, user)
            return ()

        return play

    def _loop(self, step: LoopStep) -> Play:
        items = self.items(step.steps)
        count = compile_value(step.count)
        over = parse_expression(step.over).compile() if step.over else None

        def play(user: VirtualUser) -> Generator[Any, Any, None]:
            if over is None:
                for turn in range(int(count(user.scope) if callable(count) else count)):
                    yield from run_steps(items, user)
                    if turn % _AT_ONCE == _AT_ONCE - 1:
                        yield TURN
                return
            found = over(user.scope)
            if not isinstance(found, list | tuple):
                raise ValueError(f"loop over {step.over}: its value is not a list")  # noqa: TRY004 - a recipe's value, not a type of ours
            for turn, value in enumerate(found):
                user.set_variable(step.name, value, keep=False)
                yield from run_steps(items, user)
                if turn % _AT_ONCE == _AT_ONCE - 1:
                    yield TURN

        return play

    def _while(self, step: WhileStep) -> Play:
        items = self.items(step.steps)
        condition = parse_expression(step.condition).compile()

        def play(user: VirtualUser) -> Generator[Any, Any, None]:
            for turn in range(step.limit):
                if not condition(user.scope):
                    return
                yield from run_steps(items, user)
                if turn % _AT_ONCE == _AT_ONCE - 1:
                    yield TURN

        return play

    def _if(self, step: IfStep) -> Play:
        then, otherwise = self.items(step.then), self.items(step.otherwise)
        condition = parse_expression(step.condition).compile()
        return lambda user: run_steps(then if condition(user.scope) else otherwise, user)

    def _switch(self, step: SwitchStep) -> Play:
        cases = {text: self.items(steps) for text, steps in step.cases}
        default = self.items(step.default)
        expression = parse_expression(step.expression).compile()

        def play(user: VirtualUser) -> Iterable[Any]:
            value = expression(user.scope)
            text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
            return run_steps(cases.get(text, default), user)

        return play

    def _random(self, step: RandomStep) -> Play:
        branches = [self.items(steps) for _, steps in step.branches]
        weights = [weight for weight, _ in step.branches]
        return lambda user: run_steps(user.rng.choices(branches, weights)[0], user)

    def _use(self, step: UseStep) -> Play:
        items = self.items(step.steps)
        values = [(name, compile_value(value)) for name, value in step.values]

        def play(user: VirtualUser) -> Generator[Any, Any, None]:
            for name, value in values:
                user.set_variable(name, value(user.scope) if callable(value) else value, keep=False)
            yield from run_steps(items, user)

        return play

    def _wait_for(self, step: WaitForStep) -> Play:
        request = self._http(step.request, uses_last=self._uses_last)
        every = Pause(step.every_s, step.every_s, "constant")

        def play(user: VirtualUser) -> Generator[Any, Any, None]:
            deadline = user.ready_ns + int(step.timeout_s * 1e9)
            while not (yield request):
                if user.ready_ns >= deadline or not (yield every):
                    reason = user.failure[1] if user.failure else "no answer"
                    raise EndRun(f"wait_for gave up after {step.timeout_s:g} s: {reason}")
                user.failure = None

        return play
