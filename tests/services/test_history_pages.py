"""Pages of the history, what people say of runs, and their removal."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import Conflict, InvalidInput, Missing, Refused
from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.model.states import RunStatus
from maid_lab.services.access.principal import LOCAL, CredentialKind, Principal, Scope
from maid_lab.services.archive import Archive
from maid_lab.services.catalogue import held, let_go
from maid_lab.services.history import History
from maid_lab.store.folders import RunFolder
from maid_lab.store.history_pages import SORTS, RunFilter
from maid_lab.store.slot import RunSlot

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Principal(kind=CredentialKind.KEY, id="ada", scopes=frozenset({Scope.READ, Scope.WRITE}))
ALL = RunFilter()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "home"
    place.mkdir(mode=0o700)
    held(place)
    yield place
    let_go(place)


def add(home: Path, number: int = 0, **columns: Any) -> RunRecord:
    given: dict[str, Any] = {"status": "completed", "recipe_id": "shop", "created_at": WHEN + timedelta(minutes=number)} | columns
    record = RunRecord(id=new_run_id(), **given)
    RunFolder(home, record.id).create().write_record(record)
    held(home).runs.save(record)
    return record


async def walk(history: History, chosen: RunFilter = ALL, *, sort: str, limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    for _ in range(100):
        page = await history.page(chosen, sort=sort, limit=limit, cursor=cursor)
        found += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


@pytest.mark.parametrize("sort", sorted({f"{sign}{column}" for column in SORTS for sign in ("", "+", "-")}))
async def test_walking_the_pages_meets_every_run_once_whatever_the_order(home: Path, sort: str) -> None:
    def value(number: int, column: str) -> Any:
        kind = SORTS[column]
        if column in ("created_at", "start_time", "end_time"):
            return WHEN + timedelta(microseconds=number // 2)
        if number % 3 == 0 and column not in ("total_requests", "failed_requests", "recipe_id", "status", "name"):
            return None
        return f"completed{number // 2}" if kind is str else kind(number // 2) + (0.1 if kind is float else 0)

    column = sort.lstrip("+-")
    runs = [add(home, number, **{column: value(number, column)}) for number in range(7)]
    found = await walk(History(home), sort=sort, limit=2)
    assert sorted(found) == sorted(run.id for run in runs)
    values = [getattr(next(run for run in runs if run.id == run_id), column) for run_id in found]
    known = [item for item in values if item is not None]
    assert known == sorted(known, reverse=sort.startswith("-"))
    assert all(item is None for item in values[len(known) :])


async def test_runs_that_come_and_go_between_two_pages_neither_repeat_nor_hide_others(home: Path) -> None:
    runs = [add(home, number) for number in range(5)]
    history = History(home)
    first = await history.page(ALL, limit=2)
    assert [run.id for run in first.items] == [runs[4].id, runs[3].id]
    add(home, 60)
    await history.delete(runs[3].id, principal=LOCAL)
    second = await history.page(ALL, limit=10, cursor=first.next_cursor)
    assert [run.id for run in second.items] == [runs[2].id, runs[1].id, runs[0].id]
    assert (second.next_cursor, second.total) == (None, 5)


@pytest.mark.parametrize(
    "chosen",
    [
        RunFilter(recipe="checkout"),
        RunFilter(status="failed"),
        RunFilter(verdict="fail"),
        RunFilter(tag="nightly"),
        RunFilter(user="ada"),
        RunFilter(since=WHEN + timedelta(minutes=30)),
        RunFilter(until=WHEN),
        RunFilter(text="BLÄCK friday'; --"),
        RunFilter(text="night"),
    ],
    ids=repr,
)
async def test_each_filter_finds_the_run_that_it_fits(home: Path, chosen: RunFilter) -> None:
    at = -60 if chosen.until else 60
    wanted = add(
        home,
        at,
        recipe_id="checkout",
        status="failed",
        verdict="fail",
        tags=("nightly",),
        user_id="ada",
        notes="Black and bläck Friday'; -- %",
    )
    add(home, 0, verdict="pass", tags=("night-shift",) if chosen.text is None else ())
    page = await History(home).page(chosen)
    assert ([run.id for run in page.items], page.total) == ([wanted.id], 1)


async def test_a_page_leaves_out_plan_and_summary_and_is_plain_json(home: Path) -> None:
    run = add(home, config_json={"seed": 1}, metrics_json={"p95": 1})
    data = (await History(home).page(ALL)).to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["items"][0].items() >= {"id": run.id, "recipe_id": "shop", "created_at": WHEN.isoformat(), "tags": []}.items()
    assert not {"config_json", "metrics_json"} & set(data["items"][0])


async def test_a_cursor_of_another_list_or_none_at_all_is_refused(home: Path) -> None:
    for number in range(3):
        add(home, number)
    history = History(home)
    good = (await history.page(ALL, limit=1)).next_cursor or ""
    digest, value, run_id = json.loads(base64.urlsafe_b64decode(good + "=="))

    def made(data: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode()

    wrong = [
        "x", "ü", "!!!!", "a" * 5000, good[:-3], made([digest, "text", run_id]), made([digest, value, "no id"]), made([digest, 2**70, run_id]),
        made([digest, True, run_id]), made({"a": 1}), made(3), made([[], value, run_id]), made(None), "W" * 4000,
    ]  # fmt: skip
    for cursor in wrong:
        with pytest.raises(InvalidInput):
            await history.page(ALL, limit=1, cursor=cursor)
    for chosen, sort in ((RunFilter(recipe="shop"), "-created_at"), (ALL, "created_at")):
        with pytest.raises(InvalidInput):
            await history.page(chosen, sort=sort, limit=1, cursor=good)


@pytest.mark.parametrize(
    "bad", [{"sort": "config_json"}, {"sort": "--name"}, {"sort": "id; drop table maid_runs"}, {"limit": 0}, {"limit": 501}]
)
async def test_orders_and_limits_outside_the_list_are_refused(home: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await History(home).page(ALL, **bad)


async def test_a_time_without_zone_is_refused(home: Path) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        await History(home).page(RunFilter(since=WHEN.replace(tzinfo=None)))


async def test_what_is_said_of_a_run_is_kept_in_catalogue_and_folder(home: Path) -> None:
    run = add(home)
    said = await History(home).annotate(run.id, principal=LOCAL, name="Nightly", tags=["a", " a", "b"], notes="slow", pinned=True)
    assert (said.name, said.tags, said.notes, said.pinned) == ("Nightly", ("a", "b"), "slow", True)
    assert (await History(home).find(run.id)) == said == RunFolder(home, run.id).read_record()
    assert (await History(home).annotate(run.id, principal=LOCAL, notes="")).name == "Nightly"


async def test_what_is_said_of_a_run_under_way_outlives_its_end(home: Path) -> None:
    run = add(home, status=RunStatus.PENDING)
    archive = Archive(home)
    running = archive.note(run, status=RunStatus.RUNNING)
    said = await History(home).annotate(run.id, principal=LOCAL, notes="watch the cart", pinned=True)
    assert said.status == RunStatus.RUNNING
    final = archive.seal(running, status=RunStatus.COMPLETED)
    assert (final.notes, final.pinned, final.status) == ("watch the cart", True, RunStatus.COMPLETED)
    assert await History(home).find(run.id) == final


@pytest.mark.parametrize("bad", [{"name": "n" * 201}, {"tags": [""]}, {"tags": ["t" * 101]}, {"tags": list(map(str, range(51)))}])
async def test_texts_that_are_too_long_are_refused(home: Path, bad: dict[str, Any]) -> None:
    run = add(home)
    with pytest.raises(InvalidInput):
        await History(home).annotate(run.id, principal=LOCAL, **bad)


async def test_a_removed_run_is_gone_from_catalogue_and_disk(home: Path) -> None:
    run, other = add(home), add(home, 1)
    assert (await History(home).delete(run.id, principal=LOCAL)).id == run.id
    assert not RunFolder(home, run.id).exists
    assert RunFolder(home, other.id).exists
    with pytest.raises(Missing):
        await History(home).find(run.id)


async def test_pinned_and_running_runs_cannot_be_removed(home: Path) -> None:
    pinned, open_ = add(home, pinned=True), add(home, status="running")
    done = add(home)
    slot = RunSlot.take(home, done.id, "shop")
    try:
        for run in (pinned, open_, done):
            with pytest.raises(Conflict, match=run.id):
                await History(home).delete(run.id, principal=LOCAL)
            assert RunFolder(home, run.id).exists
    finally:
        slot.release()


async def test_only_the_owner_and_administrators_change_a_run(home: Path) -> None:
    history = History(home)
    own, foreign = add(home, user_id="ada"), add(home, user_id="grace")
    assert (await history.annotate(own.id, principal=ADA, notes="mine")).notes == "mine"
    reader = replace(ADA, scopes=frozenset({Scope.READ}))
    for who, run in ((ADA, foreign), (reader, own)):
        with pytest.raises(Refused):
            await history.annotate(run.id, principal=who, notes="x")
        with pytest.raises(Refused):
            await history.delete(run.id, principal=who)
    assert (await history.delete(foreign.id, principal=LOCAL)).id == foreign.id


async def test_pages_while_runs_come_and_go_never_fail(home: Path) -> None:
    history = History(home)
    runs = [add(home, number) for number in range(20)]

    async def reading() -> None:
        for _ in range(20):
            await walk(history, sort="-created_at", limit=3)

    async def removing() -> None:
        for run in runs[::2]:
            await history.delete(run.id, principal=LOCAL)

    await asyncio.wait_for(asyncio.gather(reading(), removing()), 30)
    assert (await history.page(ALL)).total == 10
