"""Recovery, rebuild, backup and trimming, through the store's door."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import maid_lab.store
from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, Missing
from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.store.folders import write_atomically
from maid_lab.store.metrics import MetricRow
from maid_lab.store.recipes import RecipeRow
from maid_lab.store.slot import RunSlot
from maid_lab.store.store import Store, rebuild
from tests.store.processes import other_process
from tests.store.spools import plan, record, write_spool

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
RECIPE = RecipeRow(id="shop", version="1.0.0", name="Shop", source_yaml="a: 1", content_hash="h", tags=("t",), config_json={"a": 1})


def add_run(store: Store, number: int = 0, *, size: int = 0, **columns: Any) -> RunRecord:
    values = {"status": "completed", "name": str(number), "created_at": WHEN + timedelta(hours=number)}
    run = RunRecord(id=new_run_id(), **{**values, **columns})
    folder = store.folder(run.id).create()
    folder.write_record(run)
    if size:
        (folder.path / "requests.parquet").write_bytes(b"0" * size)
    store.runs.create(run)
    return run


def test_the_door_shows_what_it_says_and_loads_it_late() -> None:
    code = "import sys, maid_lab.store as s; print({'duckdb', 'polars', 'numpy'} & set(sys.modules), sorted(s.__all__) == list(s.__all__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set() True\n"
    assert maid_lab.store.Store is Store
    with pytest.raises(AttributeError, match="nothing"):
        _ = maid_lab.store.nothing


# ---- recovery


def test_orphans_are_runs_without_an_end_that_nothing_runs(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        add_run(store, 0)
        lost, alive = add_run(store, 1, status="running"), add_run(store, 2, status="running")
        only_catalogue = RunRecord(id=new_run_id(), status="pending")
        store.runs.create(only_catalogue)
        only_folder = RunRecord(id=new_run_id(), status="stopping")
        store.folder(only_folder.id).create().write_record(only_folder)
        slot = RunSlot.take(tmp_path, alive.id, "shop")

        orphans = store.orphans()
        slot.release()

        assert orphans == [lost, only_catalogue, only_folder]
        assert alive in store.orphans()


def test_a_run_that_ended_by_its_folder_is_no_orphan_and_can_be_adopted(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        run = add_run(store, status="running")
        ended = run.changed(status="completed", rows_count=7)
        store.folder(run.id).write_record(ended)

        assert (store.orphans(), store.adopt_folders(), store.runs.get(run.id)) == ([], 1, ended)


def test_a_run_that_is_in_its_folder_only_is_listed_when_folders_are_adopted(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        run = add_run(store)
        store.runs.delete(run.id)

    with Store.open(tmp_path) as store:
        assert (list(store.runs.list()), store.notices) == ([], [])
        assert (store.adopt_folders(), store.adopt_folders(), list(store.runs.list())) == (1, 0, [run])


def test_a_catalogue_that_was_taken_away_is_begun_anew(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        add_run(store)
    (tmp_path / "maid.duckdb").unlink()

    with Store.open(tmp_path) as store:
        assert (store.runs.count(), store.notices) == (0, [])


def test_a_late_folder_does_not_undo_what_the_catalogue_knows(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        run = add_run(store)
        store.runs.update(run.id, notes="newer than the folder")
        store.adopt_folders()

        assert store.runs.get(run.id).notes == "newer than the folder"


# ---- rebuild


def test_rebuild_brings_runs_recipes_and_what_only_the_catalogue_held(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        run = add_run(store)
        store.annotate(run.id, notes="mine", pinned=True, tags=("keep",))
        store.metrics.replace(run.id, [MetricRow(second=1, scenario="s", transaction="", request="r")])
        store.recipes.add(RECIPE)
        store._catalogue.execute("insert into auth.users values ('ada', 'Ada', null, 'hub', ['admin'], now(), null)")
        gone = RunRecord(id=new_run_id(), status="completed")
        store.runs.create(gone)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mine@2.0.0.yaml").write_text("id: mine\ntitle: My own\nlabels: [x]\n")
    (tmp_path / "recipes" / "bad@1.0.0.yaml").write_text("a: [")
    (tmp_path / "recipes" / "notes.txt").write_text("no recipe")

    assert rebuild(tmp_path) == 1

    with Store.open(tmp_path) as store:
        found = store.runs.get(run.id)
        assert (found.notes, found.pinned, found.tags) == ("mine", True, ("keep",))
        assert [row.second for row in store.metrics.of(run.id)] == [1]
        assert (store.recipes.ids(), store.recipes.get("shop"), store.recipes.get("mine").name) == (["mine", "shop"], RECIPE, "My own")
        assert store._catalogue.read("select name, roles from auth.users") == [{"name": "Ada", "roles": ["admin"]}]
        assert store.notices == []
    assert [path.name.split("-2")[0] for path in tmp_path.glob("maid.duckdb.*")] == ["maid.duckdb.before-rebuild"]


def test_rebuild_makes_a_record_from_plan_and_rows_when_run_json_is_lost(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        run_id = new_run_id()
        folder = store.folder(run_id).create()
        folder.write_plan(plan())
        write_spool(folder, [record(1), record(2)])
        store.finalise(run_id)
        (store.home / "runs" / "not-a-run").mkdir()
        store.folder(new_run_id()).create()

    assert rebuild(tmp_path) == 1
    with Store.open(tmp_path) as store:
        found = store.runs.get(run_id)
        assert (found.status, found.recipe_id, found.rows_count, found.plan_hash) == ("failed", "shop", 2, plan().plan_hash)
        assert "run.json was lost" in found.reason
        assert abs((found.created_at - datetime.now(UTC)).total_seconds()) < 60


def test_rebuild_without_a_catalogue_or_from_a_damaged_one_still_lists_the_runs(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        add_run(store)
    (tmp_path / "maid.duckdb").write_bytes(b"garbage" * 999)
    assert rebuild(tmp_path) == 1
    (tmp_path / "maid.duckdb").unlink()
    assert rebuild(tmp_path) == 1


def test_rebuild_waits_for_nobody_and_moves_nothing_that_is_held(tmp_path: Path) -> None:
    with other_process(tmp_path, 'store = Store.open(home)\nprint("ready", flush=True)\ntime.sleep(60)'):
        with pytest.raises(Conflict):
            rebuild(tmp_path)
        assert list(tmp_path.glob("*before-rebuild*")) == []


# ---- backup


def test_a_backup_is_a_store_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "it's home"
    with Store.open(home) as store:
        run = add_run(store)
        store.recipes.add(RECIPE)
        copy = store.backup(tmp_path / "it's a copy")
        store.runs.delete(run.id)

    with Store.open(copy) as store:
        assert (list(store.runs.list()), store.recipes.get("shop"), store.notices) == ([run], RECIPE, [])
        assert store.folder(run.id).read_record() == run


def test_a_backup_can_be_made_while_a_run_writes(tmp_path: Path) -> None:
    with Store.open(tmp_path / "home") as store:
        run, done = add_run(store, status="running"), threading.Event()

        def churn() -> None:
            while not done.is_set():
                write_atomically(store.folder(run.id).path / "status.json", "{}")
                store.runs.update(run.id, notes="x")

        writer = threading.Thread(target=churn)
        writer.start()
        try:
            copies = [store.backup(tmp_path / "copies") for _ in range(5)]
        finally:
            done.set()
            writer.join(10)

    for copy in copies:
        with Store.open(copy) as store:
            assert [(found.id, found.status) for found in store.runs.list()] == [(run.id, "running")]


def test_a_backup_into_the_store_or_onto_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Store.open(tmp_path / "home") as store:
        for place in (store.home, store.home / "runs" / "x", tmp_path / "file"):
            with pytest.raises(InvalidInput, match="cannot take the backup"):
                store.backup(place)
        with pytest.raises(EngineFailure, match="cannot be written"):
            store.backup(tmp_path / "file" / "below")


def test_keys_are_not_in_a_backup(tmp_path: Path) -> None:
    with Store.open(tmp_path / "home") as store:
        (store.home / "secrets").mkdir()
        (store.home / "secrets" / "jwt.key").write_text("k")
        copy = store.backup(tmp_path / "copies")

    assert sorted(path.name for path in copy.iterdir()) == ["maid.duckdb"]


# ---- trimming


def test_the_oldest_go_first_but_never_a_pinned_or_a_running_one(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        runs = [add_run(store, n, pinned=n == 0, status="running" if n == 1 else "completed") for n in range(6)]
        slot = RunSlot.take(tmp_path, runs[2].id, "its record was late")

        removed = store.trim(max_history=4)
        slot.release()

        assert removed == [runs[3].id, runs[4].id]
        assert store.runs.ids() == {runs[n].id for n in (0, 1, 2, 5)}
        assert [store.folder(run.id).exists for run in runs] == [True, True, True, False, False, True]


def test_history_is_held_below_a_number_of_bytes(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        runs = [add_run(store, n, size=100_000) for n in range(5)]

        assert store.trim(max_history_bytes=250_000) == [run.id for run in runs[:3]]
        assert store.trim(max_history_bytes=250_000) == []
        assert store.trim() == []


def test_the_newest_run_stays_however_large_it_is(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        runs = [add_run(store, n, size=100_000) for n in range(3)]

        assert store.trim(max_history_bytes=1) == [run.id for run in runs[:2]]
        assert store.trim(max_history=0) == []


def test_all_pinned_nothing_goes(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for n in range(3):
            add_run(store, n, pinned=True)

        assert store.trim(max_history=0, max_history_bytes=0) == []


# ---- recipes


def test_versions_of_a_recipe_are_kept_and_never_altered(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.recipes.add(RECIPE)
        store.recipes.add(RecipeRow(id="shop", version="1.0.0", name="Other", source_yaml="b", content_hash="x"))
        newer = RecipeRow(id="shop", version="1.1.0", name="Shop", source_yaml="a: 2", content_hash="i")
        store.recipes.add(newer)

        assert store.recipes.versions("shop") == [newer, RECIPE]
        assert (store.recipes.get("shop"), store.recipes.get("shop", "1.0.0")) == (newer, RECIPE)
        with pytest.raises(Missing, match="no recipe shop@9"):
            store.recipes.get("shop", "9")
        with pytest.raises(Missing, match="no recipe nowhere"):
            store.recipes.get("nowhere")
