"""`maid compare`: what changed between two runs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from maid_lab.analysis.comparison_values import Comparison

__all__ = ["compare"]

_WORSE = 1


def compare(
    *,
    baseline: Annotated[str, typer.Argument(metavar="A", help="The baseline: run id, `last`, tag, or JSON report.")],
    candidate: Annotated[str, typer.Argument(metavar="B", help="What is compared with it, named in the same ways.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Show what changed from run A to run B, with intervals and a verdict for each request name. Exit code 1 when B is worse."""
    from maid_lab.cli.loop import run_async

    found = run_async(_compare(baseline, candidate))
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), ensure_ascii=False) + "\n")
    else:
        from maid_lab.cli.views import print_comparison

        print_comparison(found.to_json())
    return _WORSE if found.verdict == "worse" else 0


async def _compare(baseline: str, candidate: str) -> Comparison:
    from maid_lab.lab import Lab
    from maid_lab.services.comparing import compare_references

    async with Lab.open() as lab:
        return await compare_references(lab.history, baseline, candidate)
