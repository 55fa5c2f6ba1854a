"""Identity provider and authorizer for tests, named on the command line of a real server."""

from __future__ import annotations

import os
from typing import Any

from jupyter_server.auth import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User

__all__ = ["HubLike", "Recording"]


class HubLike(IdentityProvider):
    """Knows users by a header, as a hub knows them by its token; nobody is there without it."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-Test-User", "")
        return User(username=name, name=name, display_name=name) if name else None

    def is_token_authenticated(self, handler: Any) -> bool:
        return bool(handler.request.headers.get("X-Test-User"))


class Recording(Authorizer):
    """Writes down what it is asked, and refuses whoever is called Mallory."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        with open(os.environ["ASKED"], "a", encoding="utf-8") as file:  # noqa: PTH123 - one line at a time, from a server's process
            file.write(f"{user.username} {action} {resource}\n")
        return user.username != "mallory"
