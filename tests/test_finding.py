"""`maid_lab.find_capacity`: a search as a call, with a value that holds what it found."""

from __future__ import annotations

from typing import Any

import pytest

import maid_lab
from maid_lab import running
from maid_lab.demo.launch import DemoProcess
from maid_lab.model.errors import EngineFailure, InvalidInput, Refused
from maid_lab.model.run_record import RunRecord
from tests.cli.recipes import write_recipe

QUICK: dict[str, Any] = {"probe": "0.5s", "settle": "0.1s", "tolerance": "20%"}


@pytest.fixture(autouse=True)
def closed() -> Any:
    """End the labs of a test with it."""
    yield
    running._background.close()


@pytest.fixture
def target(shop: DemoProcess) -> DemoProcess:
    shop.calm()
    return shop


@maid_lab.scenario(think=0.005)
async def crowded(user: Any) -> None:
    """The fourth user finds no room."""
    page = await user.get("/")
    if user.id >= 3:
        user.fail(page, "no room")


async def _record(run_id: str) -> RunRecord:
    return await (await running._background.lab()).history.find(run_id)


def test_a_level_between_the_one_that_held_and_the_one_that_did_not(target: DemoProcess) -> None:
    found = maid_lab.find_capacity(crowded, host=target.url, slo=["error_rate < 10%"], start=2, to=64, name="room", **QUICK)
    assert found.level in (2, 3)
    assert found.next_bad in (3, 4)
    assert (found.unit, found.objectives) == ("users", ("error_rate < 10%",))
    assert found.sentence.startswith(f"Capacity: {found.level:g} users held error_rate < 10%; {found.next_bad:g} did not")
    assert repr(found) == found.sentence
    assert found.curve.columns[:4] == ["number", "level", "judged", "requests"]
    assert found.curve.filter(found.curve["level"] == 2)["judged"].to_list()[-1] == "pass"
    assert found.curve.filter(found.curve["level"] == 4)["error_rate"][0] > 0.1
    assert found.curve["level"].is_sorted()
    assert "error_rate &lt; 10%" in found._repr_html_() and "<table" in found._repr_html_()
    (run_id,) = found.run_ids
    record = running._background.call(_record(run_id))
    assert (record.id, record.name, record.status) == (run_id, "room", "completed")


def test_a_recipe_and_a_rate_whose_last_level_holds(target: DemoProcess, tmp_path: Any) -> None:
    path = write_recipe(tmp_path, target.url)
    found = maid_lab.find_capacity(path, slo=["count(*) >= 1"], unit="rate", start=20, to=40, **QUICK)
    assert (found.level, found.unit, found.next_bad) == (40, "starts/s", None)
    assert found.reason == "the last level holds"
    assert found.curve["level"].to_list() == [20, 40]


def test_no_level_holds(target: DemoProcess) -> None:
    found = maid_lab.find_capacity(crowded, host=target.url, slo=["p50 < 0.001ms"], start=1, to=2, **QUICK)
    assert found.level is None
    assert "no level held" in found.sentence


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slo": []}, "list of objectives"),
        ({"slo": "p95 < 1s"}, "list of objectives"),
        ({"slo": ["p95 <"]}, "E110"),
        ({"slo": ["p95 < 1s"], "unit": "requests"}, "no unit 'requests'"),
        ({"slo": ["p95 < 1s"], "users": 5}, "no option 'users'"),
        ({"slo": ["p95 < 1s"], "max_users": 5}, "unit=\"rate\""),
        ({"slo": ["p95 < 1s"], "hots": "a"}, "'hots'"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(options: dict[str, Any], said: str, target: DemoProcess) -> None:
    with pytest.raises(InvalidInput) as refused:
        maid_lab.find_capacity(crowded, host=target.url, **options)
    assert said in "\n".join([str(refused.value), *getattr(refused.value, "__notes__", ())])


def test_a_run_that_fails_is_an_error(target: DemoProcess) -> None:
    async def broken(_user: Any) -> None:
        raise ValueError("no")

    with pytest.raises(EngineFailure, match="setup failed"):
        maid_lab.find_capacity(crowded, host=target.url, slo=["error_rate < 1%"], test_start=broken, **QUICK)


def test_a_target_that_is_not_allowed(target: DemoProcess) -> None:
    with pytest.raises(Refused):
        maid_lab.find_capacity(crowded, host="http://192.0.2.1", slo=["error_rate < 1%"], **QUICK)
