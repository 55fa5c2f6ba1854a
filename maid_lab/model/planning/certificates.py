"""Files for TLS, tried out at plan time: what a worker could not use is said before anything is sent."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maid_lab.model import plan as out

__all__ = ["certificate_problem"]


def certificate_problem(tls: out.Tls) -> tuple[str, str, str] | None:
    """Return what is wrong with the files: the field, what is wrong, and the remedy; None when they can be used."""
    if tls.key and not tls.cert:
        return "key", "a key without a certificate is of no use", "Add cert: FILE."
    if tls.ca:
        try:
            ssl.create_default_context(cafile=tls.ca)
        except OSError:
            return "ca", f"{Path(tls.ca).name} holds no certificate in PEM form", "Give the authority's certificate as PEM."
    return _pair_problem(tls) if tls.cert else None


def _pair_problem(tls: out.Tls) -> tuple[str, str, str] | None:
    try:
        # With a password nobody is asked for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(tls.cert, tls.key or None, password="")
    except OSError as error:
        cert, key = Path(tls.cert), Path(tls.key or tls.cert)
        field = "key" if tls.key else "cert"
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            return field, f"{key.name} is not the key of {cert.name}", "Give the pair that was made together."
        if b"BEGIN CERTIFICATE" not in cert.read_bytes():
            return "cert", f"{cert.name} holds no certificate in PEM form", "Give the client's certificate as PEM."
        content = key.read_bytes()
        if b"ENCRYPTED" in content:
            return field, f"the key in {key.name} has a password", "Take it off: openssl pkey -in FILE -out NEW."
        if b"PRIVATE KEY" not in content:
            return field, f"{key.name} holds no private key", "Give key: FILE, or put the key into the file of the certificate."
        return "cert", f"{cert.name} cannot be used: {getattr(error, 'reason', None) or error}", "Give the certificate and its key as PEM."
    return None
