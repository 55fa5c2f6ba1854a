"""Values of parameters by precedence: default, preset, what the caller gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maid_lab.model.diagnostics import Diagnostic
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.recipe.loading import Loaded
from maid_lab.model.recipe.top import Parameter, Recipe
from maid_lab.model.recipe.values import ParameterError, parameter_value

__all__ = ["Values", "resolve_parameters"]


class Values:
    """Typed values, secrets apart, and what was wrong."""

    def __init__(self) -> None:
        self.plain: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}
        self.found: list[Diagnostic] = []


def resolve_parameters(loaded: Loaded, given: Mapping[str, Any], preset: str, environment: Mapping[str, str]) -> Values:
    """Return the value of each parameter: default, then preset, then what was given; secrets from the caller, else the environment."""
    recipe = loaded.recipe
    values = Values()
    if recipe is None:
        return values
    chosen = _preset(recipe, preset, loaded, values)
    keys = {parameter.key for parameter in recipe.parameters}
    for key in given:
        if key not in keys:
            _say(values, loaded, "E408", f"the recipe has no parameter {key!r}", did_you_mean(key, keys) or "It has none.", "/parameters")
    for index, parameter in enumerate(recipe.parameters):
        _resolve(parameter, {**chosen, **given}, environment, f"/parameters/{index}", loaded, values)
    return values


def _preset(recipe: Recipe, preset: str, loaded: Loaded, values: Values) -> Mapping[str, Any]:
    if not preset:
        return {}
    if preset not in recipe.presets:
        known = recipe.presets
        _say(values, loaded, "E221", f"the recipe has no preset {preset!r}", did_you_mean(preset, known) or "It has none.", "/presets")
        return {}
    return recipe.presets[preset]


def _resolve(
    parameter: Parameter, given: Mapping[str, Any], environment: Mapping[str, str], pointer: str, loaded: Loaded, values: Values
) -> None:
    key = parameter.key
    is_secret = parameter.type == "secret"
    variable = parameter.env or f"MAID_SECRET_{key.upper()}"
    if key in given:
        raw = given[key]
    elif is_secret and variable in environment:
        raw = environment[variable]
    elif "default" in parameter.model_fields_set:
        raw = parameter.default
    elif parameter.required:
        code, hint = ("E310", f"Set {variable} or give it in a form.") if is_secret else ("E408", f"Give it: --param {key}=…")
        _say(values, loaded, code, f"parameter {key!r} has no value", hint, pointer)
        return
    else:
        raw = None
    if raw is None:
        if not is_secret:
            values.plain[key] = None
        return
    try:
        typed = parameter_value(parameter, raw)
    except ParameterError as error:
        message = "its value is not allowed" if is_secret else str(error)
        _say(values, loaded, "E409", f"parameter {key!r}: {message}", parameter.description or "Give an allowed value.", pointer)
        return
    if is_secret:
        values.secrets[key] = typed
    else:
        values.plain[key] = typed


def _say(values: Values, loaded: Loaded, code: str, message: str, hint: str, pointer: str) -> None:
    line, column = loaded.document.place(pointer)
    values.found.append(
        Diagnostic(code=code, severity="error", message=message, hint=hint, pointer=pointer, line=line, column=column, source=loaded.source)
    )
