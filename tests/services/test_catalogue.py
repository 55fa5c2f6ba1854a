from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.services.catalogue import opened


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
