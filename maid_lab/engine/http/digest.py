"""Digest access authentication, RFC 7616: challenges as servers send them, and the header that answers one."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

__all__ = ["Challenge", "find_challenge"]

_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
#: Best first.
_ORDER: Final = ("SHA-512-256", "SHA-256", "MD5")
_SCHEME: Final = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)\s+(?=[A-Za-z][A-Za-z0-9_-]*\s*=)")
_FIELD: Final = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class Challenge:
    """What a server asked to be answered; counts how often its nonce was used.

    Parameters
    ----------
    fields : dict of str to str
        Parameters of the challenge, names in lower case.

    Raises
    ------
    ValueError
        If the algorithm or the quality of protection is one that is not known here.
    """

    __slots__ = ("_algorithm", "_count", "_fields", "_hash", "_is_session", "_qop")

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields
        self._algorithm = fields.get("algorithm", "MD5")
        name = self._algorithm.upper()
        self._is_session = name.endswith("-SESS")
        self._hash = _HASHES.get(name.removesuffix("-SESS"), "")
        offered = [word.strip().lower() for word in fields.get("qop", "").split(",") if word.strip()]
        self._qop = "auth" if "auth" in offered else ""
        self._count = 0
        if not self._hash or self._hash not in hashlib.algorithms_available:
            raise ValueError(f"digest: the algorithm {self._algorithm} is not known here")
        if offered and not self._qop:
            raise ValueError(f"digest: of {', '.join(offered)} none is known here, only auth")
        if "nonce" not in fields:
            raise ValueError("digest: the challenge has no nonce")

    @property
    def is_stale(self) -> bool:
        """Whether the server says that only the nonce was too old: name and password may still be right."""
        return self._fields.get("stale", "").lower() == "true"

    @property
    def nonce(self) -> str:
        """What the server wants to see used."""
        return self._fields["nonce"]

    def answer(self, user: str, password: str, method: str, target: str, *, cnonce: str = "") -> str:
        """Return the value of the Authorization header of one request; each call counts as one use of the nonce.

        Parameters
        ----------
        target : str
            Path and query as sent.
        cnonce : str
            The client's part, drawn anew when empty.
        """
        self._count += 1
        fields, count = self._fields, f"{self._count:08x}"
        realm, nonce, cnonce = fields.get("realm", ""), self.nonce, cnonce or secrets.token_hex(8)
        first = self._digest(f"{user}:{realm}:{password}")
        if self._is_session:
            first = self._digest(f"{first}:{nonce}:{cnonce}")
        second = self._digest(f"{method}:{target}")
        # Without quality of protection the form of RFC 2069, which RFC 7616 keeps.
        between = f"{nonce}:{count}:{cnonce}:{self._qop}" if self._qop else nonce
        response = self._digest(f"{first}:{between}:{second}")
        parts = [("username", user), ("realm", realm), ("nonce", nonce), ("uri", target), ("response", response)]
        text = ", ".join(f'{name}="{_quoted(value)}"' for name, value in parts)
        if "algorithm" in fields:
            text += f", algorithm={self._algorithm}"
        if "opaque" in fields:
            text += f', opaque="{_quoted(fields["opaque"])}"'
        if self._qop or self._is_session:
            text += f', cnonce="{cnonce}"'
        if self._qop:
            text += f", qop={self._qop}, nc={count}"
        return f"Digest {text}"

    def _digest(self, text: str) -> str:
        return hashlib.new(self._hash, text.encode(), usedforsecurity=False).hexdigest()


def find_challenge(values: list[str]) -> Challenge | None:
    """Return the strongest Digest challenge of an answer's WWW-Authenticate or Proxy-Authenticate headers, None when there is none.

    Raises
    ------
    ValueError
        If there are some, and none that can be answered.
    """
    found: list[Challenge] = []
    problem: ValueError | None = None
    for fields in _digests(values):
        try:
            found.append(Challenge(fields))
        except ValueError as error:
            problem = problem or error
    if not found and problem is not None:
        raise problem
    return min(found, key=_rank, default=None)


def _rank(challenge: Challenge) -> int:
    return _ORDER.index(challenge._algorithm.upper().removesuffix("-SESS"))


def _digests(values: list[str]) -> list[dict[str, str]]:
    found = []
    for value in values:
        starts = list(_SCHEME.finditer(value))
        ends = [*(match.start() for match in starts[1:]), len(value)]
        for match, end in zip(starts, ends, strict=False):
            if match.group(1).lower() == "digest":
                text = value[match.end() : end]
                found.append({name.lower(): _unquoted(quoted) if quoted else plain for name, quoted, plain in _FIELD.findall(text)})
    return found


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
