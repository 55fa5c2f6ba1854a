"""Which of its candidates a browser takes for an image: the HTML standard's selection of an image source, for a desktop window."""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["image_url", "srcset_candidates"]

#: The window that sizes and media conditions are measured with, in CSS pixels; one device pixel each.
_WINDOW: Final = 1280.0
_FONT: Final = 16.0
_CANDIDATE: Final = re.compile(r"[\s,]*(\S+)")
_DESCRIPTORS: Final = re.compile(r"((?:[^,(]|\([^)]*\)?)*)(?:,|$)")
_DESCRIPTOR: Final = re.compile(r"(\d+(?:\.\d+)?)([wx])")
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(px|vw|em|rem)")
_WIDTH_CONDITION: Final = re.compile(r"\(\s*(min|max)-width\s*:\s*([\d.]+)(px|em|rem)\s*\)")
_UNITS: Final = {"px": 1.0, "vw": _WINDOW / 100, "em": _FONT, "rem": _FONT}


def image_url(element: Any) -> str:
    """Return the address that a browser loads for an `img` element, empty for none.

    A `picture` around it offers its sources first. Of the candidates the least dense one of at least one image pixel to a CSS pixel is taken,
    else the densest (HTML standard, section "Selecting an image source", which leaves the choice to the browser).
    """
    picture = next(element.iterancestors("picture"), None)
    if picture is not None:
        # The parser takes `source` for an element with an end: the next ones, and the image, stand inside of it.
        for source in picture.iter("source"):
            if _fits(source) and (found := _best(source, "")):
                return found
    return _best(element, (element.get("src") or "").strip())


def srcset_candidates(text: str) -> list[tuple[str, float, str]]:
    """Return the candidates of a `srcset`: address, number and unit (`x` or `w`); one with a malformed descriptor is left out.

    An address may hold commas, as data URLs do, but neither begins nor ends with one (HTML standard, "Parsing a srcset attribute").
    """
    candidates, position = [], 0
    while (match := _CANDIDATE.match(text, position)) is not None:
        url, position = match.group(1), match.end()
        descriptors = ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            rest = _DESCRIPTORS.match(text, position)
            if rest is not None:
                descriptors, position = rest.group(1).strip(), rest.end()
        if not url:
            continue
        known = [_DESCRIPTOR.fullmatch(word) for word in descriptors.split() if not word.endswith("h")]
        if not known:
            candidates.append((url, 1.0, "x"))
        elif len(known) == 1 and known[0] is not None:
            candidates.append((url, float(known[0].group(1)), known[0].group(2)))
    return candidates


def _best(element: Any, src: str) -> str:
    candidates = srcset_candidates(element.get("srcset") or "")
    width = _width(element.get("sizes") or "")
    dense = [(number / width if unit == "w" else number, url) for url, number, unit in candidates]
    # As the standard has it, src is the candidate 1x unless there is one, or the candidates say how wide they are.
    if src and not any(unit == "w" or number == 1 for _, number, unit in candidates):
        dense.append((1.0, src))
    if not dense:
        return src
    dense.sort(key=lambda pair: pair[0])
    return next((url for density, url in dense if density >= 1), dense[-1][1])


def _fits(source: Any) -> bool:
    kind, media = (source.get("type") or "").strip().lower(), (source.get("media") or "").strip().lower()
    return (not kind or kind.startswith("image/")) and _holds(media)


def _holds(media: str) -> bool:
    """Whether a media condition holds; only widths of the window are known, so that any other condition does not."""
    if media in ("", "all", "screen"):
        return True
    for part in media.split(" and "):
        match = _WIDTH_CONDITION.fullmatch(part.strip())
        if match is None:
            if part.strip() in ("all", "screen"):
                continue
            return False
        limit = float(match.group(2)) * _UNITS[match.group(3)]
        if limit > _WINDOW if match.group(1) == "min" else limit < _WINDOW:
            return False
    return True


def _width(sizes: str) -> float:
    """Return how wide the image is shown, in CSS pixels; the whole window where nothing that is known says otherwise."""
    for entry in sizes.lower().split(","):
        media, _, length = entry.strip().rpartition(" ")
        match = _LENGTH.fullmatch(length)
        if match is not None and _holds(media.strip()):
            return float(match.group(1)) * _UNITS[match.group(2)] or _WINDOW
    return _WINDOW
