"""What validation says: one diagnostic per finding, with code, place, message and remedy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Diagnostic", "Severity", "has_errors"]

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding about a recipe or plan.

    Attributes
    ----------
    code : str
        Stable code such as `E101`; the digit after the letter is the validation level.
    pointer : str
        JSON pointer of the node, empty for the whole document.
    line, column : int
        Place in the file, counted from 1; 0 when there is no file.
    message : str
        Names the thing and the place.
    hint : str
        The remedy.
    fix : tuple of dict or None
        An RFC 6902 patch that mends it.
    source : str
        File name shown before the line, empty for text without a file.
    """

    code: str
    severity: Severity
    message: str
    pointer: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""
    fix: tuple[dict[str, Any], ...] | None = None
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the diagnostic as plain JSON data."""
        return asdict(self)

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{self.code} {self.message}{f' ({place})' if place else ''} {self.hint}".rstrip()


def has_errors(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> bool:
    """Whether any of them is an error."""
    return any(item.severity == "error" for item in diagnostics)
