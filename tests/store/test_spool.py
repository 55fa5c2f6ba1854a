from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.rows import EXTENSION, EXTENSION_MARK, NONE_U32, RECORD_SIZE
from maid_lab.store import spool
from maid_lab.store.spool import Names, SpoolFile, columns_of, ends_of, rows_of
from tests.store.spools import LABELS, record

FAR = 9_000_000_000


def decoded(path: Path) -> list[dict[str, Any]]:
    rows = []
    for records in SpoolFile(path).chunks():
        columns = columns_of(records, rows_of(records))
        rows += [dict(zip(columns, values, strict=True)) for values in zip(*(column.tolist() for column in columns.values()), strict=True)]
    return rows


def spool_of(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "spool-2-3.rows"
    path.write_bytes(content)
    return path


def test_a_record_becomes_absolute_stamps_and_flags(tmp_path: Path) -> None:
    content = record(
        1_000, service=50, blocked=400, ttfb=20, user=7, iteration=2, status=404, error=5, reused=True, redirected=True, attempt=3
    )

    assert decoded(spool_of(tmp_path, content)) == [
        {
            "start": 1_000, "end": 1_050, "intended": 600, "first_byte": 1_020, "connected": -1, "trace_id": 0, "messages_in": NONE_U32,
            "outcome": 0, "phase": 1,
            "reused": True, "redirected": True, "attempt": 3, "lag": 3, "user": 7, "iteration": 2, "bytes_out": 80, "bytes_in": 400,
            "label": 3, "status": 404, "error": 5,
        }
    ]  # fmt: skip


def test_an_extension_replaces_the_stamps_of_the_record_before_it_alone(tmp_path: Path) -> None:
    content = record(1) + record(2, extension=(FAR, 8, -5, 4, 77)) + record(3)

    rows = decoded(spool_of(tmp_path, content))

    names = ("start", "end", "first_byte", "intended", "connected", "trace_id")
    assert [tuple(row[name] for name in names) for row in rows] == [(1, 11, -1, 1, -1, 0), (2, FAR, 8, -5, 4, 77), (3, 13, -1, 3, -1, 0)]


def test_a_chunk_never_parts_a_record_from_its_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = spool_of(tmp_path, b"".join(record(number, extension=(FAR + number, -1, number, -1, 0)) for number in range(9)))

    for size in range(1, 8):
        monkeypatch.setattr(spool, "CHUNK", size)
        assert [row["end"] for row in decoded(path)] == [FAR + number for number in range(9)], size


@given(cut=st.integers(0, 5 * RECORD_SIZE))
def test_a_cut_tail_costs_only_what_was_cut(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    content = b"".join(record(number) for number in range(5))
    path = spool_of(tmp_path_factory.mktemp("cut"), content[:cut])

    assert [row["start"] for row in decoded(path)] == list(range(cut // RECORD_SIZE))


def test_a_record_whose_extension_was_cut_keeps_its_short_stamps(tmp_path: Path) -> None:
    content = record(5, extension=(FAR, 6, 5, 5, 1))[: RECORD_SIZE + 10]

    assert [(row["end"], row["connected"]) for row in decoded(spool_of(tmp_path, content))] == [(15, -1)]


def test_an_extension_without_its_record_is_no_row(tmp_path: Path) -> None:
    lost = EXTENSION.pack(1, 2, 3, 4, 5, 6, EXTENSION_MARK)

    assert [row["start"] for row in decoded(spool_of(tmp_path, lost + record(9) + lost))] == [9]


@given(garbage=st.binary(max_size=40 * RECORD_SIZE))
def test_any_bytes_can_be_decoded(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    path = spool_of(tmp_path_factory.mktemp("garbage"), garbage)

    for records in SpoolFile(path).chunks():
        rows = rows_of(records)
        assert len(ends_of(records, rows)) == len(columns_of(records, rows)["end"]) == len(rows) <= len(garbage) // RECORD_SIZE


def test_what_is_appended_after_the_first_look_is_not_read_but_noticed(tmp_path: Path) -> None:
    file = SpoolFile(spool_of(tmp_path, record(1)))
    before = file.has_grown
    with file.path.open("ab") as appended:
        appended.write(record(2))

    assert (before, file.has_grown, sum(map(len, file.chunks()))) == (False, True, 1)


def test_the_name_of_a_file_says_worker_and_epoch(tmp_path: Path) -> None:
    file = SpoolFile(spool_of(tmp_path, b""))

    assert (file.worker, file.epoch, list(file.chunks())) == (2, 3, [])
    with pytest.raises(ValueError, match="not a spool file"):
        SpoolFile(tmp_path / "rows.bin")


def test_names_are_read_as_far_as_they_can_be(tmp_path: Path) -> None:
    (tmp_path / "names-0-0.jsonl").write_text('{"kind": "error", "id": 4, "text": "refused"}\nnot json\n[]\n{"kind": "error", "id": 5, "te')

    names = Names.read(tmp_path, 0, 0, LABELS)

    assert [names.error(number) for number in (0, 4, 5)] == [None, "refused", "unknown error 5"]
    assert (names.label(3), names.label(99)) == (LABELS[3], None)
    assert Names.read(tmp_path, 9, 9, LABELS).errors == {}


def test_ends_agree_with_columns(tmp_path: Path) -> None:
    path = spool_of(tmp_path, record(1) + record(2, extension=(FAR, 8, 2, 4, 7)) + record(3))

    (records,) = SpoolFile(path).chunks()

    rows = rows_of(records)
    assert np.array_equal(ends_of(records, rows), columns_of(records, rows)["end"])
