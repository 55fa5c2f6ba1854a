"""The local pool: workers stand aside while the test is planned, and have all cores for the load."""

from __future__ import annotations

import os

import pytest

from maid_lab.engine.supervision.pool import LocalPool


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs processor affinity")
async def test_workers_leave_a_core_to_the_planning_and_have_all_for_the_load() -> None:
    mine = os.sched_getaffinity(0)
    pool = LocalPool.warm(2)
    try:
        aside = [os.sched_getaffinity(handle.pid) for handle in pool.workers]
        assert aside == [mine - {min(mine)} or mine] * 2
        await pool.connect()
        assert [os.sched_getaffinity(handle.pid) for handle in pool.workers] == [mine] * 2
    finally:
        await pool.close()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs processor affinity")
async def test_with_one_core_nobody_stands_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    first = min(os.sched_getaffinity(0))
    monkeypatch.setattr("maid_lab.engine.supervision.pool._cores", lambda: [first])
    pool = LocalPool.warm(1)
    try:
        assert os.sched_getaffinity(pool.workers[0].pid) == os.sched_getaffinity(0)
    finally:
        await pool.close()
