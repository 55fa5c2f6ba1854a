"""Bundled targets: `demo:<name>` addresses, started for a run and ended with it."""

from __future__ import annotations

import asyncio
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from maid_lab.model.plan import HttpStep, Plan, Scenario, Target
from maid_lab.services.admission import DEMO_SCHEME, is_bundled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BundledTargets", "RunningTarget", "start_target"]


class RunningTarget(Protocol):
    """A bundled target that answers."""

    url: str

    def stats(self) -> dict[str, Any]:
        """Return what it has served."""

    def stop(self) -> None:
        """End it."""


def start_target(name: str, *, port: int = 0, **switches: Any) -> RunningTarget:
    """Start a bundled target as a process of its own and return when it answers.

    Raises
    ------
    Missing
        If there is no such target.
    EngineFailure
        If it does not get ready.
    """
    from maid_lab.demo.launch import DemoProcess

    return DemoProcess.start(name, port=port, **switches)


class BundledTargets:
    """The bundled targets of one run.

    Parameters
    ----------
    start : callable
        Starts a target by name; blocks until it answers.
    """

    def __init__(self, start: Callable[[str], RunningTarget] = start_target) -> None:
        self._start = start
        self._running: dict[str, RunningTarget] = {}

    async def start_for(self, plan: Plan) -> Plan:
        """Start what the plan names and return the plan with real addresses.

        The plan keeps its `plan_hash`: it is the same test whatever port was free, and runs of it are to be compared.
        """
        for name in sorted({_name(url) for url in _addresses(plan)}):
            self._running[name] = await asyncio.to_thread(self._start, name)
        if not self._running:
            return plan
        resolved: Plan = self._resolved(plan)
        return resolved

    async def stop(self) -> None:
        """End all targets of the run; a second call does nothing."""
        running, self._running = self._running, {}
        for target in running.values():
            await asyncio.to_thread(target.stop)

    def _resolved(self, value: Any) -> Any:
        """Return the tree with the addresses of bundled targets replaced where an address stands."""
        if isinstance(value, tuple):
            return tuple(self._resolved(item) for item in value)
        if not is_dataclass(value) or isinstance(value, type):
            return value
        if isinstance(value, Target):
            return replace(value, base_url=self._url(value.base_url), addresses=("127.0.0.1",)) if is_bundled(value.base_url) else value
        changes = {spec.name: self._resolved(getattr(value, spec.name)) for spec in fields(value) if spec.name != "labels"}
        if isinstance(value, HttpStep):
            changes["url"] = self._url(value.url)
        if isinstance(value, Scenario):
            changes["host"] = self._url(value.host)
        return replace(value, **changes)

    def _url(self, url: str) -> str:
        return self._running[_name(url)].url + url.removeprefix(DEMO_SCHEME + _name(url)) if is_bundled(url) else url


def _addresses(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [url for item in value for url in _addresses(item)]
    if not is_dataclass(value) or isinstance(value, type):
        return []
    own = [getattr(value, name, "") for name in ("base_url", "host", "url") if isinstance(value, Target | Scenario | HttpStep)]
    inner = [url for spec in fields(value) if spec.name != "labels" for url in _addresses(getattr(value, spec.name))]
    return [url for url in own if is_bundled(url)] + inner


def _name(url: str) -> str:
    return url.removeprefix(DEMO_SCHEME).partition("/")[0]
