"""Access: from the headers of a request to who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import Unauthorized
from maid_lab.services.access.key_text import is_key_form
from maid_lab.services.access.keys import KeyService
from maid_lab.services.access.local import LocalCredential, is_local_form
from maid_lab.services.access.quota import Quota
from maid_lab.services.access.tickets import Tickets
from maid_lab.services.access.tokens import TokenService, is_token_form

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.services.access.keys import Audit
    from maid_lab.services.access.principal import Principal
    from maid_lab.services.settings import Settings

__all__ = ["Access"]

_KEY_HEADER: Final = "x-maid-key"
_AUTHORIZATION: Final = "authorization"
_TERMINAL: Final = "x-maid-terminal"


class Access:
    """Credentials of a home folder.

    Parameters
    ----------
    home : Path
        The home folder.
    settings : Settings
        Roles, external issuer, caps of agents.
    owner : str
        Name of the owner of the server.
    audit : callable, optional
        Keeps what was done, before it is done.

    Attributes
    ----------
    keys : KeyService
        API keys.
    tokens : TokenService
        Short-lived tokens.
    tickets : Tickets
        Tickets for WebSockets; those of a revoked key end with it.
    quota : Quota
        Limits of keys and agents.
    local : LocalCredential
        Credential of the owner's commands.
    """

    def __init__(self, home: Path, settings: Settings, *, owner: str = "local", audit: Audit | None = None) -> None:
        self.keys = KeyService(home, audit=audit)
        self.tokens = TokenService(home, self.keys, settings, audit=audit)
        self.tickets = Tickets()
        self.quota = Quota(home, settings)
        self.local = LocalCredential(home, owner=owner)
        self.keys.on_revoked(self.tickets.forget_key)

    async def identify(self, headers: Mapping[str, str], *, address: str = "", client: str = "") -> Principal | None:
        """Return what `from_headers` does, on another thread; a key that is known is answered at once, without one."""
        sent = _credential(headers)
        if sent is None:
            return None
        if is_key_form(sent) and not is_local_form(sent) and self.keys.is_known(sent):
            return self.from_headers(headers, address=address, client=client)
        return await asyncio.to_thread(self.from_headers, headers, address=address, client=client)

    def admit(self, principal: Principal) -> None:
        """Count a request of a key or token; see `Quota.take_request`."""
        self.quota.take_request(principal)

    def from_headers(self, headers: Mapping[str, str], *, address: str = "", client: str = "") -> Principal | None:
        """Return who asks by a credential of ours, None when there is none; query and cookies are never looked at.

        Raises
        ------
        Unauthorized
            If there is a credential of ours and it is wrong, whatever else there is.
        """
        sent = _credential(headers)
        if sent is None:
            return None
        if is_local_form(sent):
            principal = self.local.verify(sent, is_terminal=_header(headers, _TERMINAL) == "1")
        elif is_token_form(sent):
            principal = self.tokens.verify(sent)
        else:
            principal = self.keys.verify(sent)
        return replace(principal, address=address, client=client)


def _credential(headers: Mapping[str, str]) -> str | None:
    """Return the credential that claims to be ours; what stands in our own header always does."""
    key = _header(headers, _KEY_HEADER)
    scheme, _, rest = (_header(headers, _AUTHORIZATION) or "").strip().partition(" ")
    bearer = rest.strip() if scheme.lower() == "bearer" else ""
    is_ours = is_key_form(bearer) or is_token_form(bearer)
    if key is None:
        return bearer if is_ours else None
    if is_ours and bearer != key.strip():
        raise Unauthorized("two credentials were sent.", hint="Send one: X-MAID-Key or Authorization.", reason="two credentials")
    # Our own header takes API keys only: anything else in it is a wrong key.
    return key.strip() if is_key_form(key.strip()) and not is_local_form(key.strip()) else "maid_"


def _header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header whatever the case of its name; plain mappings are not as forgiving as tornado's."""
    return next((value for key, value in headers.items() if key.lower() == name), None)
