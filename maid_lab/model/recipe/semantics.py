"""Level L2: what a recipe means, beyond its form."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from maid_lab.model.diagnostics import Diagnostic, Severity
from maid_lab.model.expressions import NAMESPACES
from maid_lab.model.files import FOLDER_ONLY, Files
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.recipe.document import Document
from maid_lab.model.recipe.scopes import Leaf, Names, expressions_in, names_of
from maid_lab.model.recipe.top import Recipe
from maid_lab.model.templates import is_template
from maid_lab.model.thresholds import Threshold, parse_threshold

__all__ = ["check_meaning", "request_name"]

_PLAN_FIELDS: Final = ("target", "load", "data", "limits", "monitors", "thresholds", "variables", "throttle", "outputs", "include")
_RUN_ROOTS: Final = frozenset({"row", "data", "vu", "iter", "run", "last"})
_FIELDS: Final = {"vu": {"id", "scenario"}, "run": {"id", "elapsed"}, "last": {"status", "ok", "ms"}}
_SECRET: Final = re.compile(r"(?i)\b(?:bearer\s+[\w.~+/-]{20,}|(?:sk|pk|ghp|xox[abp])[-_][\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,}\.)")
_WRITING: Final = ("post", "put", "patch", "delete")
_LOCAL: Final = re.compile(r"^(?:demo:|https?://(?:localhost|127\.|\[::1\]))")


class _Findings:
    def __init__(self, document: Document) -> None:
        self._document = document
        self.found: list[Diagnostic] = []

    def add(self, code: str, message: str, hint: str, pointer: str, *, severity: Severity | None = None) -> None:
        line, column = self._document.place(pointer)
        kind: Severity = severity or ("warning" if code[0] == "W" else "error")
        self.found.append(
            Diagnostic(
                code=code,
                severity=kind,
                message=message,
                hint=hint or "Nothing of that kind is defined here.",
                pointer=pointer,
                line=line,
                column=column,
                source=self._document.source,
            )
        )


def check_meaning(recipe: Recipe, document: Document, base_dir: Path | None, files: Files = FOLDER_ONLY) -> list[Diagnostic]:
    """Return what is wrong with, or unwise in, a recipe whose form is right."""
    findings = _Findings(document)
    used = _check_names(document.data, findings, base_dir, files)
    for check in (_duplicates, _references, _parameters, _weights, _thresholds, _advice):
        check(recipe, document.data, findings)
    _unused(recipe, used, findings)
    return findings.found


# ---- names


def _check_names(data: dict[str, Any], findings: _Findings, base_dir: Path | None, files: Files) -> set[str]:
    used: set[str] = set()
    common = names_of(data, None, base_dir, files)
    for field in _PLAN_FIELDS:
        plan_names = Names(common.params, common.secrets, frozenset(map(str, data.get("variables") or {})))
        for leaf in expressions_in(data.get(field), f"/{field}"):
            used |= _check_leaf(leaf, plan_names, findings, is_plan=True)
    for field in ("setup", "teardown"):
        for leaf in expressions_in(data.get(field), f"/{field}"):
            names = Names(
                common.params, common.secrets, common.variables | names_of(data, {"steps": data.get(field)}, base_dir, files).variables
            )
            used |= _check_leaf(leaf, names, findings)
    for index, scenario in enumerate(data["scenarios"]):
        names = names_of(data, scenario, base_dir, files)
        for leaf in expressions_in(scenario, f"/scenarios/{index}"):
            used |= _check_leaf(leaf, names, findings)
    return used


def _check_leaf(leaf: Leaf, names: Names, findings: _Findings, *, is_plan: bool = False) -> set[str]:
    used: set[str] = set()
    for name in sorted(leaf.names):
        root, _, member = name.partition(".")
        if root in NAMESPACES:
            used.add(name)
            if is_plan and root in _RUN_ROOTS:
                findings.add(
                    "E213",
                    f"{name} is only known while running, {leaf.pointer} is computed before",
                    "Use params, variables or a constant.",
                    leaf.pointer,
                )
            else:
                _check_member(root, member, leaf, names, findings)
            continue
        spaces = names.spaces_of(name)
        if len(spaces) == 1:
            used.add(f"{spaces[0]}.{name}")
        elif len(spaces) > 1:
            options = " or ".join(f"{space}.{name}" for space in spaces)
            findings.add("E212", f"the name {name!r} stands for several things", f"Write {options}.", leaf.pointer)
            used |= {f"{space}.{name}" for space in spaces}
        elif names.row is not None:
            findings.add("E211", f"the name {name!r} is not known here", did_you_mean(name, names.all()), leaf.pointer)
        else:
            used.add(f"row.{name}")
    return used


def _check_member(root: str, member: str, leaf: Leaf, names: Names, findings: _Findings) -> None:
    known: dict[str, Any] = {
        "params": names.params,
        "secrets": names.secrets,
        "vars": names.variables,
        "row": names.row,
        "data": names.data,
    }
    options = known.get(root, _FIELDS.get(root))
    if member and options is not None and member not in options:
        findings.add("E211", f"{root} has no {member!r}", did_you_mean(member, options), leaf.pointer)


# ---- definitions


def _duplicates(recipe: Recipe, _data: Any, findings: _Findings) -> None:
    lists: tuple[tuple[str, str, list[Any]], ...] = (
        ("parameters", "key", recipe.parameters),
        ("scenarios", "name", recipe.scenarios),
        ("data", "name", recipe.data),
        ("include", "name", recipe.include),
    )
    for field, key, items in lists:
        seen: set[str] = set()
        for index, item in enumerate(items):
            value = getattr(item, key)
            if value in seen:
                findings.add("E220", f"{field}: the {key} {value!r} stands twice", "Give each its own.", f"/{field}/{index}/{key}")
            seen.add(value)


def _references(recipe: Recipe, data: Any, findings: _Findings) -> None:
    sets, fragments = {item.name for item in recipe.data}, {item.name for item in recipe.include}
    scenarios = [scenario.name for scenario in recipe.scenarios]
    for index, scenario in enumerate(recipe.scenarios):
        if scenario.data is not None and scenario.data not in sets:
            findings.add("E221", f"there is no data set {scenario.data!r}", did_you_mean(scenario.data, sets), f"/scenarios/{index}/data")
        if scenario.scheduler is not None:
            for number, step in enumerate(data["scenarios"][index]["steps"]):
                if "transaction" not in step:
                    pointer = f"/scenarios/{index}/steps/{number}"
                    findings.add("E105", "with a scheduler all top-level steps are transactions", "Wrap the step in one.", pointer)
    for index, load in enumerate(recipe.load):
        for name in load.scenarios or []:
            if not any(fnmatch.fnmatchcase(known, name) for known in scenarios):
                pointer = f"/load/{index}/scenarios" if isinstance(data["load"], list) else "/load/scenarios"
                findings.add("E221", f"there is no scenario {name!r}", did_you_mean(name, scenarios), pointer)
    for pointer, step in _steps_in(data, ""):
        if isinstance(step.get("use"), str) and step["use"] not in fragments:
            findings.add("E221", f"there is no include {step['use']!r}", did_you_mean(step["use"], fragments), f"{pointer}/use")
        if "wait_for" in step and not pointer.startswith("/setup"):
            findings.add("E112", "wait_for stands outside setup", "Move it to setup.", pointer)


def _parameters(recipe: Recipe, _data: Any, findings: _Findings) -> None:
    from maid_lab.model.recipe.values import ParameterError, parameter_value

    keys = {parameter.key: parameter for parameter in recipe.parameters}
    for index, parameter in enumerate(recipe.parameters):
        if "default" in parameter.model_fields_set:
            try:
                parameter_value(parameter, parameter.default)
            except ParameterError as error:
                findings.add(
                    "E223", f"the default of {parameter.key} is not allowed: {error}", "Mend one of them.", f"/parameters/{index}/default"
                )
    for name, values in recipe.presets.items():
        for key, value in values.items():
            pointer = f"/presets/{name}/{key}"
            if key not in keys:
                findings.add("E221", f"preset {name} sets {key!r}, which is no parameter", did_you_mean(key, keys), pointer)
            elif keys[key].type == "secret":
                findings.add("E224", f"preset {name} sets the secret {key}", "Remove it: secrets come from the caller.", pointer)
            else:
                try:
                    parameter_value(keys[key], value)
                except ParameterError as error:
                    findings.add("E223", f"preset {name}: {key} is not allowed: {error}", "Mend the preset.", pointer)


def _weights(recipe: Recipe, _data: Any, findings: _Findings) -> None:
    if not any(scenario.weight for scenario in recipe.scenarios):
        findings.add("E232", "all scenarios have weight 0, so none would run", "Give at least one a weight.", "/scenarios")


# ---- thresholds and advice


def _thresholds(recipe: Recipe, data: Any, findings: _Findings) -> None:
    parsed = [(index, parse_threshold(text)) for index, text in enumerate(recipe.thresholds) if not is_template(text)]
    for index, threshold in parsed:
        known = _selectable(recipe, data, threshold)
        if known is not None and not any(fnmatch.fnmatchcase(name, threshold.selector) for name in known):
            message = f"the threshold selects no {threshold.selector_kind}: there is no {threshold.selector!r}"
            findings.add("W233", message, did_you_mean(threshold.selector, known), f"/thresholds/{index}")
    if not recipe.thresholds:
        findings.add("W241", "the recipe has no thresholds, so its runs have no verdict", "Add for example error_rate < 1%.", "")
    stats = {threshold.stat for _, threshold in parsed}
    if parsed and any(threshold.is_time for _, threshold in parsed) and "error_rate" not in stats:
        message = "a latency threshold without error_rate: fast errors would pass"
        findings.add("W242", message, "Add error_rate < 1%.", "/thresholds")


def _selectable(recipe: Recipe, data: Any, threshold: Threshold) -> set[str] | None:
    if threshold.selector_kind == "scenario":
        return {scenario.name for scenario in recipe.scenarios}
    names = {"transaction": "transaction", "request": "name"}.get(threshold.selector_kind)
    if names is None:
        return None
    found: set[str] = set()
    for _, step in _steps_in(data, ""):
        if names == "transaction" and "transaction" in step:
            found.add(str(step["transaction"]))
        elif names == "name":
            if "name" in step:
                found.add(str(step["name"]))
            elif "sse" not in step and "page" not in step:
                found |= _default_names(step)
    return found if not recipe.include else None


def _default_names(step: dict[str, Any]) -> set[str]:
    from maid_lab.model.recipe.steps import METHODS

    for method in METHODS:
        if method in step:
            url = step[method] if isinstance(step[method], str) else str((step[method] or {}).get("url", ""))
            return {request_name(method.upper(), url)}
    return set()


def request_name(method: str, url: str) -> str:
    """Return the default name of a request: method and path, expressions as written, without query."""
    path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/{]*", "", url)
    depth_safe = re.sub(r"\{\{.*?\}\}", lambda match: match.group().replace("?", "\0").replace("#", "\1"), path)
    bare = re.split(r"[?#]", depth_safe, maxsplit=1)[0].replace("\0", "?").replace("\1", "#")
    return f"{method} {bare if bare.startswith(('/', '{{')) else '/' + bare}"


def _advice(recipe: Recipe, data: Any, findings: _Findings) -> None:
    is_local = recipe.target.base_url is None or is_template(recipe.target.base_url) or bool(_LOCAL.match(recipe.target.base_url))
    for pointer, step in _steps_in(data, ""):
        method = next((key for key in _WRITING if key in step), "")
        if method and not is_local:
            findings.add("W246", f"{method.upper()} changes data at a target outside this machine", "Make sure it may.", pointer)
    for pointer, text in _texts(data, ""):
        if _SECRET.search(text):
            findings.add("W245", "the text looks like a secret", "Make it a parameter of type secret.", pointer)
    closed = [load for load in recipe.load if not _is_open(load)]
    thinks = any(scenario.think is not None or scenario.pace for scenario in recipe.scenarios) or any(
        "think" in step for _, step in _steps_in(data, "")
    )
    if closed and not thinks:
        findings.add(
            "W243",
            "users have no think time: each sends as fast as it can",
            "Add think: 1s to scenarios if people are meant.",
            "/scenarios",
        )


def _is_open(load: Any) -> bool:
    return (
        getattr(load, "rate", None) is not None
        or getattr(load, "profile", "") in ("ramping-rate", "replay")
        or getattr(load, "unit", "") == "rate"
    )


def _unused(recipe: Recipe, used: set[str], findings: _Findings) -> None:
    for index, parameter in enumerate(recipe.parameters):
        space = "secrets" if parameter.type == "secret" else "params"
        if f"{space}.{parameter.key}" not in used:
            message = f"parameter {parameter.key!r} is never used"
            findings.add("W210", message, f"Remove it or refer to it as {{{{ {parameter.key} }}}}.", f"/parameters/{index}/key")
    for name in recipe.variables:
        if f"vars.{name}" not in used:
            findings.add("W225", f"variable {name!r} is never used", "Remove it.", f"/variables/{name}")
    for index, data_set in enumerate(recipe.data):
        is_default = any(scenario.data == data_set.name for scenario in recipe.scenarios)
        if not is_default and f"data.{data_set.name}" not in used:
            findings.add("W225", f"data set {data_set.name!r} is never used", "Name it in a scenario's data.", f"/data/{index}")


def _steps_in(tree: Any, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each step with its pointer, at any depth."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            below = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key in ("steps", "on_start", "on_stop", "setup", "teardown", "then", "else", "default") and isinstance(value, list):
                for index, step in enumerate(value):
                    if isinstance(step, dict):
                        yield f"{below}/{index}", step
                        yield from _steps_in(step, f"{below}/{index}")
            elif key == "cases" and isinstance(value, dict):
                for case, steps in value.items():
                    yield from _steps_in({"steps": steps}, f"{below}/{case}")
            elif key in ("scenarios", "random", "branches"):
                for index, item in enumerate(value if isinstance(value, list) else []):
                    yield from _steps_in(item if isinstance(item, dict) else {"steps": item}, f"{below}/{index}")


def _texts(tree: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        yield pointer, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _texts(value, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _texts(value, f"{pointer}/{index}")
