"""Branches of one user at the same time: each on connections of its own, all with the session of the user they belong to.

A branch is stepped like a user, by the answers on its own connections. Cookies, variables, data and identity are those of its user; what it
waits for, and what its connections send, are its own. The user itself waits until all branches have ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from maid_lab.engine.users.ops import PENDING, Abandon
from maid_lab.engine.users.user import VirtualUser
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from maid_lab.engine.http.cookies import CookieJar
    from maid_lab.engine.http.origin import Base
    from maid_lab.engine.users.parts import Compiled, RequestGate

__all__ = ["Branch", "Flock", "ParallelOperation", "Part", "flock_of"]

#: What a branch does: a generator function of the branch.
Part = Callable[["Branch"], Generator[Any, Any, None]]


class Branch(VirtualUser):
    """One branch of a user."""

    __slots__ = ("_owner", "asset", "end")

    def __init__(self, owner: VirtualUser, on_end: Callable[[VirtualUser], None]) -> None:
        self._owner = owner
        self.shard = owner.shard
        self.on_end = on_end
        self.connections = {}
        self.is_plain = False
        self.scope = owner.scope
        self.think_ns = 0
        self.failure = None
        self.leaving = self.leaving_now = self.waits_for_slot = False
        self.life = 0
        self.ready_ns = 0
        self.iteration_ns = 0
        self.taken = 0
        self.position = 0
        self.request = None
        self.timer = None
        self.flat = None
        self.flock = None
        self.end: Abandon | None = None
        #: What to fetch, for branches that load the parts of a page.
        self.asset: Any = None
        self._generator = None

    # What belongs to the user: read and written there.

    @property
    def number(self) -> int:  # type: ignore[override]
        """Number of the user."""
        return self._owner.number

    @property
    def program(self) -> Compiled:  # type: ignore[override]
        """The user's scenario."""
        return self._owner.program

    @property
    def flags(self) -> int:  # type: ignore[override]
        """Phase bits of rows written now."""
        return self._owner.flags

    @property
    def iteration(self) -> int:  # type: ignore[override]
        """The user's iteration."""
        return self._owner.iteration

    @property
    def kept(self) -> dict[str, Any]:  # type: ignore[override]
        """Variables that outlive the iteration."""
        return self._owner.kept

    @property
    def keeps(self) -> bool:  # type: ignore[override]
        """Whether variables set now outlive the iteration."""
        return self._owner.keeps

    @property
    def jar(self) -> CookieJar | None:
        """The user's cookies."""
        return self._owner.jar

    @jar.setter
    def jar(self, jar: CookieJar | None) -> None:
        self._owner.jar = jar
        self._owner.is_plain = False

    @property
    def challenges(self) -> Any:
        """What servers asked the user to answer."""
        return self._owner.challenges

    @challenges.setter
    def challenges(self, challenges: Any) -> None:
        self._owner.challenges = challenges

    @property
    def base(self) -> Base | None:
        """The user's base URL."""
        return self._owner.base

    @base.setter
    def base(self, base: Base | None) -> None:
        self._owner.base = base

    @property
    def page(self) -> Any:
        """The last HTML page of the user's iteration."""
        return self._owner.page

    @page.setter
    def page(self, page: Any) -> None:
        self._owner.page = page

    @property
    def gate(self) -> Any:  # type: ignore[override]
        """What holds the user's requests back."""
        return self._owner.gate

    @property
    def rng(self) -> Any:
        """The user's random stream."""
        return self._owner.rng

    def use_gate(self, gate: RequestGate | None) -> None:
        """Leave it to the user."""


class Flock:
    """The branches of one user; those that have ended are used again with their connections.

    Parameters
    ----------
    owner : VirtualUser
        Whose branches they are.
    """

    def __init__(self, owner: VirtualUser) -> None:
        self._owner = owner
        self._idle: list[Branch] = []
        self._busy: set[Branch] = set()
        self._waiting: deque[Part] = deque()
        self._limit = 1
        self._life = 0
        self._is_starting = False
        self._runs = False
        self.end: Exception | None = None

    def run(self, parts: Iterable[Part], limit: int) -> Any:
        """Run parts, at most `limit` at once; returns the result when all have ended already, else `PENDING`."""
        self._waiting.extend(parts)
        self._limit, self._life, self.end = limit, self._owner.life, None
        self._is_starting = self._runs = True
        self._begin()
        self._is_starting = False
        return PENDING if self._busy else self._result()

    def leave_now(self) -> None:
        """Let all branches finish the request that is under way."""
        self._waiting.clear()
        for branch in tuple(self._busy):
            branch.leave_now()

    def abort(self) -> None:
        """End all branches where they stand."""
        self._waiting.clear()
        self._runs = False
        for branch in tuple(self._busy):
            branch.abort()

    def close_connections(self) -> None:
        """Close the connections of all branches."""
        for branch in (*self._idle, *self._busy):
            branch.close_connections()

    def _begin(self) -> None:
        while self._waiting and len(self._busy) < self._limit:
            branch = self._idle.pop() if self._idle else Branch(self._owner, self._ended)
            branch.failure = branch.end = None
            branch.leaving = branch.leaving_now = False
            self._busy.add(branch)
            branch.start(self._waiting.popleft()(branch), self._owner.ready_ns)

    def _ended(self, user: VirtualUser) -> None:
        branch = user
        if not isinstance(branch, Branch):
            return
        self._busy.discard(branch)
        self._idle.append(branch)
        owner = self._owner
        if not self._runs or owner.life != self._life:
            return
        owner.failure = owner.failure or branch.failure
        owner.think_ns += branch.think_ns
        branch.think_ns = 0
        owner.ready_ns = max(owner.ready_ns, branch.ready_ns)
        if branch.end is not None and self.end is None:
            # The iteration is over for all: what is under way is finished, nothing more begins.
            self.end = branch.end
            self.leave_now()
        elif not self.end:
            self._begin()
        if not (self._busy or self._is_starting):
            owner.step(self._result())

    def _result(self) -> bool:
        self._runs = False
        return self.end is None


class ParallelOperation:
    """A compiled `parallel` step.

    Parameters
    ----------
    branches : sequence of list
        Compiled steps of each branch.
    limit : int
        How many run at the same time.
    run : callable
        `run(items, user)` is the generator that runs compiled steps.
    """

    __slots__ = ("_limit", "_parts")

    def __init__(
        self, branches: Sequence[list[Any]], limit: int, run: Callable[[list[Any], VirtualUser], Generator[Any, Any, None]]
    ) -> None:
        self._parts = [_part(items, run) for items in branches]
        self._limit = limit

    def begin(self, user: VirtualUser) -> Any:
        """Run the branches; the user goes on when all have ended."""
        return flock_of(user).run(self._parts, self._limit)

    @staticmethod
    def stop(user: VirtualUser) -> None:
        """Raise what ended a branch."""
        raise (user.flock.end if user.flock is not None else None) or Abandon


def flock_of(user: VirtualUser) -> Flock:
    """Return the user's branches."""
    flock = user.flock
    if not isinstance(flock, Flock):
        flock = user.flock = Flock(user)
    return flock


def _part(items: list[Any], run: Callable[[list[Any], VirtualUser], Generator[Any, Any, None]]) -> Part:
    def play(branch: Branch) -> Generator[Any, Any, None]:
        try:
            yield from run(items, branch)
        except Abandon as end:
            branch.end = end
        except ValueError as problem:
            branch.failed_by(None, Outcome.EXTRACT_MISS, str(problem))
            branch.end = Abandon()

    return play
