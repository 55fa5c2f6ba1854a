"""The recipe file `maid.recipe/v1`: tree, loading, validation, identity.

Names are loaded on first use: the tree needs pydantic, which is not wanted where only a plan is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maid_lab.model.recipe.identity import content_hash, json_schema, trust_hash
    from maid_lab.model.recipe.loading import Loaded, load_recipe, parse_recipe
    from maid_lab.model.recipe.top import Recipe

__all__ = ["Loaded", "Recipe", "content_hash", "json_schema", "load_recipe", "parse_recipe", "trust_hash"]

_HOMES: Final = {
    "Loaded": "loading",
    "Recipe": "top",
    "content_hash": "identity",
    "json_schema": "identity",
    "load_recipe": "loading",
    "parse_recipe": "loading",
    "trust_hash": "identity",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
