"""The page on REST says what the routes say."""

import re
from pathlib import Path

from maid_lab.server.operations import Operation, operations_of
from maid_lab.server.routes import ROUTES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "rest.md").read_text(encoding="utf-8")


def needs(spec: Operation) -> str:
    who = "anybody" if spec.is_public else "any credential" if spec.scope is None else f"`{spec.scope}`"
    return f"{who}, a person" if spec.interactive_only else who


def test_every_operation_is_documented_with_what_it_needs() -> None:
    written = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    declared = [
        (verb.upper(), path.removeprefix("/"), needs(spec), spec.summary)
        for path, handler in ROUTES.items()
        for verb, spec in operations_of(handler).items()
    ]
    assert written == declared
