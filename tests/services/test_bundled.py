from dataclasses import replace
from typing import Any

import pytest

from maid_lab.model.errors import Missing
from maid_lab.model.plan import HttpStep, Target
from maid_lab.services.bundled import BundledTargets, start_target
from tests.services.test_admission import plan


class Fake:
    def __init__(self, name: str) -> None:
        self.url = f"http://127.0.0.1:{1000 + len(name)}"
        self.stopped = 0

    def stats(self) -> dict[str, Any]:
        return {}

    def stop(self) -> None:
        self.stopped += 1


class Starter:
    def __init__(self) -> None:
        self.started: dict[str, Fake] = {}

    def __call__(self, name: str) -> Fake:
        return self.started.setdefault(name, Fake(name))


async def test_addresses_are_replaced_wherever_one_stands_and_the_hash_is_kept() -> None:
    starter = Starter()
    written = plan("demo:shop/v1", steps=(HttpStep(label=1, method="GET", url="demo:ws/chat"),), host="demo:shop").hashed()
    expected = plan(
        "http://127.0.0.1:1004/v1", steps=(HttpStep(label=1, method="GET", url="http://127.0.0.1:1002/chat"),), host="http://127.0.0.1:1004"
    )
    target = Target(base_url="http://127.0.0.1:1004/v1", addresses=("127.0.0.1",))
    assert await BundledTargets(starter).start_for(written) == replace(expected, targets=(target,), plan_hash=written.plan_hash)
    assert set(starter.started) == {"shop", "ws"}


async def test_a_plan_without_bundled_targets_starts_none() -> None:
    starter = Starter()
    written = plan()
    assert await BundledTargets(starter).start_for(written) is written
    assert starter.started == {}


async def test_all_end_with_the_run_and_only_once() -> None:
    starter = Starter()
    bundled = BundledTargets(starter)
    await bundled.start_for(plan("demo:shop"))
    await bundled.stop()
    await bundled.stop()
    assert starter.started["shop"].stopped == 1


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(Missing, match="no bundled target 'shops'"):
        start_target("shops")
