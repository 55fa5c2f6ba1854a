"""The history is trimmed after each run and at each opening, and only when a bound is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maid_lab.lab import Lab
from maid_lab.services import housekeeping
from maid_lab.services.catalogue import opened
from maid_lab.services.housekeeping import trim_history
from maid_lab.store.folders import run_folders
from tests.services.fakes import FakeEngine, service


async def run(home: Path, **settings: Any) -> str:
    runs = service(home, FakeEngine(), **settings)
    return (await runs.wait(await runs.start(await runs.plan("small")))).id


def kept(home: Path) -> set[str]:
    folders = {folder.run_id for folder in run_folders(home)}
    with opened(home) as store:
        assert store.runs.ids() == folders
    return folders


async def test_after_a_run_the_oldest_go_from_folder_and_catalogue(tmp_path: Path) -> None:
    ids = [await run(tmp_path, max_history=2) for _ in range(4)]
    assert kept(tmp_path) == {*ids[2:]}


async def test_a_bound_in_bytes_spares_the_run_that_just_ended(tmp_path: Path) -> None:
    ids = [await run(tmp_path, max_history_bytes=1) for _ in range(2)]
    assert kept(tmp_path) == {ids[1]}


async def test_at_opening_the_history_is_trimmed_too_and_pinned_runs_stay(tmp_path: Path) -> None:
    ids = [await run(tmp_path) for _ in range(3)]
    with opened(tmp_path) as store:
        store.annotate(ids[0], pinned=True)
    (tmp_path / "config.json").write_text(json.dumps({"max_history": 2}), encoding="utf-8")

    async with Lab.open(tmp_path):
        assert kept(tmp_path) == {ids[0], ids[2]}


async def test_without_need_no_catalogue_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(tmp_path)

    def refuse(_home: Path) -> None:
        raise AssertionError("the catalogue was opened")

    monkeypatch.setattr(housekeeping, "opened", refuse)
    for bounds in ((0, 0), (1, 0), (0, 10**9)):
        assert trim_history(tmp_path, max_history=bounds[0], max_history_bytes=bounds[1]) == []


async def test_a_history_that_cannot_be_trimmed_costs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await run(tmp_path)

    def refuse(*_given: object, **_bounds: object) -> None:
        raise OSError("the folder is busy")

    with monkeypatch.context() as patched:
        patched.setattr(housekeeping, "trim_history", refuse)
        second = await run(tmp_path, max_history=1)
    assert kept(tmp_path) == {first, second}
    await run(tmp_path, max_history=1)
    assert len(kept(tmp_path)) == 1
