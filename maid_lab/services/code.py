"""From functions to what a plan says of them. Modules that are named are imported here; functions run in workers only."""

from __future__ import annotations

import base64
import importlib
import importlib.util
import inspect
import json
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput, MaidError, Missing
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.plan import Code
from maid_lab.model.scenarios import HookFunction, ScenarioFunction
from maid_lab.services.code_data import FunctionSets

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan

__all__ = ["CodeSource", "code_source", "is_code_reference", "read_functions"]

#: Load of a test that says nothing of it.
_LOAD: Final = {"users": 1, "run_time": "30s"}
#: Types of parameters by those of their values.
_TYPES: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}
_MOST_DESCRIPTION: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSource:
    """Scenarios in Python as a recipe, and where their functions are.

    Attributes
    ----------
    recipe : str
        Text of a recipe with all that is said beside the functions.
    code : mapping of str to Code
        By scenario.
    setup, teardown : Code or None
        What runs once before and after all users.
    tables : mapping
        Rows of data sets by name.
    base_dir : str
        Folder below which the recipe reads files, empty for none.
    """

    recipe: str
    code: Mapping[str, Code]
    setup: Code | None = None
    teardown: Code | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    base_dir: str = ""

    def put_into(self, plan: Plan, *, timeout_s: Any = None) -> Plan:
        """Return the plan with the functions in the place of steps."""
        limit = float(timeout_s) if isinstance(timeout_s, int | float) else 0.0
        # Transactions of a scheduler stay as steps: their weights and sequences are the plan's.
        scenarios = tuple(
            replace(each, steps=each.steps if each.scheduler else (), code=replace(self.code[each.name], timeout_s=limit), data="")
            if each.name in self.code
            else each
            for each in plan.scenarios
        )
        return replace(plan, scenarios=scenarios, setup_code=self.setup, teardown_code=self.teardown).hashed()


def code_source(
    functions: Sequence[Any], *, host: str = "", name: str = "", load: Any = None, thresholds: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None, hosts: Sequence[str] = (), setup: Any = None, teardown: Any = None,
    is_part: bool = False,
) -> CodeSource:  # fmt: skip
    """Return scenarios as a source of plans.

    Parameters
    ----------
    functions : sequence
        Scenarios, or async functions of a user.
    host : str
        Base URL of relative paths.
    hosts : sequence of str
        Further addresses that the code may reach.
    name : str
        Title of the test.
    load : mapping or list
        As in a recipe.
    thresholds : sequence of str
        As in a recipe.
    parameters : mapping
        What the code finds as `user.parameters`.
    setup, teardown : async function
        What runs once before and after all users; by default what the module of the first scenario marks as such.
    is_part : bool
        Recipes are added to it (see `code_mix`): there may be no function.

    Raises
    ------
    InvalidInput
        If something is no scenario, or two have one name.
    """
    scenarios = [each if isinstance(each, ScenarioFunction) else ScenarioFunction(each) for each in functions]
    if not scenarios and not is_part:
        raise InvalidInput("there is no scenario to run.", hint="Mark an async function with @maid_lab.scenario.")
    names = [each.name for each in scenarios]
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        raise InvalidInput(f"two scenarios have the name {twice!r}.", hint='Give one another by @maid_lab.scenario(name="…").')
    sets = FunctionSets(scenarios)
    hooks = _hooks_beside(scenarios[0]) if scenarios else {}
    begin, end = setup or hooks.get("test_start"), teardown or hooks.get("test_stop")
    title = (name or ", ".join(names) or "Recipes together")[:120]
    first = (inspect.getdoc(scenarios[0].function) if scenarios else "") or f"Scenarios in Python: {', '.join(names)}."
    others = [*hosts, *(each.host for each in scenarios if each.host and host)]
    recipe: dict[str, Any] = {
        "schema": "maid.recipe/v1",
        "id": _slug(names[0] if names else "mix"),
        "title": title,
        "description": first[:_MOST_DESCRIPTION],
        "load": load if load is not None else _LOAD,
        "scenarios": [_entry(each, [name for _, name in sets.of(each)]) for each in scenarios],
        "thresholds": list(thresholds),
    }
    if host or others:
        own = [{"base_url": host, "weight": 1}] if host else []
        recipe["target"] = {"hosts": own + [{"base_url": each, "weight": 0 if host else 1} for each in dict.fromkeys(others)]}
        if len(recipe["target"]["hosts"]) == 1:
            recipe["target"] = {"base_url": host or others[0]}
    if sets.tables:
        recipe["data"] = sets.entries()
    if parameters:
        recipe["parameters"] = [
            {"key": key, "type": _TYPES.get(type(value), "json"), "default": value} for key, value in parameters.items()
        ]
    try:
        text = json.dumps(recipe, indent=2, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"the test cannot be written down: {error}.", hint="Give load and parameters as a recipe's file could hold them."
        ) from None
    return CodeSource(
        recipe=text,
        code={
            each.name: replace(_code_of(made, each), data=sets.of(each), proxy=_bare(each.proxy))
            for made, each in zip(functions, scenarios, strict=True)
        },
        setup=_code_of(begin, begin) if begin is not None else None,
        teardown=_code_of(end, end) if end is not None else None,
        tables=sets.tables,
    )


def is_code_reference(reference: str) -> bool:
    """Whether a reference names Python code: `file.py`, or `file.py:function`."""
    return "\n" not in reference and reference.partition(":")[0].endswith(".py")


def read_functions(reference: str) -> list[Any]:
    """Import a Python file and return its scenarios, or the function that is named behind a colon.

    Raises
    ------
    Missing
        If there is no such file, function or scenario.
    InvalidInput
        If the file cannot be imported; says where.
    """
    path, _, wanted = reference.partition(":")
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise Missing(f"Python file {path} is not there.", hint="Check the path.")
    module = _import(file)
    scenarios = {key: value for key, value in vars(module).items() if isinstance(value, ScenarioFunction)}
    if wanted:
        found = getattr(module, wanted, None)
        if found is None:
            raise Missing(f"{path} has no function {wanted!r}.", hint=did_you_mean(wanted, list(scenarios)) or "Check the name.")
        return [found]
    if not scenarios:
        raise Missing(f"{path} has no scenario.", hint="Mark an async function with @maid_lab.scenario, or name one: file.py:function.")
    return list(dict.fromkeys(scenarios.values()))


def _import(file: Path) -> ModuleType:
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise InvalidInput(f"{file} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(file.stem)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except MaidError:
        raise
    except Exception as error:
        if before is None:
            del sys.modules[file.stem]
        else:
            sys.modules[file.stem] = before
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise InvalidInput(f"{file.name} cannot be imported: {type(error).__name__}: {error} ({last.filename}:{last.lineno}).") from None
    return module


def _entry(each: ScenarioFunction, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Return a scenario as a recipe's, with a step in the place of its function or of each of its transactions."""
    stands: list[dict[str, Any]] = [{"think": "1ms"}, *({"set": {name: f"{{{{ data.{name} }}}}"}} for name in sets)]
    entry: dict[str, Any] = {"name": each.name, "weight": each.weight, "session": each.session, "steps": stands}
    if each.transactions:
        entry |= {"scheduler": each.scheduler, "random": "each-loop" if each.each_loop else "once"}
        entry["steps"] = [
            {"transaction": one.name, "weight": one.weight, "steps": stands} | ({} if one.sequence is None else {"sequence": one.sequence})
            for one in each.transactions
        ]
    if each.think is not None:
        entry["think"] = _think(each.think)
    if each.pace:
        entry["pace"] = each.pace
    if each.host:
        entry["host"] = each.host
    return entry


def _think(think: Any) -> Any:
    """Return a think time as a recipe writes it; a pair is a range in seconds."""
    if isinstance(think, tuple | list) and len(think) == 2:
        return {"min": think[0], "max": think[1]}
    return think


def _bare(proxy: str) -> str:
    """Return the address of a proxy without its credentials."""
    return f"http://{proxy.rpartition('@')[2].removeprefix('http://')}" if proxy else ""


def _code_of(made: Any, each: Any) -> Code:
    """Return where a worker finds a function: in its module when that has it by name, else as a pickle."""
    module = sys.modules.get(getattr(made, "__module__", "") or "")
    place = getattr(made, "__qualname__", "")
    file = getattr(module, "__file__", None)
    if module is not None and _at(module, place) is not made:
        place = next((name for name, value in tuple(vars(module).items()) if value is made), place)
    if module is not None and module.__name__ != "__main__" and file and _at(module, place) is made:
        by_name = "." in module.__name__ or _is_found(module)
        return Code(module=module.__name__, function=place, file="" if by_name else file, path=_folders())
    import cloudpickle

    try:
        pickled = cloudpickle.dumps(made)
    except Exception as error:
        name = getattr(each, "__name__", repr(each))
        raise InvalidInput(
            f"{name} cannot be sent to the workers: {type(error).__name__}: {error}.",
            hint="It uses something of this program that cannot travel, such as an open file or connection: make that within the function.",
        ) from None
    return Code(function=getattr(each, "__name__", "scenario"), pickle=base64.b64encode(pickled).decode(), path=_folders())


def _is_found(module: ModuleType) -> bool:
    """Whether a worker finds this very module by its name on the path."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec(module.__name__)
    return spec is not None and spec.origin == getattr(module, "__file__", None)


def _at(module: ModuleType, place: str) -> Any:
    found: Any = module
    for name in place.split("."):
        found = getattr(found, name, None)
    return found


def _folders() -> tuple[str, ...]:
    """Return where this program looks for modules, as absolute paths."""
    return tuple(dict.fromkeys(str(Path(each or ".").resolve()) for each in sys.path))


def _hooks_beside(scenario: ScenarioFunction) -> dict[str, HookFunction]:
    """Return what the module of a scenario marks as test_start and test_stop."""
    function: Any = scenario.transactions[0] if scenario.transactions else scenario
    while hasattr(function, "function"):
        function = function.function
    values: Iterable[Any] = getattr(function, "__globals__", {}).values()
    return {value.kind: value for value in tuple(values) if isinstance(value, HookFunction) and value.__module__ == scenario.__module__}


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return (slug if len(slug) > 1 else f"scenario-{slug}")[:64]
