"""What the users of one worker share: plan, clock, recorder, addresses, identities of requests, and the ways to end the run."""

from __future__ import annotations

import hashlib
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.model.schedules import share_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from maid_lab.engine.http.origin import Base, Origins
    from maid_lab.engine.recording.recorder import Recorder
    from maid_lab.engine.timers import Timers
    from maid_lab.engine.users.parts import RequestGate
    from maid_lab.model.plan import Label, Plan, Scenario

__all__ = ["WorkerContext"]

_NS: Final = 1_000_000_000


class WorkerContext:
    """Surroundings of virtual users.

    Parameters
    ----------
    plan : Plan
        The whole plan.
    worker, workers : int
        Which share of users and starts.
    loop, recorder, timers
        The worker's loop and what writes rows and wakes users.
    origins : Origins
        Addresses that requests may go to.
    secrets : mapping of str to str
        Values of secret parameters.
    log : callable
        `log(level, message)`.
    capture : Capture, optional
        Keeps failed exchanges, and what the logs ask for.

    Attributes
    ----------
    zero_ns : int
        Start of the run, monotonic ns; 0 before.
    connections : set
        All open connections of the worker's users.
    end_reason, end_failed : str, bool
        Why the run shall end, empty while it goes on; whether its verdict is fail then.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        run_id: str,
        worker: int,
        workers: int,
        loop: asyncio.AbstractEventLoop,
        recorder: Recorder,
        timers: Timers,
        origins: Origins,
        secrets: Mapping[str, str],
        log: Callable[[str, str], None],
        capture: Any = None,
    ) -> None:
        self.plan = plan
        self.worker = worker
        self.workers = workers
        self.loop = loop
        self.recorder = recorder
        self.timers = timers
        self.log = log
        self.capture = capture
        self.run_id = run_id
        self.zero_ns = 0
        self.is_ending = False
        self.end_reason = ""
        self.end_failed = False
        self.connections: set[Any] = set()
        #: Connections that a user shares with its branches, by its number and the origin.
        self.sessions: dict[Any, Any] = {}
        #: Tokens that all users share, by the request that fetches them.
        self.tokens: dict[str, Any] = {}
        #: Users that belong to no load, such as those that fetch tokens.
        self.asides: set[Any] = set()
        #: What runs scenarios in Python, once the plan has any.
        self.code: Any = None
        #: What holds requests back, where anything does.
        self.gate: RequestGate | None = None
        self.max_requests = _share_of_ceiling(plan, worker, workers) if plan.max_requests else 0
        #: Requests that may still go out; without a ceiling nobody looks at it.
        self.requests_left = self.max_requests
        self.variables: dict[str, Any] = dict(plan.variables)
        self.parameters: dict[str, Any] = dict(plan.parameters)
        self.secrets = dict(secrets)
        self.origins = origins
        self._bases = [(self.origins.base(target.base_url), target.weight) for target in plan.targets if target.weight > 0]
        self._base_order = [index for index, (_, weight) in enumerate(self._bases) for _ in range(weight)]
        self._sequences: dict[str, int] = {}
        self._run_values = _RunValues(self)
        self._traces = 0
        self._trace_root = hashlib.sha256(run_id.encode()).hexdigest()[:16]
        self._made_labels: dict[int, Label] = {}

    # ---- labels

    def label(self, number: int) -> Label:
        """Return a label of the plan, or one that was made while running."""
        labels = self.plan.labels
        return labels[number] if number < len(labels) else self._made_labels[number]

    def label_id(self, label: Label) -> int:
        """Return the number of a label that is made while running."""
        number = self.recorder.label_id(label)
        self._made_labels.setdefault(number, label)
        return number

    # ---- addresses

    def base_of(self, scenario: Scenario, number: int) -> Base | None:
        """Return the base URL for a user: the scenario's host, else the targets in turn by weight."""
        if scenario.host:
            return self.origins.base(scenario.host)
        if not self._base_order:
            return None
        return self._bases[self._base_order[number % len(self._base_order)]][0]

    def require_base(self, base: Base | None) -> Base:
        """Return the base, or say that there is none.

        Raises
        ------
        InvalidInput
            Without a base.
        """
        if base is None:
            raise InvalidInput("the URL is relative and the plan has no base URL", hint="Set target.base_url.")
        return base

    # ---- what expressions and requests draw from

    def run_values(self) -> dict[str, Any]:
        """Return `run.id` and `run.elapsed`, which is the time since the start in seconds whenever it is read; all users have the same."""
        return self._run_values

    def next_in(self, name: str) -> int:
        """Return the next number of a sequence; no other worker gives the same."""
        number = self._sequences.get(name, self.worker)
        self._sequences[name] = number + self.workers
        return number

    def next_trace(self) -> tuple[int, str]:
        """Return a trace id of this run, and the header that carries it (W3C Trace Context, level 1).

        The upper half of the id is the run's; the lower half, which the row keeps, is unique in it whatever the number of workers.
        """
        self._traces += 1
        number = (self.worker + 1) << 48 | self._traces
        return number, f"traceparent: 00-{self._trace_root}{number:016x}-{self._traces:016x}-01\r\n"

    # ---- what users say

    def end_run(self, reason: str, *, failed: bool = True) -> None:
        """Ask the supervisor, with the next snapshot, to end the run; when it `failed`, its verdict is fail."""
        if not self.end_reason:
            self.end_reason, self.end_failed = reason, failed

    def spend_request(self) -> None:
        """Count a request against the ceiling of the plan; the last one is followed by the end of this worker's load."""
        self.requests_left -= 1
        if not self.requests_left:
            self.end_run(f"max_requests {self.plan.max_requests} reached", failed=False)
            # Not from within the user that sends: it is in the midst of its step.
            self.loop.call_soon(self.hold_back)

    def hold_back(self) -> None:
        """Start nothing more."""

    def debug(self, tag: str, user: Any, request_text: str = "", head: str = "", body: str | bytes = "") -> None:
        """Write a line into the debug log, masked and cut; nothing when nobody asked for that log. See `Capture.debug`."""
        if self.capture is not None:
            self.capture.debug(tag, user, request_text, head, body)


def _share_of_ceiling(plan: Plan, worker: int, workers: int) -> int:
    """Return how many requests a worker may send: the ceiling is divided among those that have users."""
    busy = max(1, min(workers, plan.peak_users))
    # The others have none, unless the load is raised while it runs.
    return share_of(plan.max_requests, worker, busy if worker < busy else workers)


class _RunValues(dict[str, Any]):
    def __init__(self, context: WorkerContext) -> None:
        super().__init__(id=context.run_id)
        self._context = context

    def __missing__(self, key: str) -> float:
        if key != "elapsed":
            raise KeyError(key)
        return max(0.0, (monotonic_ns() - self._context.zero_ns) / _NS)

    def __contains__(self, key: object) -> bool:
        return key in ("id", "elapsed")
