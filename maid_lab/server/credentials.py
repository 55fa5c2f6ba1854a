"""From what a request carries to who asks: our credentials by the access service, Jupyter's by its identity provider."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from jupyter_server.auth.identity import IdentityProvider, LegacyIdentityProvider, PasswordIdentityProvider, User

from maid_lab.services.access.roles import principal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.services.access.principal import Principal

__all__ = ["Credentials", "Verifier"]

log = logging.getLogger(__name__)

_OWNER: Final = "local"
#: Jupyter's own providers know one user, whatever name they make up for a visitor without a cookie.
_SINGLE_USER: Final = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)


class Verifier(Protocol):
    """What knows credentials of ours."""

    async def identify(self, headers: Mapping[str, str], *, address: str = "", client: str = "") -> Principal | None:
        """Return who sent the headers; None when they hold nothing of ours; raise when it is ours but wrong."""

    def admit(self, principal: Principal) -> None:
        """Raise when the credential has used up its limits."""


class Credentials:
    """Tells who asks.

    Parameters
    ----------
    verifiers : sequence of Verifier
        Asked in this order for credentials of ours.
    roles : mapping of str to str
        Jupyter user, or `group:<name>`, → role, for users who are not the owner.
    on_refusal : callable, optional
        Told principal, route and reason of each refusal.
    """

    def __init__(
        self,
        *,
        verifiers: tuple[Verifier, ...] = (),
        roles: Mapping[str, str] | None = None,
        on_refusal: Callable[[Principal, str, str], None] | None = None,
    ) -> None:
        self.verifiers = verifiers
        self._roles = dict(roles or {})
        self._on_refusal = on_refusal

    async def from_headers(self, headers: Mapping[str, str], *, address: str, client: str) -> Principal | None:
        """Return who our headers prove, or None when there is none of ours."""
        for verifier in self.verifiers:
            found = await verifier.identify(headers, address=address, client=client)
            if found is not None:
                return found
        return None

    def from_jupyter(self, user: Any, provider: Any, *, address: str, client: str) -> Principal:
        """Return who Jupyter says is there.

        The owner is the single user of a local server; on a hub the user whose server it is. Everybody else has the role that was given to them,
        by name or by group, or may read.
        """
        name = str(getattr(user, "username", "") or "")
        shown = str(getattr(user, "display_name", "") or getattr(user, "name", "") or name)
        hub_owner = os.environ.get("JUPYTERHUB_USER", "")
        is_owner = name == hub_owner if hub_owner else type(provider) in _SINGLE_USER
        groups = getattr(user, "groups", None) or ()
        # The owner is the same person at the terminal, whose runs bear this name too.
        return principal_of(
            _OWNER if is_owner else name, shown, groups, is_owner=is_owner, roles=self._roles, address=address, client=client
        )

    @staticmethod
    def as_user(principal: Principal) -> User:
        """Return a credential of ours as Jupyter's authorizer wants to see a user."""
        name = f"maid-{principal.kind}:{principal.key_id or principal.id}"
        return User(username=name, name=name, display_name=principal.name or name)

    def admit(self, principal: Principal) -> None:
        """Count a request of a credential; raise when it had too many."""
        for verifier in self.verifiers:
            verifier.admit(principal)

    def note_refusal(self, principal: Principal, route: str, reason: str) -> None:
        """Remember that somebody tried what they may not."""
        log.warning("%s %s was refused %s: %s", principal.kind, principal.key_id or principal.id, route, reason)
        if self._on_refusal is not None:
            self._on_refusal(principal, route, reason)
