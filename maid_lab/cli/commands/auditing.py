"""`maid audit`: who did what, and whether that was altered."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from maid_lab.services.audit import AuditLog

__all__ = ["app"]

app = typer.Typer(name="audit", help="Read and check the audit log.", no_args_is_help=True, rich_markup_mode=None)

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_BROKEN = 4


@app.command("list")
def list_entries(
    *,
    actor: Annotated[str, typer.Option(metavar="ID", help="Only what this person or key did.")] = "",
    action: Annotated[str, typer.Option(metavar="NAME", help="Only this action; run. takes all that begin so.")] = "",
    subject: Annotated[str, typer.Option(metavar="ID", help="Only what was done to this.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many, newest first.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="N", help="Go on below this number.")] = None,
    as_json: JsonOutput = False,
) -> int:
    """List entries, newest first."""
    from maid_lab.cli.text import clean

    page = _log().page(limit=limit, cursor=cursor, actor=actor, action=action, subject=subject)
    if as_json:
        shown = {"items": [entry.to_json() for entry in page.items], "next_cursor": page.next_cursor, "total": page.total}
        sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
        return 0
    for entry in page.items:
        who = _who(json.loads(entry.actor))
        sys.stdout.write(clean(f"{entry.seq:>6}  {entry.at[:19]}Z  {entry.action:<16} {who:<20} {entry.subject}  {entry.detail}") + "\n")
    if page.next_cursor is not None:
        sys.stdout.write(f"{page.total} in all; go on with --cursor {page.next_cursor}\n")
    if not page.items:
        sys.stdout.write("There is no such entry.\n")
    return 0


@app.command("verify")
def verify(*, as_json: JsonOutput = False) -> int:
    """Check that nothing was altered, left out, moved or cut. Exit code 4 when something was."""
    from dataclasses import asdict

    found = _log().verify()
    if as_json:
        sys.stdout.write(json.dumps({**asdict(found), "is_whole": found.is_whole}, ensure_ascii=False) + "\n")
    else:
        said = f"{found.entries} entries; the chain is whole." if found.broken is None else found.broken.message
        sys.stdout.writelines(f"{line}\n" for line in (said, *found.notes))
    return 0 if found.is_whole else _BROKEN


def _log() -> AuditLog:
    from maid_lab.services.audit import AuditLog
    from maid_lab.services.home import home_folder, open_home

    return AuditLog(open_home(home_folder()))


def _who(actor: dict[str, Any]) -> str:
    name = f"{actor.get('kind', '?')} {actor.get('id', '')}".strip()
    return f"{name} key {actor['key_id']}" if actor.get("key_id") else name
