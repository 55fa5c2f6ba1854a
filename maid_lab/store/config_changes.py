"""Changes of the configuration: who changed what, from what, to what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from maid_lab.model.run_record import new_run_id

if TYPE_CHECKING:
    from maid_lab.store.catalogue import Catalogue

__all__ = ["ConfigChangeRepository"]


class ConfigChangeRepository:
    """Rows of `maid_config_changes`.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def add(self, user_id: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Keep one change."""
        self._catalogue.execute(
            'insert into maid_config_changes (id, user_id, before_json, after_json, "at") values (?, ?, ?, ?, ?)',
            [new_run_id(), user_id, json.dumps(before), json.dumps(after), datetime.now(UTC)],
        )

    def newest(self, *, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """Return changes, newest first: `id`, `user_id`, `before`, `after`, `at`; ids sort by time.

        Parameters
        ----------
        before : str, optional
            Only changes older than the one with this id.
        """
        rows = self._catalogue.read(
            'select id::varchar as id, user_id, before_json, after_json, epoch_us("at") as stamp from maid_config_changes '
            "where ? is null or id::varchar < ? order by id::varchar desc limit ?",
            [before, before, limit],
        )
        return [
            {
                "id": row["id"], "user_id": row["user_id"], "before": json.loads(row["before_json"]), "after": json.loads(row["after_json"]),
                "at": (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["stamp"])).isoformat(),
            }
            for row in rows
        ]  # fmt: skip

    def count(self) -> int:
        """Return how many there are."""
        return int(self._catalogue.read("select count(*) as n from maid_config_changes")[0]["n"])
