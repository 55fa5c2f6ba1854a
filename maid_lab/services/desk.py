"""The desk that takes commands to the test of this process: one that runs, or one that waits to be started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.control import read_change
from maid_lab.model.errors import Conflict, InvalidInput
from maid_lab.services.access.principal import LOCAL, Principal
from maid_lab.services.commands import COMMANDS, Command, command_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maid_lab.services.runs import RunService
    from maid_lab.services.waiting import WaitingTest

__all__ = ["ControlDesk"]

#: Commands whose argument is a field of a change.
_CHANGES: Final = {
    "users": "users",
    "rate": "rate",
    "increase-rate": "increase_rate",
    "decrease-rate": "decrease_rate",
    "run-time": "run_time",
    "test-plan": "test_plan",
    "throttle": "throttle",
}
#: Commands that change a test that waits.
_BEFORE: Final = {**_CHANGES, "host": "host", "increase-time": "increase_time", "decrease-time": "decrease_time"}


class ControlDesk:
    """Carries out commands.

    Parameters
    ----------
    runs : RunService
        The runs of this process.

    Attributes
    ----------
    waiting : WaitingTest or None
        The test that was made ready and waits for `start`.
    """

    def __init__(self, runs: RunService) -> None:
        self._runs = runs
        self.waiting: WaitingTest | None = None

    async def do(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, by: str = "", principal: Principal = LOCAL
    ) -> dict[str, Any]:
        """Carry out a command.

        Parameters
        ----------
        name : str
            Its name; see `COMMANDS`.
        arguments : mapping
            Its argument by name.
        by : str
            Who orders it, for the log of the run.
        principal : Principal
            Who orders it, for the audit log.

        Returns
        -------
        dict
            What there is to tell, as JSON data.

        Raises
        ------
        MaidError
            `InvalidInput` for what cannot be read, `Conflict` for what cannot be done now, `Refused` when a policy forbids it.
        """
        command = command_named(name)
        values = dict(arguments or {})
        value = self._value(command, values)
        is_running = self._runs.live_run_id is not None
        if command.when != "any":
            self._check_time(command, is_running=is_running)
        if command.name in ("help", "config", "metrics"):
            return self._tell(command.name)
        if command.name in ("stop", "shutdown"):
            return self._stop(command.name, str(values.get("mode", "graceful")), by, principal)
        if command.name == "start":
            return await self._waiting().start()
        if not is_running:
            return await self._waiting().change(_BEFORE[command.name], value)
        return self.change(
            {"paused": command.name == "pause"} if value is None else {_CHANGES[command.name]: value}, by=by, principal=principal
        )

    def change(self, fields: Mapping[str, Any], *, by: str = "", principal: Principal = LOCAL) -> dict[str, Any]:
        """Change the running load; fields as `model.control.read_change` takes them."""
        return self._runs.control(read_change(fields), by=by, principal=principal)

    # ---- parts

    def _check_time(self, command: Command, *, is_running: bool) -> None:
        if is_running and "running" not in command.when:
            raise Conflict(
                f"{command.name} is for a test that waits, and run {self._runs.live_run_id} is under way.", hint="Stop it first."
            )
        if not is_running and ("idle" not in command.when or self.waiting is None):
            raise Conflict(f"{command.name}: no test is under way here.", hint="Start one, or let one wait with maid run --no-autostart.")

    @staticmethod
    def _value(command: Command, values: dict[str, Any]) -> Any:
        allowed = {command.argument, "mode"} if command.name == "stop" else {command.argument}
        unknown = sorted(set(values) - allowed)
        if unknown:
            raise InvalidInput(f"{command.name} has no argument {unknown[0]!r}.", hint=f"It takes {command.argument or 'none'}.")
        if command.argument and values.get(command.argument) is None:
            raise InvalidInput(f"{command.name} needs {command.argument}.", hint=command.help)
        return values.get(command.argument) if command.argument else None

    def _waiting(self) -> WaitingTest:
        if self.waiting is None:
            raise Conflict("no test waits to be started here.", hint="Let one wait with maid run --no-autostart.")
        return self.waiting

    def _stop(self, name: str, mode: str, by: str, principal: Principal) -> dict[str, Any]:
        is_now = name == "shutdown" or mode == "now"
        if mode not in ("graceful", "now"):
            raise InvalidInput(f"stop has no mode {mode!r}.", hint="Modes are graceful and now.")
        run_id = self._runs.live_run_id
        if run_id is not None:
            self._runs.stop(mode="kill" if is_now else "graceful", reason=f"stopped by {by}" if by else "stopped by request", by=principal)
        if name == "shutdown" and self.waiting is not None:
            self.waiting.end()
        return {"stopped": run_id}

    def _tell(self, name: str) -> dict[str, Any]:
        if name == "help":
            return {"commands": [_described(command) for command in COMMANDS]}
        if name == "metrics":
            return {"status": self._runs.status}
        plan = self._runs.live_plan or (self.waiting.plan if self.waiting is not None else None)
        if plan is None:
            raise Conflict("no test is under way here, and none waits.", hint="Start one.")
        from maid_lab.model.plan import plan_to_json

        return {"plan": plan_to_json(plan)}


def _described(command: Command) -> dict[str, str]:
    return {"name": command.name, "argument": command.argument, "when": command.when, "scope": command.scope, "help": command.help}
