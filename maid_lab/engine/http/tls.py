"""TLS as a plan wants it: authorities, client certificates, versions and protocols in one context for all connections of a kind."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from maid_lab.model.plan import Tls

__all__ = ["client_context"]

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def client_context(tls: Tls, *, is_http2: bool) -> ssl.SSLContext:
    """Return a context for connections.

    Raises
    ------
    InvalidInput
        If a file of it cannot be used on this machine.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
    except OSError as error:
        raise InvalidInput(f"the authority {tls.ca} cannot be read: {_reason(error)}.", hint="Give a file of PEM certificates.") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert:
        try:
            # With a password nobody is asked for one on the terminal.
            context.load_cert_chain(tls.cert, tls.key or None, password="")
        except OSError as error:
            text = f"the client certificate {tls.cert} cannot be used: {_reason(error)}."
            raise InvalidInput(text, hint="Give PEM files: the certificate, and its key without a password.") from None
    if tls.min_version:
        context.minimum_version = _VERSIONS[tls.min_version]
    # Both, so that a server without HTTP/2 chooses the other and is told apart from a broken one.
    context.set_alpn_protocols(["h2", "http/1.1"] if is_http2 else ["http/1.1"])
    return context


def _reason(error: OSError) -> str:
    return (getattr(error, "reason", None) or error.strerror or str(error)).replace("_", " ").lower()
