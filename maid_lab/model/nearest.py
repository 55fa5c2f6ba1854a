"""The nearest known word, for hints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "machine_name", "nearest"]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like `word`, empty when none is near.

    Examples
    --------
    >>> nearest("tresholds", ["thresholds", "target"])
    'thresholds'
    """
    candidates = list(known)
    lowered = {item.lower(): item for item in candidates}
    found = get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint sentence with the nearest known word, or with all of them when none is near."""
    candidates = sorted(known)
    near = nearest(word, candidates)
    if near:
        return f"Did you mean {near}?"
    return f"Known here: {', '.join(candidates)}." if candidates else ""


def machine_name(name: str) -> str:
    """Return a name in lower-case letters, digits and underscores, which a shell takes as one word."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
