"""Where requests go and what they carry: connections for an iteration, the base URL of a redirect, trace ids."""

import re
from pathlib import Path

import numpy as np

from maid_lab.model.plan import HttpStep, Target
from maid_lab.model.rows import EXTENSION_FIELDS, EXTENSION_MARK, FLAG_OUTCOME, RECORD_FIELDS
from tests.engine.running import plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Send, head, reply

OK = HttpStep(label=2, method="GET", url="/ok")


async def test_connections_can_end_with_the_iteration(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=2, method="GET", url="/ok", reuse="iteration")
    rows = requests(await run_shard(plan_of(hostile.url, (step, step), ("r",), load={"iterations": 3}), tmp_path))
    assert [row.reused for row in rows] == [False, True] * 3
    assert (hostile.requests, hostile.connections) == (6, 3)


async def test_a_sticky_redirect_moves_the_user_for_good(hostile: HostileServer, tmp_path: Path) -> None:
    with HostileServer() as other:
        hostile.on("/moved", Send(head(302, ("Location", f"{other.url}/ok"), ("Content-Length", "0"))))
        plan = plan_of(hostile.url, (HttpStep(label=2, method="GET", url="/moved", sticky=True), OK), ("r",))
        plan = plan.__class__(**{name: getattr(plan, name) for name in plan.__dataclass_fields__} | {
            "targets": (*plan.targets, Target(base_url=other.url, weight=0, addresses=("127.0.0.1",))),
        })  # fmt: skip
        rows = requests(await run_shard(plan, tmp_path))
        other.settle()
        assert [row.outcome for row in rows] == ["ok"] * 3
        assert (hostile.requests, other.requests) == (1, 2)


async def test_without_sticky_the_next_request_goes_where_the_user_is_at_home(hostile: HostileServer, tmp_path: Path) -> None:
    with HostileServer() as other:
        hostile.on("/moved", Send(head(302, ("Location", f"{other.url}/ok"), ("Content-Length", "0"))))
        plan = plan_of(hostile.url, (HttpStep(label=2, method="GET", url="/moved"), OK), ("r",))
        plan = plan.__class__(**{name: getattr(plan, name) for name in plan.__dataclass_fields__} | {
            "targets": (*plan.targets, Target(base_url=other.url, weight=0, addresses=("127.0.0.1",))),
        })  # fmt: skip
        await run_shard(plan, tmp_path)
        other.settle()
        assert (hostile.requests, other.requests) == (2, 1)


async def test_a_traced_request_carries_the_id_of_its_row(hostile: HostileServer, tmp_path: Path) -> None:
    seen: list[bytes] = []

    def answer(request: object) -> tuple[Send, ...]:
        seen.append(bytes(request))  # type: ignore[call-overload]
        return (Send(reply()),)

    hostile.answer("/t", answer)
    step = HttpStep(label=2, method="GET", url="/t", trace=True)
    rows = requests(await run_shard(plan_of(hostile.url, (step,), ("r",), load={"users": 2.0, "iterations": 3}), tmp_path))
    assert [row.outcome for row in rows] == ["ok"] * 6
    found = [re.search(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-01\r\n", request) for request in seen]
    ids = [match.group(1).decode() for match in found if match]
    assert len(set(ids)) == 6
    assert len({each[:16] for each in ids}) == 1
    raw = (tmp_path / "spool-0-0.rows").read_bytes()
    records = np.frombuffer(raw, dtype=np.dtype(list(RECORD_FIELDS)))
    kept = np.frombuffer(raw, dtype=np.dtype(list(EXTENSION_FIELDS)))[(records["flags"] & FLAG_OUTCOME) == EXTENSION_MARK]["trace_id"]
    assert sorted(int(each[16:], 16) for each in ids) == sorted(kept[kept > 0].tolist())
