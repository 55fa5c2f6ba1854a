"""`maid policy`: what may be put under load, and which files may be read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from maid_lab.lab import Lab
    from maid_lab.services.access.principal import Principal

__all__ = ["app"]

app = typer.Typer(
    name="policy", help="Say what may be put under load, and which files are read.", no_args_is_help=True, rich_markup_mode=None
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_REFUSED = 3


@app.command("show")
def show(*, as_json: Json = False) -> int:
    """Show the target policy and all approvals."""
    lab = _lab()
    approvals = lab.approvals.list()
    policy = {"source": str(lab.gate.source), **lab.gate.policy.model_dump(mode="json", by_alias=True)}
    if as_json:
        _print({"policy": policy, "approvals": [_plain(each) for each in approvals]})
        return 0
    _say(f"policy file  {lab.gate.source}{'' if lab.gate.source.exists() else ' (not there)'}")
    _say(f"loopback     {lab.gate.policy.loopback}")
    for kind, rules in (("allow", lab.gate.policy.allow), ("deny", lab.gate.policy.deny)):
        for rule in rules:
            _say(f"{kind:<12} {rule.host} ports {', '.join(map(str, rule.ports))}{f' – {rule.note}' if rule.note else ''}")
    for each in approvals:
        state = "withdrawn" if each.withdrawn_at else f"until {each.expires_at:%Y-%m-%d %H:%M}"
        _say(f"approval     {each.id[:8]} {each.host}:{each.port or '80,443'} {state} by {each.by}: {each.why}")
    return 0


@app.command("approve")
def approve(
    *,
    target: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="One name or address; without a port 80 and 443.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason: who agreed.")],
    max_users: Annotated[int, typer.Option(metavar="N", min=1, help="Most users.")] = 50,
    max_rate: Annotated[float, typer.Option(metavar="N", min=0, help="Most starts per second.")] = 100.0,
    max_duration: Annotated[float, typer.Option(metavar="S", min=0, help="Most seconds of a run.")] = 1800.0,
    days: Annotated[int, typer.Option(metavar="N", min=1, help="Days until it expires.")] = 30,
    agents: Annotated[bool, typer.Option("--agents", help="Agents may load it as well.")] = False,
    as_json: Json = False,
) -> int:
    """Allow load on one host for a while. Needs a terminal: the name of the host has to be typed."""
    from datetime import timedelta

    from maid_lab.services.policy.explain import host_and_port

    by = _person()
    host, port = host_and_port(target)
    typed = ""
    if by.is_interactive:
        sys.stderr.write(f"Type {host} to allow load on it for {days} days: ")
        sys.stderr.flush()
        typed = sys.stdin.readline()
    approval = _lab().approvals.approve(
        by, host=host, typed_host=typed.strip(), port=port, max_users=max_users, max_rate=max_rate, max_duration=max_duration, agents=agents,
        why=why, expires_in=timedelta(days=days),
    )  # fmt: skip
    if as_json:
        _print(_plain(approval))
    else:
        _say(f"{approval.host} is approved until {approval.expires_at:%Y-%m-%d %H:%M} as {approval.id}.")
    return 0


@app.command("withdraw")
def withdraw(
    *, approval: Annotated[str, typer.Argument(metavar="ID", help="Id of the approval, or its beginning.")], as_json: Json = False
) -> int:
    """Take an approval back; a run that needs it is stopped. Needs a terminal."""
    taken = _lab().approvals.withdraw(_person(), approval)
    if as_json:
        _print(_plain(taken))
    else:
        _say(f"The approval of {taken.host} is withdrawn.")
    return 0


@app.command("explain")
def explain(*, target: Annotated[str, typer.Argument(metavar="TARGET", help="HOST, HOST:PORT or a URL.")], as_json: Json = False) -> int:
    """Say what the policy says of a target, and by which rule. Exit code 3 when it is refused."""
    import asyncio

    from maid_lab.services.policy.explain import explain_target

    told = asyncio.run(explain_target(_lab().gate, target))
    if as_json:
        _print(told)
    else:
        for each in told:
            caps = ", ".join(f"{name} {value:g}" for name, value in each["caps"].items())
            _say(f"{each['decision']}  {each['target']} ({each['address']})  {each['code']} {each['rule']}{f': {caps}' if caps else ''}")
    return _REFUSED if any(each["code"] for each in told) else 0


@app.command("ignore")
def ignore(
    *,
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="File to explain.")] = None,
    recipe: Annotated[Path | None, typer.Option(metavar="FILE", help="List what this recipe would read.")] = None,
    init: Annotated[bool, typer.Option("--init", help="Write a commented .maidignore into the current folder.")] = False,
    as_json: Json = False,
) -> int:
    """Say whether a file is read, and which line decides. Exit code 3 when one is not."""
    from maid_lab.model.errors import InvalidInput
    from maid_lab.services.files.gate import FileGate
    from maid_lab.services.files.layers import write_template
    from maid_lab.services.files.named import named_files
    from maid_lab.services.home import home_folder
    from maid_lab.services.library import shipped_recipes
    from maid_lab.services.settings import load_settings

    if (path is not None) + (recipe is not None) + init != 1:
        raise InvalidInput("give PATH, --recipe FILE or --init.", hint="See: maid policy ignore --help")
    if init:
        _say(f"{write_template(Path.cwd())} is written.")
        return 0
    gate = FileGate.load(home_folder(), load_settings(home_folder()), Path.cwd(), shipped_recipes())
    told = [gate.explain(path)] if path is not None else []
    if recipe is not None:
        told = [gate.explain(recipe.name, recipe.parent.resolve())]
        if not told[0]["code"]:
            told += [gate.explain(name, recipe.parent.resolve()) for name in named_files(recipe, gate)]
    if as_json:
        _print(told)
    else:
        for each in told:
            _say(f"{each['decision']}  {each['path']}  {each['code']} {each['rule']}")
    return _REFUSED if any(each["code"] for each in told) else 0


def _lab() -> Lab:
    from maid_lab.lab import Lab

    return Lab.open()


def _person() -> Principal:
    """Return who sits here: a pipe or a build is nobody who could approve anything."""
    import getpass
    from dataclasses import replace

    from maid_lab.services.access.principal import LOCAL

    return replace(LOCAL, id=getpass.getuser(), is_interactive=sys.stdin.isatty())


def _plain(value: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {name: item.isoformat() if hasattr(item, "isoformat") else item for name, item in asdict(value).items()}


def _print(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def _say(text: str) -> None:
    from maid_lab.cli.text import clean

    sys.stdout.write(f"{clean(text)}\n")
