from __future__ import annotations

import stat
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from maid_lab.model.errors import Conflict, EngineFailure
from maid_lab.store import catalogue as module
from maid_lab.store.catalogue import Catalogue, migrations
from maid_lab.store.runs import RunRepository
from maid_lab.store.store import Store, rebuild
from tests.store.processes import other_process, run_and_kill

TABLES = {
    "auth": {"api_keys", "users"},
    "brainml": {"documents", "terms"},
    "main": {
        "maid_audit", "maid_config_changes", "maid_deeplink_events", "maid_deeplinks", "maid_extension_versions", "maid_extensions",
        "maid_generations", "maid_metrics", "maid_prompt_events", "maid_prompt_marks", "maid_prompt_versions", "maid_prompts",
        "maid_recipe_marks", "maid_recipe_trust", "maid_recipes", "maid_runs", "maid_target_approvals", "schema_migrations", "store_counts",
        "store_state",
    },
}  # fmt: skip

FIVE_RUNS = """
store = Store.open(home)
for number in range(5):
    record = RunRecord(id=new_run_id(), name=str(number), status="completed")
    store.folder(record.id).create().write_record(record)
    store.runs.create(record)
"""
USERS_ONLY = """
store = Store.open(home)
for number in range(40):
    store._catalogue.execute("insert into auth.users values (?, 'n', null, 'api', [], now(), null)", [str(number)])
"""


def kept_aside(home: Path) -> list[str]:
    return sorted(path.name.split("corrupt")[0] for path in home.iterdir() if "corrupt" in path.name)


def test_a_new_catalogue_has_all_tables_and_only_its_owner_may_enter(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    catalogue = Catalogue.open(home)
    found = catalogue.read("select table_schema as s, table_name as t from information_schema.tables")
    applied = [row["version"] for row in catalogue.read("select version from schema_migrations order by version")]
    catalogue.close()

    assert {schema: {row["t"] for row in found if row["s"] == schema} for schema in {row["s"] for row in found}} == TABLES
    assert applied == [version for version, _ in migrations()] == list(range(1, len(applied) + 1))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_second_process_is_told_the_pid_of_the_holder(tmp_path: Path) -> None:
    with other_process(tmp_path, 'store = Store.open(home)\nprint("ready", flush=True)\ntime.sleep(60)') as holder:
        with pytest.raises(Conflict, match=rf"held by process {holder.pid}\b"):
            Catalogue.open(tmp_path, wait_s=0.1)
        with pytest.raises(Conflict, match="held by another process"):
            Catalogue.probe(tmp_path / "maid.duckdb")
    Catalogue.open(tmp_path).close()


def test_a_process_that_holds_it_briefly_is_waited_for(tmp_path: Path) -> None:
    with other_process(tmp_path, 'store = Store.open(home)\nprint("ready", flush=True)\nsys.stdin.readline()\nstore.close()\n') as holder:
        assert holder.stdin is not None
        threading.Timer(0.3, lambda: (holder.stdin.write("go\n"), holder.stdin.flush())).start()  # type: ignore[union-attr]
        catalogue = Catalogue.open(tmp_path, wait_s=10)
        holder.wait(10)
    catalogue.close()


def test_a_newer_schema_is_refused_with_both_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Catalogue.open(tmp_path).close()
    known = migrations()
    monkeypatch.setattr(module, "migrations", lambda: known[:-1])

    with pytest.raises(EngineFailure, match=f"schema version {len(known)}, this MAID Lab knows {len(known) - 1}"):
        Catalogue.open(tmp_path)
    monkeypatch.undo()
    Catalogue.open(tmp_path).close()


def test_an_older_catalogue_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = duckdb.connect(str(tmp_path / "maid.duckdb"))
    old.execute(migrations()[0][1])
    old.execute("create table schema_migrations (version integer primary key, applied_at timestamptz not null)")
    old.execute("insert into schema_migrations values (1, now())")
    old.execute("insert into auth.users values ('u', 'n', null, 'api', [], now(), null)")
    old.close()

    catalogue = Catalogue.open(tmp_path)
    rows, notices = catalogue.read("select id from auth.users"), catalogue.notices
    catalogue.close()

    assert (rows, notices) == ([{"id": "u"}], [])


def test_a_migration_that_fails_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Catalogue.open(tmp_path).close()
    broken = [*migrations(), (99, "create table half (a integer); create table broken (")]
    monkeypatch.setattr(module, "migrations", lambda: broken)
    with pytest.raises(EngineFailure, match="syntax error"):
        Catalogue.open(tmp_path)
    monkeypatch.undo()

    catalogue = Catalogue.open(tmp_path)
    assert catalogue.read("select 1 from information_schema.tables where table_name = 'half'") == []
    catalogue.close()


def test_an_exception_rolls_back_and_comes_to_the_caller(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)

    def half(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("insert into maid_recipe_trust values ('h', 's', null, now())")
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        catalogue.write(half)
    with pytest.raises(EngineFailure, match="does not exist"):
        catalogue.execute("insert into nowhere values (1)")
    with pytest.raises(RuntimeError, match="another transaction"):
        catalogue.write(lambda _: catalogue.execute("select 1"))
    assert catalogue.read("select * from maid_recipe_trust") == []
    catalogue.close()


def test_threads_write_and_read_together_and_nothing_is_lost(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(20):
                catalogue.execute("insert into maid_recipe_trust values (?, 's', null, now())", [f"{name}-{number}"])
                catalogue.read("select count(*) from maid_recipe_trust")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (failures, catalogue.read("select count(*) as n from maid_recipe_trust")) == ([], [{"n": 160}])
    catalogue.close()


def test_after_close_nothing_waits_for_ever(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    catalogue.close()
    catalogue.close()

    for use in (lambda: catalogue.execute("select 1"), lambda: catalogue.read("select 1"), catalogue.checkpoint):
        with pytest.raises(EngineFailure, match="is closed"):
            use()


# ---- broken on purpose


def test_what_was_committed_survives_a_kill_and_what_was_not_does_not(tmp_path: Path) -> None:
    code = """
store = Store.open(home)
store.runs.create(RunRecord(id=new_run_id(), name="kept"))
def half(connection):
    connection.execute("insert into maid_recipe_trust values ('h', 's', null, now())")
    print("ready", flush=True)
    time.sleep(60)
store._catalogue.write(half)
"""
    with other_process(tmp_path, code):
        pass

    catalogue = Catalogue.open(tmp_path)
    found = [record.name for record in RunRepository(catalogue).list()], catalogue.read("select * from maid_recipe_trust")
    assert (found, catalogue.notices) == ((["kept"], []), [])
    catalogue.close()


@pytest.mark.parametrize("cut", [1, 100, 1_500])
def test_a_cut_log_is_told_and_the_run_list_is_whole(tmp_path: Path, cut: int) -> None:
    run_and_kill(tmp_path, FIVE_RUNS)
    wal = tmp_path / "maid.duckdb.wal"
    wal.write_bytes(wal.read_bytes()[:-cut])

    with Store.open(tmp_path) as store:
        assert {record.name for record in store.runs.list()} == set("01234")
        assert "run list is rebuilt" in " ".join(store.notices)
    with Store.open(tmp_path) as store:
        assert (store.runs.count(), store.notices) == (5, [])


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.95])
def test_a_flipped_byte_in_the_log_is_told_and_the_run_list_is_whole(tmp_path: Path, place: float) -> None:
    run_and_kill(tmp_path, FIVE_RUNS)
    wal = tmp_path / "maid.duckdb.wal"
    content = bytearray(wal.read_bytes())
    content[int(len(content) * place)] ^= 0x55
    wal.write_bytes(content)

    with Store.open(tmp_path) as store:
        assert {record.name for record in store.runs.list()} == set("01234")
        assert "run list is rebuilt" in " ".join(store.notices)


def test_commits_that_no_folder_knows_are_missed_too(tmp_path: Path) -> None:
    run_and_kill(tmp_path, USERS_ONLY)
    wal = tmp_path / "maid.duckdb.wal"
    wal.write_bytes(wal.read_bytes()[: wal.stat().st_size // 2])

    catalogue = Catalogue.open(tmp_path)
    assert "has lost" in " ".join(catalogue.notices)
    catalogue.close()


@pytest.mark.parametrize("place", [10, 20])
def test_a_damaged_file_is_kept_aside_and_the_run_list_is_whole(tmp_path: Path, place: int) -> None:
    run_and_kill(tmp_path, FIVE_RUNS)
    with Store.open(tmp_path):
        pass
    file = tmp_path / "maid.duckdb"
    content = bytearray(file.read_bytes())
    content[place] ^= 0x55
    file.write_bytes(content)

    with Store.open(tmp_path) as store:
        assert store.runs.count() == 5
        assert "maid.duckdb was damaged and is kept as maid.duckdb.corrupt-" in " ".join(store.notices)
    assert kept_aside(tmp_path) == ["maid.duckdb."]


def test_wherever_the_file_is_damaged_it_opens_or_rebuild_is_named_and_brings_the_runs(tmp_path: Path) -> None:
    run_and_kill(tmp_path, FIVE_RUNS.replace("str(number)", "str(number), config_json={'text': 'y' * 50_000}"))
    with Store.open(tmp_path):
        pass
    file = tmp_path / "maid.duckdb"
    whole = file.read_bytes()
    named = 0
    for place in range(8_192 + 100, len(whole), max(4_096, len(whole) // 24)):
        content = bytearray(whole)
        content[place] ^= 0x55
        file.write_bytes(content)
        try:
            with Store.open(tmp_path) as store:
                found = {record.name for record in store.runs.list()}
        except EngineFailure as error:
            assert error.hint.endswith("maid store rebuild")
            assert rebuild(tmp_path) == 5
            named += 1
        else:
            assert found == set("01234")
    assert named, "no flipped byte was met"


def test_a_file_that_is_no_catalogue_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "maid.duckdb").write_bytes(b"garbage" * 1_000)

    Catalogue.open(tmp_path).close()

    assert kept_aside(tmp_path) == ["maid.duckdb."]


def test_what_is_no_damage_is_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "maid.duckdb").mkdir()

    with pytest.raises(EngineFailure, match="cannot be opened"):
        Catalogue.open(tmp_path)
    assert kept_aside(tmp_path) == []


def test_a_file_of_a_newer_duckdb_is_left_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "IO Error: Trying to read a database file with version number 999, but we can only read versions between 64 and 67."
    (tmp_path / "maid.duckdb").write_bytes(b"of the future")

    def refuse(_path: str) -> None:
        raise duckdb.IOException(text)

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(EngineFailure, match="written by a newer DuckDB"):
        Catalogue.open(tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"of the future"]


def test_rows_that_went_missing_from_the_file_are_told(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    catalogue.execute("insert into maid_recipe_trust values ('a', 's', null, now()), ('b', 's', null, now())")
    catalogue.close()
    behind = duckdb.connect(str(tmp_path / "maid.duckdb"))
    behind.execute("delete from maid_recipe_trust where trust_hash = 'a'")
    behind.close()

    catalogue = Catalogue.open(tmp_path)
    assert catalogue.notices == [
        "The catalogue has 1 rows of main.maid_recipe_trust, 2 were noted. The run list is rebuilt from the run folders."
    ]
    catalogue.close()


def test_rows_that_were_deleted_raise_no_alarm(tmp_path: Path) -> None:
    run_and_kill(tmp_path, FIVE_RUNS + "store.checkpoint()\nfor run_id in store.runs.ids(): store.runs.delete(run_id)")

    catalogue = Catalogue.open(tmp_path)
    assert (catalogue.notices, RunRepository(catalogue).count()) == ([], 0)
    catalogue.close()


FULL = """
import resource, signal
store = Store.open(home)
store.runs.create(RunRecord(id=new_run_id(), name="before"))
store.checkpoint()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = max(file.stat().st_size for file in home.iterdir() if file.is_file())
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
said = set()
for number in range(40):
    try:
        store.runs.create(RunRecord(id=new_run_id(), name="x" * 400_000))
    except Exception as error:
        said.add(type(error).__name__)
print(said)
"""


def test_a_full_disk_is_an_engine_failure_and_what_was_there_stays(tmp_path: Path) -> None:
    from tests.store import processes

    done = subprocess.run(
        [sys.executable, "-c", processes._HEAD + FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert "{'EngineFailure'}" in done.stdout, done.stderr
    with Store.open(tmp_path) as store:
        assert "before" in {record.name for record in store.runs.list(limit=100)}


def test_fifty_times_opened_and_closed_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    def cycle() -> None:
        with Store.open(tmp_path) as store:
            reader = threading.Thread(target=store.runs.count)
            reader.start()
            reader.join()

    cycle()
    before = (threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))
    for _ in range(50):
        cycle()

    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before
