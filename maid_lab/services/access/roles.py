"""Roles of Jupyter users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from maid_lab.services.access.principal import CredentialKind, Principal, scopes_of

__all__ = ["principal_of", "roles_of"]

_OWNER: Final = "admin"
_OTHERS: Final = "read:loadtests"


def roles_of(user_name: str, groups: Iterable[str], roles: Mapping[str, str], *, is_owner: bool) -> tuple[str, ...]:
    """Return the roles of a user: those given to the name and to the groups, `read:loadtests` when there are none; the owner is `admin`."""
    if is_owner:
        return (_OWNER,)
    # A name is what the identity provider says it is; one that looks like a group must not get what the group has.
    names = [*([] if user_name.startswith("group:") else [user_name]), *(f"group:{group}" for group in groups)]
    return tuple(sorted({roles[name] for name in names if name in roles})) or (_OTHERS,)


def principal_of(
    user_name: str,
    display_name: str,
    groups: Iterable[str],
    *,
    is_owner: bool,
    roles: Mapping[str, str],
    address: str = "",
    client: str = "",
) -> Principal:
    """Return who a Jupyter identity is.

    Parameters
    ----------
    user_name, display_name : str
        What the identity provider says.
    groups : iterable of str
        Groups of the hub.
    is_owner : bool
        Whether the server is this user's: the single user of a local server, or the one that `JUPYTERHUB_USER` names.
    roles : mapping
        The setting `access_roles`.
    """
    given = roles_of(user_name, groups, roles, is_owner=is_owner)
    return Principal(
        kind=CredentialKind.JUPYTER, id=user_name, name=display_name or user_name, scopes=scopes_of(given), roles=given, is_interactive=True,
        address=address, client=client,
    )  # fmt: skip
