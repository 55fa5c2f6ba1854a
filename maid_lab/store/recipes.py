"""Recipes in the catalogue: every version that was ever saved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import Missing

if TYPE_CHECKING:
    from maid_lab.store.catalogue import Catalogue

__all__ = ["RecipeRepository", "RecipeRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRow:
    """One version of a recipe."""

    id: str
    version: str
    name: str
    source_yaml: str
    content_hash: str
    description: str = ""
    category: str = "custom"
    tags: tuple[str, ...] = ()
    source: str = "user"
    config_json: dict[str, Any] = field(default_factory=dict)


class RecipeRepository:
    """Recipe versions.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def add(self, row: RecipeRow) -> None:
        """Keep a version; one that is there already is left as it is: versions are never altered."""
        self._catalogue.execute(
            "insert or ignore into maid_recipes (id, version, name, description, category, config_json, source_yaml, tags, content_hash, source, "
            "created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, now(), now())",
            [
                row.id, row.version, row.name, row.description, row.category, json.dumps(row.config_json), row.source_yaml, list(row.tags),
                row.content_hash, row.source,
            ],
        )  # fmt: skip

    def get(self, recipe_id: str, version: str | None = None) -> RecipeRow:
        """Return a version, the newest by default.

        Raises
        ------
        Missing
            If there is none.
        """
        found = [row for row in self.versions(recipe_id) if version in (None, row.version)]
        if not found:
            wanted = f"{recipe_id}@{version}" if version else recipe_id
            raise Missing(f"the catalogue has no recipe {wanted}.", hint="maid recipes lists them.")
        return found[0]

    def versions(self, recipe_id: str) -> list[RecipeRow]:
        """Return all versions, newest first."""
        rows = self._catalogue.read(
            "select id, version, name, description, category, config_json, source_yaml, tags, content_hash, source from maid_recipes where id = ? "
            "order by created_at desc",
            [recipe_id],
        )
        return [
            RecipeRow(**{**row, "config_json": json.loads(row["config_json"] or "{}"), "tags": tuple(row["tags"] or ())}) for row in rows
        ]

    def ids(self) -> list[str]:
        """Return the ids of all recipes."""
        return [row["id"] for row in self._catalogue.read("select distinct id from maid_recipes order by id")]
