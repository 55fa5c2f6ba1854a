"""Content codings: whole, cut, broken and too large bodies."""

import gzip
import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from maid_lab.engine.http import codings
from maid_lab.model.plan import Check, HttpStep
from tests.engine.running import plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Send, reply

TEXT = b"The quick brown fox jumps over thirteen lazy dogs. " * 40
RAW = zlib.compressobj(wbits=-15)
CODED = {
    b"gzip": gzip.compress(TEXT),
    b"deflate": zlib.compress(TEXT),
    b"br": brotli.compress(TEXT),
    b"zstd": zstandard.ZstdCompressor().compress(TEXT),
}


@pytest.mark.parametrize("coding", CODED)
def test_whole_bodies_are_decoded_and_others_are_told(coding: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    body = CODED[coding]
    assert codings.decoded(coding, body) == TEXT
    assert codings.decoded(coding, b"") == b""
    with pytest.raises(ValueError, match="cut short"):
        codings.decoded(coding, body[:-4])
    with pytest.raises(ValueError, match="broken"):
        codings.decoded(coding, b"\xff" * 40)
    monkeypatch.setattr(codings, "MAX_DECODED", 1000)
    with pytest.raises(ValueError, match="larger than"):
        codings.decoded(coding, body)


def test_deflate_without_its_envelope_is_taken_as_browsers_do() -> None:
    assert codings.decoded(b"deflate", RAW.compress(TEXT) + RAW.flush()) == TEXT


def test_an_unknown_coding_is_named() -> None:
    with pytest.raises(ValueError, match="content coding rot13"):
        codings.decoded(b"rot13", b"x")


@pytest.mark.parametrize("coding", CODED)
async def test_steps_read_bodies_of_each_coding(hostile: HostileServer, tmp_path: Path, coding: bytes) -> None:
    hostile.on("/c", Send(reply(CODED[coding], ("Content-Encoding", coding.decode()))))
    check = Check(kind="body_contains", op="contains", value="lazy dogs")
    step = HttpStep(label=2, method="GET", url="/c", check=(check,), headers=(("Accept-Encoding", "gzip, deflate, br, zstd"),))
    (row,) = requests(await run_shard(plan_of(hostile.url, (step,), ("c",)), tmp_path))
    assert (row.outcome, row.error) == ("ok", "")
