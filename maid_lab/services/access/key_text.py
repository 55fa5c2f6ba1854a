"""The text of an API key: `maid_live_<id>_<secret>`, Crockford base 32 in small letters."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from maid_lab.store.access import LIVE, TEST

__all__ = ["KeyText", "hash_of", "is_key_form", "new_id", "new_secret", "read_key"]

#: Without i, l, o and u, which people confuse.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH: Final = 10
#: 32 characters of 5 bits: 160 random bits.
_SECRET_LENGTH: Final = 32
_KEY: Final = re.compile(rf"({LIVE}|{TEST})([{_ALPHABET}]{{{_ID_LENGTH}}})_([{_ALPHABET}]{{{_SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """Parts of a key that somebody sent; the secret is in no `repr`."""

    prefix: str
    id: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        """Return the key with its secret masked."""
        return f"{self.prefix}{self.id}_***"


def new_id() -> str:
    """Return a public id."""
    return _drawn(_ID_LENGTH)


def new_secret() -> str:
    """Return a secret."""
    return _drawn(_SECRET_LENGTH)


def hash_of(secret: str) -> str:
    """Return what is kept of a secret. 160 random bits cannot be guessed, so one round of SHA-256 is enough and costs a request nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_key_form(text: str) -> bool:
    """Whether a text claims to be a credential of ours, however malformed."""
    return text[:5].lower() in ("maid_", "maid-")


def read_key(text: str) -> KeyText | None:
    """Return the parts of a key, None when it is none; only the one spelling that we hand out counts."""
    found = _KEY.fullmatch(text)
    return KeyText(*found.groups()) if found else None


def _drawn(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
