"""Bodies of several parts: multipart/form-data as browsers send it (RFC 7578, and the HTML standard for names)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maid_lab.model.files import read_planned
from maid_lab.model.templates import compile_value

__all__ = ["MultipartBody", "Part", "boundary_for", "encoded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field: its name, what it holds, and for files their name and type."""

    name: str
    content: bytes
    filename: str = ""
    content_type: str = ""


class MultipartBody:
    """A compiled body of several parts; files are read once.

    Parameters
    ----------
    parts : sequence of mapping
        As a plan holds them (see `model.plan.Body`).
    text : callable
        Makes a text of a value.
    """

    def __init__(self, parts: Sequence[Mapping[str, Any]], text: Callable[[Any], str]) -> None:
        self._text = text
        self._parts: list[tuple[Part, Callable[[Any], Any] | None]] = []
        for part in parts:
            value = compile_value(part.get("value"))
            content = read_planned(part["file"]) if "file" in part else b"" if callable(value) else text(value).encode()
            known = Part(name=part["name"], content=content, filename=part["filename"], content_type=part["type"])
            self._parts.append((known, value if callable(value) else None))
        self._boundary = boundary_for(part for part, _ in self._parts)
        self.content_type = f"multipart/form-data; boundary={self._boundary}"

    @property
    def constant(self) -> bytes | None:
        """The body when it is the same for all requests."""
        return None if any(value for _, value in self._parts) else encoded((part for part, _ in self._parts), self._boundary)

    def __call__(self, scope: Any) -> bytes:
        """Return the body for a scope."""
        parts = [part if value is None else replace(part, content=self._text(value(scope)).encode()) for part, value in self._parts]
        return encoded(parts, self._boundary)


def boundary_for(parts: Iterable[Part]) -> str:
    """Return a boundary that stands in none of the parts: their digest, so that equal parts give equal bodies."""
    digest = hashlib.sha256()
    held = []
    for part in parts:
        held.append(part.content)
        digest.update(part.name.encode() + b"\0" + part.content)
    boundary = digest.hexdigest()[:32]
    while any(boundary.encode() in content for content in held):
        digest.update(b"again")
        boundary = digest.hexdigest()[:32]
    return boundary


def encoded(parts: Iterable[Part], boundary: str) -> bytes:
    """Return the body."""
    pieces: list[bytes] = []
    for part in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"'
        if part.filename:
            head += f'; filename="{_quoted(part.filename)}"'
        if part.content_type:
            head += f"\r\nContent-Type: {part.content_type}"
        pieces += [head.encode(), b"\r\n\r\n", part.content, b"\r\n"]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
