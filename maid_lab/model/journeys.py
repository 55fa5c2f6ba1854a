"""Scenarios made of several transactions: functions with weights and sequences, and the order in which a user runs them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.scenarios import ScenarioFunction, TransactionFunction, UserFunction

__all__ = ["Scenario"]

_SCHEDULERS: Final = ("round-robin", "serial", "random")
_DRAWN: Final = ("once", "each-loop")


class Scenario(ScenarioFunction):
    """A scenario whose iterations run several transactions, in the order of a scheduler.

    Each transaction is one row, and its requests carry its name. Transactions with a `sequence` run in groups of ascending number, those
    without one last; within a group the scheduler deals them by weight.

    Parameters
    ----------
    name : str
        Name in all results.
    transactions : iterable
        Functions that `transaction` has marked, or async functions of a user, each with an own name.
    scheduler : str
        `round-robin` deals them in turn by weight, `serial` one after the other as often as its weight says, `random` in an order that each
        user draws.
    random : str
        With `scheduler="random"`: `once` for each user, or `each-loop`.
    on_start, on_stop : async function, optional
        What each user runs once before and after; also to be had as decorators.
    **options
        weight, think (after each transaction), pace, host, session, timeout, verify, ca, cert, key, proxy, data: as those of `scenario`.

    Raises
    ------
    InvalidInput
        If there is no transaction, one is none, two have one name, or an option is unknown.

    Examples
    --------
    >>> async def front(user):
    ...     await user.get("/")
    >>> Scenario("visitor", [front], scheduler="serial", think=(1, 3))
    <scenario visitor, weight 1>
    """

    def __init__(
        self, name: str, transactions: Iterable[Any], *, scheduler: str = "round-robin", random: str = "once",
        on_start: UserFunction | None = None, on_stop: UserFunction | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self.transactions = tuple(
            each if isinstance(each, TransactionFunction) else TransactionFunction(each) for each in _listed(name, transactions)
        )
        names = [each.name for each in self.transactions]
        twice = next((each for each in names if names.count(each) > 1), "")
        if twice:
            raise InvalidInput(
                f"scenario {name}: two transactions have the name {twice!r}.", hint='Give one another: @transaction(name="…").'
            )
        if not any(each.weight for each in self.transactions):
            raise InvalidInput(f"scenario {name}: all its transactions have the weight 0.", hint="Give at least one a weight.")
        for what, value, known in (("scheduler", scheduler, _SCHEDULERS), ("random", random, _DRAWN)):
            if value not in known:
                raise InvalidInput(
                    f"scenario {name}: there is no {what} {value!r}.", hint=did_you_mean(value, known) or f"There are {', '.join(known)}."
                )
        self.name, self.weight = name, 1
        self.__name__ = self.__qualname__ = name
        try:
            super().__init__(self.run_all, name=name, **options)
        except TypeError as error:
            raise InvalidInput(f"scenario {name}: {str(error).partition('() ')[2]}.", hint="See help(maid_lab.Scenario).") from None
        self.scheduler = scheduler
        self.each_loop = random == "each-loop"
        # Where it stands, so that workers can import it from there instead of getting a copy.
        self.__module__ = sys._getframe(1).f_globals.get("__name__", "")
        self.__name__ = self.__qualname__ = name
        self.__doc__ = None
        if on_start is not None:
            self.on_start(on_start)
        if on_stop is not None:
            self.on_stop(on_stop)

    async def run_all(self, user: Any) -> None:
        """Run the transactions as they are listed; workers order them by the scheduler."""
        for each in self.transactions:
            await each(user)


def _listed(name: str, transactions: Iterable[Any]) -> list[Any]:
    found = list(transactions) if not callable(transactions) else [transactions]
    if not found:
        raise InvalidInput(f"scenario {name} has no transaction.", hint="Give it async functions of a user.")
    return found
