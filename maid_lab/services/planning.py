"""From a recipe to a plan: reading, validating, values, overrides, secrets. Nothing is sent and nothing is resolved here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.services.access.principal import LOCAL, Principal

if TYPE_CHECKING:
    from maid_lab.model.diagnostics import Diagnostic
    from maid_lab.model.plan import Plan
    from maid_lab.model.recipe.loading import Loaded
    from maid_lab.services.code import CodeSource
    from maid_lab.services.library import RecipeLibrary, RecipeSource
    from maid_lab.services.settings import Settings

__all__ = ["Planned", "Planner", "card_of", "load_source", "recipe_schema"]

#: Setting → name of the override.
_ENGINE_OPTIONS: Final = {"timeout": "timeout", "throttle_requests": "throttle"}
_ABOVE_RECIPE: Final = frozenset({"environment", "flag"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with what belongs to it.

    Attributes
    ----------
    diagnostics : tuple of Diagnostic
        Warnings and advice; a plan has no errors.
    recipe_text : str
        The recipe as it was written.
    source : str
        Name of the recipe in diagnostics.
    secrets : mapping
        Values of secret parameters; never written anywhere.
    approvals : frozenset of str
        Ids of the approvals that the plan needs.
    auto_stop : bool
        Whether the run is to be stopped when most of its requests fail.
    by : Principal
        Who planned it.
    """

    plan: Plan
    diagnostics: tuple[Diagnostic, ...] = ()
    recipe_text: str = ""
    source: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    approvals: frozenset[str] = frozenset()
    auto_stop: bool = False
    by: Principal = LOCAL


class Planner:
    """Turns recipes into plans.

    Parameters
    ----------
    library : RecipeLibrary
        Finds recipes by id or path.
    settings : Settings
        Engine options: those of files yield to the recipe, those of the environment and of flags win over it.
    environment : mapping
        Where secrets may stand.
    """

    def __init__(self, library: RecipeLibrary, settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
        self._library = library
        self._settings = settings
        self._environment = environment

    def use(self, settings: Settings) -> None:
        """Take other settings, from the next plan on."""
        self._settings = settings

    def plan(
        self,
        recipe: str,
        parameters: Mapping[str, Any],
        overrides: Mapping[str, Any],
        *,
        preset: str = "",
        shapes: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        code: CodeSource | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Planned:
        """Return the plan of a recipe; its targets are not resolved yet.

        Parameters
        ----------
        shapes : mapping of str to Shape
            Load shapes in Python that the recipe names (see `model.shapes`).
        data : mapping of str to table
            Rows for data sets of the recipe instead of what they name: data frames, Arrow tables or lists of mappings.
        code : CodeSource
            Functions that take the place of the steps of scenarios.
        changes : mapping
            Fields of the recipe with other values, as in its file: `load`, `thresholds`.

        Raises
        ------
        Missing
            If there is no such recipe.
        InvalidInput
            If the recipe, a parameter, an override or a table is wrong; with the diagnostics.
        """
        from maid_lab.model.planner import make_plan
        from maid_lab.services.datasets import read_data
        from maid_lab.services.recordings import read_recording
        from maid_lab.services.tables import given_rows, reading_given

        loaded = load_source(self._library.find(recipe), base_dir=code.base_dir if code is not None else "")
        if changes:
            loaded = _changed(loaded, changes)
        tables = {**(code.tables if code is not None else {}), **(data or {})}
        result = make_plan(
            self._with_defaults(loaded),
            parameters=parameters,
            preset=preset,
            overrides={**self._forced(), **overrides},
            environment=self._environment,
            read_data=reading_given(given_rows(loaded.recipe, tables), partial(read_data, files=loaded.files)),
            read_recording=partial(read_recording, files=loaded.files),
            shapes=shapes,
        )
        if result.plan is None:
            errors = sum(finding.severity == "error" for finding in result.diagnostics)
            raise InvalidInput(f"{loaded.source or 'the recipe'} has {errors} errors.", diagnostics=result.diagnostics)
        plan = result.plan if code is None else code.put_into(result.plan, timeout_s=overrides.get("timeout"))
        return Planned(plan=plan, diagnostics=result.diagnostics, recipe_text=loaded.text, source=loaded.source, secrets=result.secrets)

    def _forced(self) -> dict[str, Any]:
        """Engine options that win over the recipe."""
        values = {
            setting: getattr(self._settings, setting) for setting in _ENGINE_OPTIONS if self._settings.layer(setting) in _ABOVE_RECIPE
        }
        return {_ENGINE_OPTIONS[setting]: value for setting, value in values.items() if value is not None}

    def _with_defaults(self, loaded: Loaded) -> Loaded:
        """Give a recipe that does not say them the engine options of the settings files."""
        recipe, settings = loaded.recipe, self._settings
        if recipe is None:
            return loaded
        if settings.throttle_requests and recipe.throttle is None:
            recipe = recipe.model_copy(update={"throttle": settings.throttle_requests})
        if settings.timeout is not None and recipe.target.defaults.timeout is None:
            defaults = recipe.target.defaults.model_copy(update={"timeout": settings.timeout})
            recipe = recipe.model_copy(update={"target": recipe.target.model_copy(update={"defaults": defaults})})
        return replace(loaded, recipe=recipe)


def _changed(loaded: Loaded, changes: Mapping[str, Any]) -> Loaded:
    """Return a recipe with other values of some of its fields; one that cannot be read stays as it is."""
    from maid_lab.model.recipe.loading import parse_recipe

    data = loaded.document.data
    if not isinstance(data, dict):
        return loaded
    try:
        text = json.dumps({**data, **changes}, indent=2, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{', '.join(changes)} cannot be written into the recipe: {error}.", hint="Give what a recipe's file could hold."
        ) from None
    return parse_recipe(text, source=loaded.source, base_dir=loaded.base_dir, files=loaded.files)


def load_source(source: RecipeSource, *, base_dir: str = "") -> Loaded:
    """Read and validate a recipe, levels L0 to L2; what is wrong is in its diagnostics. `base_dir` is where a text reads files."""
    from maid_lab.model.recipe.loading import load_recipe, parse_recipe

    if source.path is not None:
        return load_recipe(source.path, files=source.files)
    return parse_recipe(source.text, source=source.name, base_dir=Path(base_dir) if base_dir else None, files=source.files)


def card_of(source: RecipeSource) -> dict[str, str]:
    """Return what a list of recipes shows of one; a recipe with errors shows them as its title."""
    loaded = load_source(source)
    card = {"id": source.name, "origin": source.origin, "category": "", "title": "", "presets": "", "description": ""}
    recipe = loaded.recipe
    if recipe is None:
        return card | {"title": f"(not valid: {loaded.diagnostics[0]})"}
    presets = ", ".join(recipe.presets)
    return card | {"category": recipe.category, "title": recipe.title, "presets": presets, "description": recipe.description}


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipes."""
    from maid_lab.model.recipe.identity import json_schema

    return json_schema()
