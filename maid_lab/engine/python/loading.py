"""Code of a plan found again in a worker."""

from __future__ import annotations

import base64
import importlib
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import InvalidInput, MaidError
from maid_lab.model.scenarios import ScenarioFunction

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
        found: Any = importlib.import_module(code.module)
        for name in code.function.split("."):
            found = getattr(found, name)
        return found
    except MaidError:
        raise
    except BaseException as error:  # whatever a module does when it is imported, it must not end the worker
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        raise InvalidInput(f"scenario {place} cannot be loaded in the worker: {text}.") from None
