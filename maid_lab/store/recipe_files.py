"""Recipes that people saved, as files `recipes/<id>@<version>.yaml`: what the catalogue's recipes are rebuilt from."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maid_lab.store.recipes import RecipeRepository, RecipeRow

if TYPE_CHECKING:
    from maid_lab.store.catalogue import Catalogue

__all__ = ["adopt_recipes"]

log = logging.getLogger(__name__)

_NAME: Final = re.compile(r"(?P<id>[^@/]+)@(?P<version>[^@/]+)\.yaml")


def adopt_recipes(catalogue: Catalogue, home: Path) -> int:
    """Bring the versions that lie in files into the catalogue; returns how many files were read. Versions that are there stay as they are."""
    repository = RecipeRepository(catalogue)
    adopted = 0
    folder = home / "recipes"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        row = _row_of(path)
        if row is not None:
            repository.add(row)
            adopted += 1
    return adopted


def _row_of(path: Path) -> RecipeRow | None:
    import yaml

    from maid_lab.model.recipe.identity import content_hash

    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        log.warning("%s cannot be read and is left out: %s", path, error)
        return None
    if not isinstance(data, dict):
        log.warning("%s is not a recipe and is left out", path)
        return None
    return RecipeRow(
        id=match["id"],
        version=match["version"],
        name=str(data.get("title") or match["id"]),
        description=str(data.get("description") or ""),
        category=str(data.get("category") or "custom"),
        tags=tuple(str(tag) for tag in data.get("labels") or ()),
        source_yaml=text,
        content_hash=content_hash(data),
    )
