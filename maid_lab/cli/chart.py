"""A load profile drawn with characters: level over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from maid_lab.cli.text import span
from maid_lab.model.schedules import level_at

if TYPE_CHECKING:
    from maid_lab.model.plan import Load

__all__ = ["load_chart"]

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


def load_chart(load: Load, *, end_s: float, width: int = 72, height: int = 8) -> list[str]:
    """Return the lines of a chart from 0 to `end_s`, with its axes.

    Parameters
    ----------
    width, height : int
        Size of the drawn area in characters; each is eight levels high.
    """
    end_s = end_s or load.end_s or 1.0
    levels = [
        max(level_at(load.segments, (column + shift) * end_s / width - load.start_at_s) for shift in (0.0, 0.5, 0.999))
        for column in range(width)
    ]
    top = load.peak or 1.0
    unit = "starts/s" if load.model == "rate" else "users"
    label = f"{top:g} {unit}"
    lines = [
        f"{label if row == height - 1 else '':>{len(label)}} │{''.join(_block(level / top * height - row) for level in levels)}"
        for row in reversed(range(height))
    ]
    lines.append(f"{'0':>{len(label)}} └{'─' * width}")
    middle, last = span(end_s / 2), span(end_s)
    axis = f"0s{middle.center(width - 2 - len(last))}{last}"
    lines.append(f"{'':>{len(label)}}  {axis}")
    return lines


def _block(eighths: float) -> str:
    filled = min(max(eighths, 0.0), 1.0)
    # What is not zero shows at least the thinnest bar.
    return _EIGHTHS[max(round(filled * 8), 1 if filled > 0 else 0)]
