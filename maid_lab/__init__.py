"""MAID Lab: load testing and performance analytics that live in the notebook.

The names below are imported when they are first used, so that `import maid_lab` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from maid_lab._version import __version__

if TYPE_CHECKING:
    from maid_lab.engine.python.answer import RequestFailed
    from maid_lab.engine.python.face import User
    from maid_lab.finding import FoundCapacity, find_capacity
    from maid_lab.lab import Lab
    from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, MaidError, Missing, Refused
    from maid_lab.model.function_data import data
    from maid_lab.model.journeys import Scenario
    from maid_lab.model.plan import Plan
    from maid_lab.model.run_record import RunRecord
    from maid_lab.model.scenarios import scenario, test_start, test_stop, transaction
    from maid_lab.running import Run, run

__all__ = [
    "Conflict", "EngineFailure", "FoundCapacity", "InvalidInput", "Lab", "MaidError", "Missing", "Plan", "Refused", "RequestFailed", "Run", "RunRecord",
    "Scenario", "User", "__version__", "data", "find_capacity", "run", "scenario", "test_start", "test_stop", "transaction",
]  # fmt: skip

_HOMES: Final = {
    "Lab": "maid_lab.lab",
    "Plan": "maid_lab.model.plan",
    "RequestFailed": "maid_lab.engine.python.answer",
    "RunRecord": "maid_lab.model.run_record",
    "Scenario": "maid_lab.model.journeys",
    "User": "maid_lab.engine.python.face",
    "data": "maid_lab.model.function_data",
    **dict.fromkeys(("FoundCapacity", "find_capacity"), "maid_lab.finding"),
    **dict.fromkeys(("Run", "run"), "maid_lab.running"),
    **dict.fromkeys(("scenario", "test_start", "test_stop", "transaction"), "maid_lab.model.scenarios"),
    **dict.fromkeys(("Conflict", "EngineFailure", "InvalidInput", "MaidError", "Missing", "Refused"), "maid_lab.model.errors"),
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server what to load; the server's part is imported only then."""
    from maid_lab.server.app import MaidLabApp

    return [{"module": "maid_lab", "app": MaidLabApp}]


def __dir__() -> list[str]:
    return sorted(__all__)
