"""API keys and users in the catalogue, and what keys have run."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import Conflict, Missing
from maid_lab.store.catalogue import rows_of

if TYPE_CHECKING:
    import duckdb

    from maid_lab.store.catalogue import Catalogue

__all__ = ["LIVE", "TEST", "AccessRepository", "KeyRow", "UserRow"]

LIVE: Final = "maid_live_"
TEST: Final = "maid_test_"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """An API key as it is kept: hashes, never a secret.

    Attributes
    ----------
    id : str
        Public id, 10 characters.
    user_id : str
        Who made it; what it makes belongs to this user.
    prefix : str
        `LIVE` or `TEST`.
    metadata : mapping
        Its limits, by name.
    previous_hash, previous_until
        Hash of the secret before the last rotation, and until when it is good.
    """

    id: str
    user_id: str
    name: str
    key_hash: str = field(repr=False)
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    agent: bool = False
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    previous_hash: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A user who was seen."""

    id: str
    name: str
    source: str
    created_at: datetime
    display_name: str = ""
    roles: tuple[str, ...] = ()
    last_seen_at: datetime | None = None


class AccessRepository:
    """API keys and users.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def add(self, key: KeyRow) -> None:
        """Keep a new key.

        Raises
        ------
        Conflict
            If there is one with its id.
        """

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            if connection.execute("select 1 from auth.api_keys where public_id = ?", [key.id]).fetchone():
                raise Conflict(f"there is a key {key.id} already.", hint="Make it again: ids are drawn by chance.")
            connection.execute(
                "insert into auth.api_keys (id, public_id, user_id, name, key_hash, prefix, scopes, metadata, agent, created_at, expires_at) "
                "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    str(uuid.uuid4()), key.id, key.user_id, key.name, key.key_hash, key.prefix, list(key.scopes),
                    json.dumps(dict(key.metadata)), key.agent, key.created_at, key.expires_at,
                ],
            )  # fmt: skip

        self._catalogue.write(work)

    def find(self, key_id: str) -> KeyRow | None:
        """Return the key with a public id, None when there is none."""
        rows = self._catalogue.read(f"{_KEYS} where public_id = ?", [key_id])
        return _key(rows[0]) if rows else None

    def get(self, key_id: str) -> KeyRow:
        """Return the key with a public id.

        Raises
        ------
        Missing
            If there is none.
        """
        found = self.find(key_id)
        if found is None:
            raise Missing(f"there is no API key {key_id!r}.", hint="maid keys list shows the ids.")
        return found

    def keys(self) -> list[KeyRow]:
        """Return all keys, newest first."""
        return [_key(row) for row in self._catalogue.read(f"{_KEYS} order by created_at desc, public_id")]

    def replace_secret(self, key_id: str, key_hash: str, *, previous_until: datetime) -> KeyRow:
        """Give a key another secret and let the one before live until a time; returns the key."""
        return self._change(
            key_id, "previous_hash = key_hash, previous_until = ?, key_hash = ?", [previous_until, key_hash], only_if="revoked_at is null"
        )

    def revoke(self, key_id: str, at: datetime) -> KeyRow:
        """Mark a key as revoked and return it; one that is revoked already keeps its time."""
        return self._change(key_id, "revoked_at = ?", [at], only_if="revoked_at is null")

    def touch(self, key_id: str, at: datetime) -> KeyRow:
        """Note when a key was used last and return it as it is kept now."""
        return self._change(key_id, "last_used_at = ?", [at])

    def _change(self, key_id: str, change: str, values: Sequence[Any], *, only_if: str = "true") -> KeyRow:
        """Change a key and return it, in one transaction."""

        def work(connection: duckdb.DuckDBPyConnection) -> KeyRow:
            connection.execute(f"update auth.api_keys set {change} where public_id = ? and {only_if}", [*values, key_id])
            rows = rows_of(connection.execute(f"{_KEYS} where public_id = ?", [key_id]))
            if not rows:
                raise Missing(f"there is no API key {key_id!r}.", hint="maid keys list shows the ids.")
            return _key(rows[0])

        return self._catalogue.write(work)

    # ---- what a key has run

    def recipes_since(self, key_id: str, since: datetime) -> set[str]:
        """Return the ids of the recipes that a key has run since a time."""
        rows = self._catalogue.read("select distinct recipe_id from maid_runs where api_key_id = ? and created_at >= ?", [key_id, since])
        return {str(row["recipe_id"]) for row in rows}

    def starts_since(self, key_id: str, since: datetime) -> list[datetime]:
        """Return when a key started runs since a time, oldest first."""
        rows = self._catalogue.read(
            "select epoch_us(created_at) as at from maid_runs where api_key_id = ? and created_at >= ? order by created_at", [key_id, since]
        )
        return [moment for row in rows if (moment := _moment(row["at"])) is not None]

    def unfinished(self, key_id: str) -> int:
        """Return how many runs of a key have not ended."""
        sql = "select count(*) as n from maid_runs where api_key_id = ? and status in ('pending', 'running', 'stopping')"
        return int(self._catalogue.read(sql, [key_id])[0]["n"])

    # ---- users

    def see(self, user: UserRow, at: datetime) -> None:
        """Note that a user was here: a new one is kept, of a known one name, roles and time are renewed."""

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute(
                "insert into auth.users (id, name, display_name, source, roles, created_at, last_seen_at) values (?, ?, ?, ?, ?, ?, ?) "
                "on conflict (id) do update set name = excluded.name, display_name = excluded.display_name, source = excluded.source, "
                "roles = excluded.roles, last_seen_at = excluded.last_seen_at",
                [user.id, user.name, user.display_name, user.source, list(user.roles), user.created_at, at],
            )

        self._catalogue.write(work)

    def users(self) -> list[UserRow]:
        """Return all users by id."""
        return [_user(row) for row in self._catalogue.read(_USERS)]


# Times come as microseconds: DuckDB's own conversion of zoned times wants another package.
_TIMES: Final = ("created_at", "expires_at", "last_used_at", "revoked_at", "previous_until")
_KEYS: Final = (
    "select public_id as id, user_id, name, key_hash, prefix, scopes, metadata, agent, previous_hash, "
    f"{', '.join(f'epoch_us({name}) as {name}' for name in _TIMES)} from auth.api_keys"
)
_USERS: Final = (
    "select id, name, display_name, source, roles, epoch_us(created_at) as created_at, epoch_us(last_seen_at) as last_seen_at "
    "from auth.users order by id"
)


def _key(row: Mapping[str, Any]) -> KeyRow:
    times = {name: _moment(row[name]) for name in _TIMES}
    metadata = json.loads(row["metadata"]) if row["metadata"] else {}
    return KeyRow(**{**row, **times, "scopes": tuple(row["scopes"]), "metadata": metadata, "agent": bool(row["agent"])})


def _user(row: Mapping[str, Any]) -> UserRow:
    times = {name: _moment(row[name]) for name in ("created_at", "last_seen_at")}
    return UserRow(**{**row, **times, "roles": tuple(row["roles"]), "display_name": row["display_name"] or ""})


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)
