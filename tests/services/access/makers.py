"""Who makes keys in tests, and a clock that tests move."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from maid_lab.services.access.principal import ALL_SCOPES, CredentialKind, Principal

__all__ = ["OWNER", "SCRIPT", "Clock"]

OWNER = Principal(kind=CredentialKind.JUPYTER, id="ada", name="Ada", scopes=ALL_SCOPES, roles=("admin",), is_interactive=True)
SCRIPT = replace(OWNER, kind=CredentialKind.LOCAL, is_interactive=False)


class Clock:
    """Tells a time that only the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **duration: float) -> None:
        self.now += timedelta(**duration)
