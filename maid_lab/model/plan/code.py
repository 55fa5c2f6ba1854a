"""Python scenarios as a plan holds them: where the function is found, never the function itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where a worker finds a scenario in Python; nothing of it is run anywhere else.

    Attributes
    ----------
    module, function : str
        Module and the name in it; the module is empty for what travels as `pickle`.
    path : tuple of str
        Folders that the worker looks for modules in, beside its own.
    file : str
        File of a module that is loaded by its path, under the name `module`.
    pickle : str
        A cloudpickle in Base64, of functions that no module holds: of notebooks, scripts and other functions.
    timeout_s : float
        Longest time of a request in seconds; 0 for what the scenario says.
    proxy : str
        Address of the proxy of its requests without credentials, which the function knows; empty for none.
    data : tuple of pairs
        Data sets of the plan that the code reads, by the key under which it finds them; a single one has the key ''.
    """

    function: str
    module: str = ""
    file: str = ""
    path: tuple[str, ...] = ()
    pickle: str = ""
    timeout_s: float = 0.0
    proxy: str = ""
    data: tuple[tuple[str, str], ...] = ()
