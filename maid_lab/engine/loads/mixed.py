"""Users that choose a scenario for each iteration, in loads where users loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maid_lab.engine.users.ops import EndRun, EndUser, Until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from maid_lab.engine.users.parts import Compiled
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["mixed"]


def mixed(
    user: VirtualUser, choose: Callable[[], Compiled], may_iterate: Callable[[VirtualUser], bool], pace_ns: int
) -> Generator[Any, Any, None]:
    """Life of a user that draws a scenario for each iteration.

    `on_start` of a scenario runs when the user takes it for the first time, `on_stop` of all that it has taken runs at its end, in the same
    order. Cookies and variables belong to the user, so they are common to its scenarios.

    Parameters
    ----------
    user : VirtualUser
        Whose life it is.
    choose : callable
        Returns the program of the next iteration.
    may_iterate : callable
        Whether the user may begin another one.
    pace_ns : int
        Minimum time between starts of iterations, ns; a scenario's own pace counts when it is longer.
    """
    taken: list[Compiled] = []
    try:
        while may_iterate(user):
            program = choose()
            user.take(program)
            if program not in taken:
                taken.append(program)
                yield from program.starting(user)
            began = user.ready_ns
            yield from program.iteration(user)
            due = began + max(pace_ns, program.pace_ns)
            if due > began and not user.leaving and user.ready_ns < due and not (yield Until(due)):
                break
    except EndRun as end:
        user.shard.end_run(end.reason)
    except EndUser:
        pass
    except ValueError as error:
        user.shard.log("error", f"user {user.number} of {user.program.scenario.name} could not start: {error}")
    finally:
        user.failure = None
    for program in taken:
        user.take(program)
        yield from program.stopping(user)
