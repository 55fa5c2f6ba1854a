from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.services.catalogue import held, let_go, opened


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
