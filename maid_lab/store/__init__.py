"""History on disk: the catalogue, run folders, rows. All SQL is in this room."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maid_lab.store.folders import RunFolder
    from maid_lab.store.slot import RunSlot
    from maid_lab.store.store import Store, rebuild

__all__ = ["RunFolder", "RunSlot", "Store", "rebuild"]

_HOMES: Final = {"RunFolder": "folders", "RunSlot": "slot", "Store": "store", "rebuild": "store"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
