"""Code of a plan found again in a worker."""

from __future__ import annotations

import base64
import importlib
import importlib.util
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import InvalidInput, MaidError
from maid_lab.model.scenarios import HookFunction, ScenarioFunction

if TYPE_CHECKING:
    from maid_lab.model.plan import Code

__all__ = ["load_function", "load_scenario"]


def load_scenario(code: Code) -> ScenarioFunction:
    """Return the scenario; a bare async function becomes one without options.

    Raises
    ------
    InvalidInput
        If it cannot be found, or is no scenario; names the module, the function and the line at fault.
    """
    found = load_function(code)
    if isinstance(found, HookFunction):
        found = found.function
    return found if isinstance(found, ScenarioFunction) else ScenarioFunction(found)


def load_function(code: Code) -> Any:
    """Return what the code stands for.

    Raises
    ------
    InvalidInput
        If it cannot be imported or unpickled.
    """
    sys.path += [folder for folder in code.path if folder not in sys.path]
    place = f"{code.module}:{code.function}" if code.module else code.function
    try:
        if code.pickle:
            return pickle.loads(base64.b64decode(code.pickle))
        found: Any = _from_file(code) if code.file else importlib.import_module(code.module)
        for name in code.function.split("."):
            found = getattr(found, name)
        return found
    except MaidError:
        raise
    except BaseException as error:  # whatever a module does when it is imported, it must not end the worker
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        raise InvalidInput(f"scenario {place} cannot be loaded in the worker: {text}.") from None


def _from_file(code: Code) -> Any:
    known = sys.modules.get(code.module)
    if known is not None and getattr(known, "__file__", None) == code.file:
        return known
    spec = importlib.util.spec_from_file_location(code.module, code.file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{code.file} is no Python file")
    module = sys.modules[code.module] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
