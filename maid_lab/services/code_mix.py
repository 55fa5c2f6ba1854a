"""Tests that mix functions and recipes: one recipe of the scenarios of all, which share the users by weight."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from maid_lab.model.recipe.loading import Loaded
    from maid_lab.services.code import CodeSource

__all__ = ["Part", "mixed", "parts_of"]

#: Of a recipe alone; a mix has its own.
_OWN: Final = frozenset(
    {"schema", "id", "version", "title", "description", "language", "category", "labels", "author", "license", "notes", "requires", "presets",
     "load", "seed", "scheduler", "random", "scenarios", "thresholds", "target"}
)  # fmt: skip
#: Lists whose entries are told apart by a key.
_KEYED: Final = {"parameters": "key", "data": "name", "include": "name", "extensions": "id"}
_FILE_KEYS: Final = frozenset({"body_file", "ca", "cert"})
_MOST_WEIGHT: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One entry of a list to run: a function or scenario, or the reference of a recipe; `weight` is None for its own."""

    what: Any
    weight: int | None = None

    @property
    def is_recipe(self) -> bool:
        """Whether it names a recipe."""
        return isinstance(self.what, str)


def parts_of(targets: Sequence[Any]) -> list[Part]:
    """Return the entries of a list: functions, recipes (id, path, text), Python files, each alone or as a pair with its weight.

    Raises
    ------
    InvalidInput
        If an entry is none of these, or a weight is no whole number above 0.
    Missing
        If a Python file or its function is not there.
    """
    from maid_lab.services.code import is_code_reference, read_functions

    found: list[Part] = []
    for target in targets:
        what, weight = target if isinstance(target, tuple) and len(target) == 2 else (target, None)
        if weight is not None and (type(weight) is not int or not 0 < weight <= _MOST_WEIGHT):
            raise InvalidInput(f"the weight {weight!r} of {what!r} is no whole number from 1 to {_MOST_WEIGHT}.")
        if callable(what):
            found.append(Part(what=what, weight=weight))
        elif isinstance(what, str) or hasattr(what, "__fspath__"):
            reference = str(what)
            if is_code_reference(reference):
                found += [Part(what=function, weight=weight) for function in read_functions(reference)]
            else:
                found.append(Part(what=reference, weight=weight))
        else:
            raise InvalidInput(
                f"{what!r} cannot be run.",
                hint="A list holds functions of a user, ids or paths of recipes, or pairs of these with a weight.",
            )
    return found


def mixed(source: CodeSource, recipes: Sequence[tuple[Loaded, int | None]], *, parts: Sequence[Part], host: str = "") -> CodeSource:
    """Return functions and recipes as one source of plans.

    The load is that of the call. A recipe with a weight has this share for all its scenarios, which divide it by their own; one without
    brings the weights of its scenarios. Each scenario of a recipe goes to the recipe's own target, or to `host` when that is given. Thresholds
    of all hold; everything else (data, variables, setup, limits, …) is taken over.

    Parameters
    ----------
    source : CodeSource
        The functions.
    recipes : sequence of pairs
        Recipes that were read, with their weights.
    parts : sequence of Part
        The whole list, for the weights of its functions.
    host : str
        Base URL of all.

    Raises
    ------
    InvalidInput
        If a recipe is wrong, two say different things about one matter, or both read files of different folders.
    """
    mix: dict[str, Any] = json.loads(source.recipe)
    given = [part.weight for part in parts if not part.is_recipe]
    entries = [(entry, entry["weight"] if own is None else own, 1) for entry, own in zip(mix["scenarios"], given, strict=True)]
    origin = {entry["name"]: "a function" for entry, _, _ in entries}
    said: dict[tuple[str, Any], str] = {}
    folder = ""
    _same_defaults([loaded.document.data.get("target") or {} for loaded, _ in recipes if isinstance(loaded.document.data, dict)])
    for loaded, weight in recipes:
        if loaded.recipe is None or any(finding.severity == "error" for finding in loaded.diagnostics):
            errors = sum(finding.severity == "error" for finding in loaded.diagnostics)
            raise InvalidInput(f"{loaded.source or 'the recipe'} has {errors} errors.", diagnostics=loaded.diagnostics)
        name, data = loaded.recipe.id, json.loads(json.dumps(loaded.document.data, default=str))
        folder = _folder(folder, loaded, data, name)
        target = data.get("target") or {}
        _take(mix, {key: value for key, value in data.items() if key not in _OWN and not key.startswith("x-")}, name, said)
        mix["thresholds"] += [text for text in data.get("thresholds", ()) if text not in mix["thresholds"]]
        _aim(mix, target, data["scenarios"], name, host=host)
        total = sum(each.get("weight", 1) for each in data["scenarios"]) or 1
        for entry in data["scenarios"]:
            if entry["name"] in origin:
                raise InvalidInput(
                    f"scenario {entry['name']!r} stands in recipe {name} and in {origin[entry['name']]}.", hint="Rename one."
                )
            origin[entry["name"]] = f"recipe {name}"
            own = entry.get("weight", 1)
            entries.append((entry, own, 1) if weight is None else (entry, weight * own, total))
    if (source.setup is not None and mix.get("setup")) or (source.teardown is not None and mix.get("teardown")):
        raise InvalidInput("a recipe has setup or teardown, and so have the functions.", hint="Keep one of them.")
    if not any(weight for _, weight, _ in entries):
        raise InvalidInput("all scenarios of the list have the weight 0.", hint="Give at least one a weight.")
    mix["scenarios"] = _weighted(entries)
    return replace(source, recipe=json.dumps(mix, indent=2, ensure_ascii=False), base_dir=folder)


def _take(mix: dict[str, Any], data: dict[str, Any], name: str, said: dict[tuple[str, Any], str]) -> None:
    """Take over what a recipe says beside its scenarios; nothing may be said twice and differently."""

    def agree(place: tuple[str, Any], old: Any, new: Any) -> bool:
        if old is not None and old != new:
            raise InvalidInput(
                f"recipe {name} says something else of {' '.join(map(str, place)).strip()} than {said.get(place, 'the call')}.",
                hint="Rename one of them, or run them one after the other.",
            )
        said.setdefault(place, f"recipe {name}")
        return old is None

    for field, value in data.items():
        if field in _KEYED:
            listed = mix.setdefault(field, [])
            known = {each[_KEYED[field]]: each for each in listed}
            listed += [each for each in value if agree((field, each[_KEYED[field]]), known.get(each[_KEYED[field]]), each)]
        elif field == "variables":
            known = mix.setdefault(field, {})
            for key, each in value.items():
                if agree((field, key), known.get(key), each):
                    known[key] = each
        elif agree((field, ""), mix.get(field), value):
            mix[field] = value


def _aim(mix: dict[str, Any], target: dict[str, Any], scenarios: list[dict[str, Any]], name: str, *, host: str) -> None:
    """Let the scenarios of a recipe go to its own target; the first target is that of the functions too."""
    known, base = mix.get("target"), target.get("base_url")
    rest = {key: value for key, value in target.items() if key != "base_url"}
    if not known:
        mix["target"] = target
    elif "hosts" in known and "hosts" in rest:
        raise InvalidInput(f"recipe {name} has several hosts, and so has the list before it.", hint="Give host, or run it alone.")
    else:
        mix["target"] = known | rest
    if known and base and base != known.get("base_url") and not host:
        for entry in scenarios:
            entry.setdefault("host", base)


def _same_defaults(targets: Sequence[dict[str, Any]]) -> None:
    """Refuse recipes that say different things of their targets: headers and credentials of one must not go to another's."""
    rests = [{key: value for key, value in target.items() if key not in ("base_url", "hosts")} for target in targets]
    if any(rest != rests[0] for rest in rests):
        raise InvalidInput(
            "the recipes of the list say different things of their targets beside base_url.",
            hint="Give all the same, or say it in each step.",
        )


def _folder(folder: str, loaded: Loaded, data: dict[str, Any], name: str) -> str:
    reads = any("path" in each for key in ("data", "include") for each in data.get(key, ())) or bool(_FILE_KEYS & set(_keys(data)))
    if not reads or loaded.base_dir is None:
        return folder
    if folder and Path(folder) != loaded.base_dir:
        raise InvalidInput(f"recipe {name} reads files of another folder than a recipe before it.", hint="Put both into one folder.")
    return str(loaded.base_dir)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)


def _weighted(entries: list[tuple[dict[str, Any], int, int]]) -> list[dict[str, Any]]:
    """Return scenarios with whole weights in the proportion of fractions."""
    common = prod({divisor for _, _, divisor in entries})
    whole = [weight * common // divisor for _, weight, divisor in entries]
    shared = gcd(*whole) or 1
    if max(whole) // shared > _MOST_WEIGHT:
        raise InvalidInput("the weights of this list have no small common divisor.", hint="Give rounder weights.")
    return [entry | {"weight": weight // shared} for (entry, _, _), weight in zip(entries, whole, strict=True)]
