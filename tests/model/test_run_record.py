from __future__ import annotations

import json
import threading
import time
import uuid
from datetime import UTC, datetime

from maid_lab.model.run_record import RunRecord, new_run_id


def test_a_record_survives_json() -> None:
    record = RunRecord(
        id=new_run_id(), tags=("a", "b"), config_json={"x": [1]}, verdict="pass", start_time=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    )

    assert RunRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_fields_of_a_later_version_are_left_out() -> None:
    record = RunRecord(id=new_run_id())

    assert RunRecord.from_json({**record.to_json(), "mood": "good"}) == record


def test_a_change_moves_the_stamp() -> None:
    record = RunRecord(id=new_run_id(), updated_at=datetime(2020, 1, 1, tzinfo=UTC))

    changed = record.changed(notes="n")

    assert (changed.notes, record.notes) == ("n", "")
    assert changed.updated_at > record.updated_at


def test_ids_are_uuids_of_version_7_that_sort_by_time_in_one_thread() -> None:
    ids = [new_run_id() for _ in range(10_000)]

    assert ids == sorted(set(ids))
    assert {(uuid.UUID(value).version, uuid.UUID(value).variant) for value in ids} == {(7, uuid.RFC_4122)}
    assert abs((uuid.UUID(ids[0]).int >> 80) / 1000 - time.time()) < 60


def test_ids_of_several_threads_differ() -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.extend(new_run_id() for _ in range(2_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(set(ids)) == 8_000
