"""`maid keys`: API keys for scripts, builds and agents."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import timedelta

    from maid_lab.services.access.keys import KeyService, MadeKey
    from maid_lab.services.access.principal import Principal
    from maid_lab.store.access import KeyRow

__all__ = ["app"]

app = typer.Typer(name="keys", help="API keys for scripts, builds and agents.", no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="Public id of the key: the 10 characters that `maid keys list` shows.")]


@app.command("list")
def list_keys(*, as_json: Json = False) -> int:
    """List the API keys, newest first; nobody can show a secret again."""
    service, by = _service()
    keys = service.list(by)
    if as_json:
        sys.stdout.write(json.dumps([_plain(key) for key in keys], ensure_ascii=False) + "\n")
        return 0
    from maid_lab.cli.text import clean

    for key in keys:
        words = (
            key.id,
            _state(key),
            f"{key.expires_at:%Y-%m-%d}",
            "test" if "test" in key.prefix else "live",
            ",".join(key.scopes),
            key.name,
        )
        sys.stdout.write("  ".join(clean(word) for word in words) + "\n")
    if not keys:
        sys.stdout.write("There is no API key. Make one: maid keys create NAME\n")
    return 0


@app.command("create")
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name for people.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="maid.read (default), maid.write, maid.recipes, maid.extensions or maid.admin; repeatable."),
    ] = None,
    expires: Annotated[str, typer.Option(metavar="SPAN", help="How long it is good: 12h, 90d; at most 365d.")] = "90d",
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A limit, as max_users=50 or allowed_targets=a.test,*.b.test; repeatable."),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Make a test key: it loads bundled targets and loopback only.")] = False,
    agent: Annotated[bool, typer.Option("--agent", help="The caps of agents hold.")] = False,
    as_json: Json = False,
) -> int:
    """Make an API key and print it, once; `maid.admin` is given only from a terminal."""
    service, by = _service()
    made = service.create(
        by, name=name, scopes=scope or ["maid.read"], expires_in=_span(expires), limits=_limits(limit or []), kind="test" if test else "live",
        agent=agent,
    )  # fmt: skip
    return _show(made, as_json=as_json)


@app.command("rotate")
def rotate(
    *,
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(metavar="SPAN", help="How long the secret before is still good: 0h to 7d.")] = "0h",
    as_json: Json = False,
) -> int:
    """Give a key another secret and print it, once."""
    service, by = _service()
    return _show(service.rotate(by, key_id, overlap=_span(overlap)), as_json=as_json)


@app.command("revoke")
def revoke(*, key_id: KeyId, as_json: Json = False) -> int:
    """End a key."""
    service, by = _service()
    key = service.revoke(by, key_id)
    if as_json:
        sys.stdout.write(json.dumps(_plain(key), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"The API key {key.id} is revoked.\n")
    return 0


def _service() -> tuple[KeyService, Principal]:
    from dataclasses import replace

    from maid_lab.services.access.keys import KeyService
    from maid_lab.services.access.principal import LOCAL
    from maid_lab.services.audit.log import AuditLog
    from maid_lab.services.home import home_folder, open_home

    home = open_home(home_folder())
    # A pipe or a build is no person, whoever started it.
    return KeyService(home, audit=AuditLog(home).write), replace(
        LOCAL, is_interactive=sys.stdin.isatty() and sys.stdout.isatty(), client="maid"
    )


def _show(made: MadeKey, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps({**_plain(made.key), "key": made.text}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{made.text}\n")
        sys.stderr.write(f"Keep it now: it is not shown again. It expires on {made.key.expires_at:%Y-%m-%d %H:%M} UTC.\n")
    return 0


def _plain(key: KeyRow) -> dict[str, Any]:
    times = {name: getattr(key, name) for name in ("created_at", "expires_at", "last_used_at", "revoked_at", "previous_until")}
    return {
        "id": key.id, "name": key.name, "user": key.user_id, "kind": "test" if "test" in key.prefix else "live", "scopes": list(key.scopes),
        "limits": dict(key.metadata), "agent": key.agent, "state": _state(key),
        **{name: None if moment is None else moment.isoformat() for name, moment in times.items()},
    }  # fmt: skip


def _state(key: KeyRow) -> str:
    from datetime import UTC, datetime

    if key.revoked_at is not None:
        return "revoked"
    return "expired" if datetime.now(UTC) >= key.expires_at else "valid"


def _span(text: str) -> timedelta:
    import re
    from datetime import timedelta

    from maid_lab.model.errors import InvalidInput

    found = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if found is None:
        raise InvalidInput(f"{text!r} is no span of time.", hint="Write minutes, hours or days: 30m, 12h, 90d.")
    return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[found[2]]: int(found[1])})


def _limits(given: list[str]) -> dict[str, Any]:
    from maid_lab.model.errors import InvalidInput

    limits: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise InvalidInput(f"--limit {text}: a value is missing.", hint="Write --limit max_users=50.")
        limits[name] = [part.strip() for part in value.split(",")] if name == "allowed_targets" else _number(name, value)
    return limits


def _number(name: str, value: str) -> float:
    from maid_lab.model.errors import InvalidInput

    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        raise InvalidInput(f"--limit {name}={value}: this is no number.", hint="Write --limit max_users=50.") from None
