import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.services.catalogue import changed_at, held, keep, let_go, opened
from maid_lab.store.catalogue import COMMITS


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    ids = [new_run_id() for _ in range(12)]

    def save(run_id: str) -> int:
        with opened(tmp_path) as store:
            store.runs.save(RunRecord(id=run_id))
            return store.runs.count()

    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(save, ids))
    assert sorted(counts) == list(range(1, 13))
    with opened(tmp_path) as store:
        assert {record.id for record in store.runs.list()} == set(ids)


def test_a_held_store_is_lent_until_it_is_let_go(tmp_path: Path) -> None:
    store = held(tmp_path)
    try:
        with opened(tmp_path) as lent:
            assert lent is store
        assert store.runs.count() == 0, "lending does not close it"
        assert held(tmp_path) is store
    finally:
        let_go(tmp_path)
    with opened(tmp_path) as other:
        assert other is not store
    let_go(tmp_path)


def opens_elsewhere(home: Path) -> bool:
    code = "import sys, pathlib; from maid_lab.store.store import Store; Store.open(pathlib.Path(sys.argv[1]), wait_s=float(sys.argv[2])).close()"
    done = subprocess.run([sys.executable, "-c", code, str(home), "4"], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0


def test_a_store_that_is_kept_is_lent_again_without_opening_it_anew(tmp_path: Path) -> None:
    keep(tmp_path)
    try:
        with opened(tmp_path) as first, opened(tmp_path) as second:
            assert first is second
        with opened(tmp_path) as third:
            assert third is first
    finally:
        let_go(tmp_path)
    assert opens_elsewhere(tmp_path)


def test_others_get_their_turn_beside_a_busy_server(tmp_path: Path) -> None:
    keep(tmp_path)
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            with opened(tmp_path) as store:
                store.runs.count()
            ended.wait(0.005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert opens_elsewhere(tmp_path)
    finally:
        ended.set()
        thread.join(20)
        let_go(tmp_path)


def test_the_catalogue_tells_that_another_process_has_changed_it(tmp_path: Path) -> None:
    assert changed_at(tmp_path) == 0
    with opened(tmp_path):
        pass
    before = changed_at(tmp_path)
    with opened(tmp_path) as store:
        store.runs.count()
    assert changed_at(tmp_path) == before, "reading changes nothing"
    with opened(tmp_path) as store:
        store.runs.save(RunRecord(id=new_run_id()))
    assert changed_at(tmp_path) != before
    assert changed_at(tmp_path) == (tmp_path / COMMITS).stat().st_mtime_ns
