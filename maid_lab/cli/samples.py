"""Failure samples on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TextIO

from maid_lab.cli.consoles import console_for
from maid_lab.cli.text import clean, span

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["print_samples"]

_LINES_SHOWN: Final = 40


def print_samples(samples: Sequence[dict[str, Any]], stream: TextIO | None = None) -> None:
    """Print each sample with its request and its answer."""
    from rich.text import Text

    from maid_lab.services.reports.samples import exchange_text

    console = console_for(stream)
    if not samples:
        console.print("No failed exchange was kept: none failed with an answer or a connection to show.")
    for sample in samples:
        console.print(
            Text.assemble(
                (f"\n{sample['outcome'].replace('_', ' ')}", "bold red"), f"  {clean(sample['name'])}  ",
                (f"sample {sample['id']} · at {span(sample['start'] / 1e9)} · user {sample['user']} · {clean(sample['error'])}", "dim"),
            )
        )  # fmt: skip
        for mark, text in zip(("> ", "< "), exchange_text(sample), strict=True):
            lines = text.splitlines() or ["(no answer)"]
            for line in lines[:_LINES_SHOWN]:
                console.print(Text(mark + clean(line)), soft_wrap=True)
            if len(lines) > _LINES_SHOWN:
                console.print(Text(f"{mark}… {len(lines) - _LINES_SHOWN} more lines; --json has all of them", style="dim"))
