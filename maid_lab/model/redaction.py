"""Secrets kept out of what is written: by value, in any form in which a value travels, and by the names of what carries them."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MASK", "Redactor", "is_secret_name"]

#: What stands in place of a secret.
MASK: Final = "***"

#: Shorter values would mask half of every text.
_LEAST: Final = 4
_NAMES: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
_WORDS: Final = "token|secret|password|passwd|api[-_]?key"
_WORD: Final = re.compile(_WORDS, re.IGNORECASE)
#: Values under such a name in JSON, in a form or query, and the password of a URL. Each may be cut off at the end of the text.
_JSON: Final = re.compile(
    rf'("[^"\\]{{0,80}}(?:{_WORDS})[^"\\]{{0,80}}"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|-?\d[\d.eE+-]*)', re.IGNORECASE
)
_FORM: Final = re.compile(rf"((?:^|[?&;])[^=&?;\s\"<>]{{0,80}}(?:{_WORDS})[^=&?;\s\"<>]{{0,80}}=)[^&;\s\"<>]+", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(://[^/\s:@\"]{0,80}:)[^/\s@\"]{1,200}(?=@)")


def is_secret_name(name: str) -> bool:
    """Whether what has this name (header, field, parameter) is a secret by its name alone."""
    return name.lower() in _NAMES or _WORD.search(name) is not None


class Redactor:
    """Masks secrets in texts.

    Parameters
    ----------
    values : iterable of str
        Known secrets. Those of fewer than 4 characters are not looked for.

    Attributes
    ----------
    reach : int
        Characters of the longest form of a known secret: a text that is cut anywhere may end in a part of it that is shorter than this.

    Examples
    --------
    >>> Redactor(["hunter22"]).text("login hunter22, again aHVudGVyMjI=")
    'login ***, again ***I='
    >>> Redactor().header("Authorization", "Bearer abc")
    '***'
    """

    __slots__ = ("_pattern", "_values", "reach")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = tuple(dict.fromkeys(value for value in values if len(value) >= _LEAST))
        found = [_forms(value) for value in self._values]
        forms = sorted({form for forms, _ in found for form in forms}, key=len, reverse=True)
        self._pattern = re.compile("|".join(forms), re.IGNORECASE) if forms else None
        self.reach = max((longest for _, longest in found), default=0)

    def knowing(self, values: Iterable[str]) -> Redactor:
        """Return a redactor that knows these values too."""
        more = [value for value in values if len(value) >= _LEAST and value not in self._values]
        return Redactor([*self._values, *more]) if more else self

    def values(self, text: str) -> str:
        """Return the text with known values masked, in plain, percent-encoded, base64, JSON-escaped and HTML-escaped form."""
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def text(self, text: str) -> str:
        """Return the text with known values masked, and what stands under a secret's name in JSON, forms, queries and URLs."""
        masked = self.values(text)
        masked = _JSON.sub(rf'\1"{MASK}"', masked)
        return _USERINFO.sub(rf"\1{MASK}", _FORM.sub(rf"\1{MASK}", masked))

    def header(self, name: str, value: str) -> str:
        """Return a header's value, masked as a whole when its name says that it is a secret."""
        return MASK if is_secret_name(name) else self.text(value)


def _forms(value: str) -> tuple[set[str], int]:
    """Return patterns of the value in all forms, and how long the longest text is that one of them can match."""
    raw = value.encode("utf-8", "surrogatepass")
    encoded = {raw.hex()}
    for offset in range(3):
        inner = _base64_within(raw, offset)
        encoded |= {inner, inner.replace("+", "-").replace("/", "_")}
    encoded = {form for form in encoded if len(form) >= _LEAST}
    letters = [_letters(letter) for letter in value]
    flexible = "".join(f"(?:{'|'.join(map(re.escape, forms))})" if len(forms) > 1 else re.escape(forms[0]) for forms in letters)
    longest = sum(max(map(len, forms)) for forms in letters)
    return {flexible, *map(re.escape, encoded)}, max(longest, *map(len, encoded), 0)


def _letters(letter: str) -> list[str]:
    """Return how one letter may be written; encoders differ in what they leave as it is, so each is free to be any of these."""
    if letter.isalnum() and letter.isascii():
        return [letter]
    percent = "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
    forms = {letter, percent, html.escape(letter), f"&#{ord(letter)};", f"&#x{ord(letter):x};", json.dumps(letter)[1:-1], f"\\{letter}"}
    if letter == " ":
        forms.add("+")
    return sorted(forms, key=len, reverse=True)


def _base64_within(raw: bytes, offset: int) -> str:
    """Return the characters of base64 that are the same whatever stands before and after, when `offset` bytes precede (mod 3)."""
    text = base64.b64encode(b"\0" * offset + raw).decode()
    cut = (0, 3, 2)[(offset + len(raw)) % 3]
    return text[(0, 2, 3)[offset] : len(text) - cut]
