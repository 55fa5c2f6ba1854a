"""Messages of streams from the workers' files into Parquet."""

from pathlib import Path

import polars as pl
import pytest

from maid_lab.engine.recording.events import EventSpool
from maid_lab.model.rows import Outcome, Phase, pack_flags
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import finalise, read_rows
from tests.store.spools import CART, SEARCH, record, run_folder, write_spool


def streams(home: Path) -> RunFolder:
    folder = run_folder(home)
    for worker in (0, 1):
        write_spool(folder, [record(100, extension=(900, 800, 100, -1, 0), messages=5), record(300, label=SEARCH)], worker=worker)
    spool = EventSpool(folder.path, worker=1, epoch=0)
    flags = pack_flags(Outcome.RESET, phase=Phase.MAINTAIN)
    spool.record([], [], request=1, zero=0, user=1, iteration=0, label=CART, flags=0)
    spool.record([1100, 1150, 1300], [4, 5, 6], request=1090, zero=1000, user=7, iteration=2, label=CART, flags=flags)
    spool.record([2000], [1], request=1090, zero=1000, user=8, iteration=0, label=SEARCH, flags=0)
    spool.close()
    return folder


def test_each_message_is_a_row_with_the_names_of_its_request(tmp_path: Path) -> None:
    folder = streams(tmp_path)
    live = read_rows(folder, "events").collect()
    finalise(folder)
    found = read_rows(folder, "events").collect()
    assert found.equals(live)
    assert (folder.path / "events.parquet").is_file()
    assert not list(folder.path.glob("*.rows"))
    columns = [
        "worker",
        "user",
        "iteration",
        "name",
        "kind",
        "section",
        "request",
        "number",
        "start",
        "end",
        "size",
        "outcome",
        "phase",
        "tags",
    ]
    assert found.select(columns).rows() == [
        (1, 7, 2, "GET /cart", "http", "scenario", 90, 0, 90, 100, 4, "reset", "maintain", "team=a,tier=1"),
        (1, 7, 2, "GET /cart", "http", "scenario", 90, 1, 100, 150, 5, "reset", "maintain", "team=a,tier=1"),
        (1, 7, 2, "GET /cart", "http", "scenario", 90, 2, 150, 300, 6, "reset", "maintain", "team=a,tier=1"),
        (1, 8, 0, "POST /search", "graphql", "setup", 90, 0, 90, 1000, 1, "ok", "increase", ""),
    ]
    assert found.schema["size"] == pl.UInt32
    assert read_rows(folder).select("messages_in").collect()["messages_in"].to_list() == [5, None, 5, None]


def test_a_message_cut_by_a_crash_is_left_out(tmp_path: Path) -> None:
    folder = streams(tmp_path)
    path = folder.events_path(1, 0)
    path.write_bytes(path.read_bytes()[:-5])
    finalise(folder)
    assert read_rows(folder, "events").collect().height == 3


def test_a_run_without_streams_has_no_file_of_messages_but_their_columns(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    write_spool(folder, [record(100)])
    live = read_rows(folder, "events").collect()
    finalise(folder)
    assert not (folder.path / "events.parquet").is_file()
    found = read_rows(folder, "events").collect()
    assert (found.height, found.columns) == (0, live.columns)
    with pytest.raises(ValueError, match="events, not of 'nothing'"):
        read_rows(folder, "nothing")
