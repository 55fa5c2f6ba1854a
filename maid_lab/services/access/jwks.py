"""Public keys of an external issuer, from a JWKS file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PublicKey", "PublicKeys"]

_LEAST_RSA_BITS: Final = 2048
_LARGEST_FILE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key and the only algorithm it is used with."""

    algorithm: str
    key: Any


class PublicKeys:
    """Keys of a JWKS file by `kid`; the file is read again when it changes.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, PublicKey] = {}

    def find(self, kid: str) -> PublicKey | None:
        """Return the key with an id, None when there is none.

        Raises
        ------
        InvalidInput
            If the file cannot be read, or holds a key that is none of ours to trust.
        """
        return self.all().get(kid)

    def all(self) -> dict[str, PublicKey]:
        """Return all keys by id; see `find`."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._keys, self._stamp = self._read(), stamp
        except (OSError, ValueError) as error:
            self._keys, self._stamp = {}, None
            raise InvalidInput(f"the file of public keys {self._path} cannot be read: {error}.", hint=_HINT) from None
        return self._keys

    def _read(self) -> dict[str, PublicKey]:
        with self._path.open("rb") as stream:
            text = stream.read(_LARGEST_FILE + 1)
        if len(text) > _LARGEST_FILE:
            raise ValueError(f"it is larger than {_LARGEST_FILE} bytes")
        data = json.loads(text)
        entries = data.get("keys") if isinstance(data, dict) else None
        if not isinstance(entries, list):
            raise ValueError('it has no list "keys"')  # noqa: TRY004 - a wrong file, not a wrong call
        keys: dict[str, PublicKey] = {}
        for entry in entries:
            if isinstance(entry, dict) and entry.get("use", "sig") == "sig":
                kid = entry.get("kid")
                if not isinstance(kid, str) or not kid or kid in keys:
                    raise ValueError(f"a key without a kid of its own ({kid!r})")
                keys[kid] = _public_key(kid, entry)
        return keys


_HINT: Final = "Write the public keys of the issuer into it, or empty the setting access_jwks_file."


def _public_key(kid: str, entry: Mapping[str, Any]) -> PublicKey:
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    algorithm = _algorithm(kid, entry)
    if any(name in entry for name in ("d", "k", "p", "q")):
        raise ValueError(f"key {kid} holds a private part, which belongs to its issuer alone")
    try:
        key = PyJWK(dict(entry), algorithm=algorithm).key
    except (PyJWTError, ValueError, TypeError) as error:
        raise ValueError(f"key {kid} is none: {error}") from None
    if algorithm == "RS256" and key.key_size < _LEAST_RSA_BITS:
        raise ValueError(f"key {kid} has {key.key_size} bits, {_LEAST_RSA_BITS} are needed")
    return PublicKey(algorithm, key)


def _algorithm(kid: str, entry: Mapping[str, Any]) -> str:
    """Return the algorithm that belongs to the type of a key: a token cannot choose another one."""
    kind = (entry.get("kty"), entry.get("crv"))
    algorithm = "RS256" if kind[0] == "RSA" else "ES256" if kind == ("EC", "P-256") else None
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        raise ValueError(f"key {kid} is for {entry.get('alg') or kind}; RS256 and ES256 are accepted")
    return algorithm
