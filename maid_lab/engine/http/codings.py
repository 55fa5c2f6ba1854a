"""Content codings taken off bodies: gzip, deflate, br and zstd, each up to a limit."""

from __future__ import annotations

import zlib
from typing import Final

__all__ = ["MAX_DECODED", "decoded"]

#: Limit of decoded bodies: a few kilobytes of gzip can hold gigabytes.
MAX_DECODED: Final = 64 * 1024 * 1024

#: A larger window is not for the web (RFC 8878, 3.1.1.1.2).
_MOST_WINDOW: Final = 8 * 1024 * 1024
_BROKEN: Final = "the compressed body is broken"
_CUT: Final = "the compressed body is cut short"


def decoded(coding: bytes, data: bytes) -> bytes:
    """Return a body without its content coding.

    Parameters
    ----------
    coding : bytes
        Value of Content-Encoding in lower case.

    Raises
    ------
    ValueError
        If the coding is unknown, or the body is broken, cut short or too large.
    """
    if not data:
        return b""
    if coding in (b"gzip", b"x-gzip"):
        return _inflated(data, raw_allowed=False)
    if coding == b"deflate":
        return _inflated(data, raw_allowed=True)
    if coding == b"br":
        return _from_brotli(data)
    if coding == b"zstd":
        return _from_zstandard(data)
    raise ValueError(f"the answer has the content coding {coding.decode('latin-1')}, which is not known here")


def _inflated(data: bytes, *, raw_allowed: bool) -> bytes:
    for bits in (47, -15) if raw_allowed else (47,):
        decoder = zlib.decompressobj(bits)
        try:
            plain = decoder.decompress(data, MAX_DECODED)
        except zlib.error:
            continue
        if decoder.unconsumed_tail:
            raise ValueError(_too_large())
        if not decoder.eof:
            raise ValueError(_CUT)
        return plain
    raise ValueError(_BROKEN)


def _from_brotli(data: bytes) -> bytes:
    import brotli

    decoder = brotli.Decompressor()
    pieces, size, piece = [], 0, data
    try:
        while True:
            plain = decoder.process(piece, output_buffer_limit=MAX_DECODED)
            pieces.append(plain)
            size += len(plain)
            if size > MAX_DECODED:
                raise ValueError(_too_large())
            if decoder.is_finished():
                return b"".join(pieces)
            if not plain:
                raise ValueError(_CUT)
            piece = b""
    except brotli.error:
        raise ValueError(_BROKEN) from None


def _from_zstandard(data: bytes) -> bytes:
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
    try:
        # Read up to the limit first: only a body that keeps to it is decoded as a whole, which tells whether it has an end.
        if len(decoder.stream_reader(data).read(MAX_DECODED + 1)) > MAX_DECODED:
            raise ValueError(_too_large())
        whole = decoder.decompressobj()
        plain = whole.decompress(data)
    except zstandard.ZstdError:
        raise ValueError(_BROKEN) from None
    if not whole.eof:
        raise ValueError(_CUT)
    return plain


def _too_large() -> str:
    return f"the decoded body is larger than {MAX_DECODED // 1048576} MiB"
