"""Who asks: one value for every kind of credential, with what it may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from maid_lab.model.errors import Refused

__all__ = ["ALL_SCOPES", "LOCAL", "ROLES", "CredentialKind", "KeyLimits", "Principal", "Scope", "scopes_of"]


class Scope(StrEnum):
    """A right; what each grants is told in docs/access.md."""

    READ = "maid.read"
    WRITE = "maid.write"
    RECIPES = "maid.recipes"
    EXTENSIONS = "maid.extensions"
    ADMIN = "maid.admin"


ALL_SCOPES: Final = frozenset(Scope)

#: Role → its scopes.
ROLES: Final[dict[str, frozenset[Scope]]] = {
    "read:loadtests": frozenset({Scope.READ}),
    "write:loadtests": frozenset({Scope.READ, Scope.WRITE, Scope.RECIPES}),
    "admin": ALL_SCOPES,
}


class CredentialKind(StrEnum):
    """How somebody proved who they are."""

    JUPYTER = "jupyter"
    LOCAL = "local"
    KEY = "key"
    TOKEN = "token"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """Bounds of an API key; None sets none.

    Attributes
    ----------
    recipe_limit : int or None
        Distinct recipes that it may run per day.
    concurrent_tests : int or None
        Runs of it at a time.
    requests_per_minute : int
        Requests to the server.
    max_users, max_rate, max_duration
        Caps of its runs: users, starts per second, seconds.
    allowed_targets : tuple of str
        Hosts that it may load: exact names, `*.suffix`, addresses, networks, each with `:port` when only that one; empty allows all that the policy allows.
    """

    recipe_limit: int | None = None
    concurrent_tests: int | None = None
    requests_per_minute: int = 600
    max_users: int | None = None
    max_rate: float | None = None
    max_duration: float | None = None
    allowed_targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks.

    Attributes
    ----------
    kind : CredentialKind
        Kind of the credential.
    id : str
        What identifies the owner of what is made: the user's name, for keys and tokens the name of the user who made the key.
    name : str
        Name for people; never what a decision rests on.
    scopes : frozenset of Scope
        What it may do.
    roles : tuple of str
        Roles that the scopes came from, empty for keys.
    is_interactive : bool
        Whether a person sits there, who may approve targets, accept extensions and send Python code.
    key_id : str or None
        Public id of the API key, also of the key that a token was issued for.
    is_test_key : bool
        Whether only bundled targets and loopback may be loaded.
    is_agent : bool
        Whether the caps of agents hold.
    limits : KeyLimits
        Bounds of the key.
    address, client : str
        Remote address and name of the client program, for the audit log.
    """

    kind: CredentialKind
    id: str
    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    roles: tuple[str, ...] = ()
    is_interactive: bool = False
    key_id: str | None = None
    is_test_key: bool = False
    is_agent: bool = False
    limits: KeyLimits = field(default_factory=KeyLimits)
    address: str = ""
    client: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether it may change what belongs to others."""
        return Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether it has a scope."""
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Do nothing when it has the scope.

        Raises
        ------
        Refused
            If it has not; names the scope.
        """
        if scope not in self.scopes:
            has = ", ".join(sorted(self.scopes)) or "none"
            raise Refused(
                f"this needs the scope {scope}, the credential has {has}.", hint="Ask an administrator for a key or role with it."
            )

    def require_owner(self, owner: str, what: str) -> None:
        """Do nothing when a thing belongs to it or it is an administrator.

        Raises
        ------
        Refused
            If the thing belongs to somebody else.
        """
        if owner != self.id and not self.is_admin:
            raise Refused(
                f"{what} belongs to {owner}; changing it needs the scope {Scope.ADMIN}.", hint="Ask its owner or an administrator."
            )

    def actor(self) -> dict[str, Any]:
        """Return what the audit log says of it: kind and id of the credential, role, address and client, never a display name alone."""
        return {
            "kind": str(self.kind), "id": self.id, "key_id": self.key_id, "roles": list(self.roles), "address": self.address, "client": self.client,
        }  # fmt: skip


#: The person at the terminal who owns the home folder, when no server holds it.
LOCAL: Final = Principal(kind=CredentialKind.LOCAL, id="local", name="local", scopes=ALL_SCOPES, roles=("admin",))


def scopes_of(roles: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes of all the roles together; roles that are unknown grant nothing."""
    return frozenset[Scope]().union(*(ROLES.get(role, frozenset()) for role in roles))
