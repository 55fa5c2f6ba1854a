"""The lab as a whole: a recipe, real workers, the bundled shop, a stored run."""

import asyncio
from pathlib import Path

import polars as pl
import pytest

from maid_lab.demo.launch import DemoProcess
from maid_lab.lab import Lab
from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.services.bus import LOGS, METRICS, STATUS
from tests.cli.recipes import write_recipe

#: Ends of a request that was on the wire.
SENT = pl.col("outcome").cast(pl.String).is_in(["dropped", "unsent"]).not_()


@pytest.fixture
def recipe(tmp_path: Path, shop: DemoProcess) -> str:
    shop.calm()
    return str(write_recipe(tmp_path, shop.url))


def rows_of(lab: Lab, run_id: str) -> pl.DataFrame:
    return pl.read_parquet(lab.history.folder(run_id) / "requests.parquet")


async def test_rows_equal_what_the_target_counted(recipe: str, shop: DemoProcess) -> None:
    heard: set[str] = set()
    async with Lab.open() as lab:
        lab.bus.subscribe(lambda topic, data: heard.add(topic))
        record = await lab.runs.wait(await lab.runs.start(await lab.runs.plan(recipe)))
        rows = rows_of(lab, record.id)
    assert (record.status, record.verdict, record.reason) == ("completed", "pass", "")
    assert record.rows_count == rows.height == shop.stats()["served"]["total"] > 50
    assert set(rows["name"].cast(pl.String).unique()) == {"front page", "search", "products"}
    assert {STATUS, METRICS, LOGS} <= heard


async def test_a_clean_stop_loses_no_row(recipe: str, shop: DemoProcess) -> None:
    async with Lab.open() as lab:
        run_id = await lab.runs.start(await lab.runs.plan(recipe, overrides={"run_time": "30s"}))
        await _sending(lab)
        lab.runs.stop(reason="enough")
        record = await asyncio.wait_for(lab.runs.wait(run_id), 10)
    assert (record.status, record.reason) == ("stopped", "enough")
    assert record.rows_count == shop.stats()["served"]["total"]


async def test_closing_the_lab_ends_the_run_at_once_and_keeps_its_rows(recipe: str, shop: DemoProcess) -> None:
    async with Lab.open() as lab:
        run_id = await lab.runs.start(await lab.runs.plan(recipe, overrides={"run_time": "30s"}))
        await _sending(lab)
    record = await lab.history.find(run_id)
    rows = rows_of(lab, run_id)
    assert (record.status, record.reason) == ("stopped", "the program was closed")
    # What was cut while it was on the wire is a row, whether or not the target saw it.
    aborted = rows.filter(pl.col("outcome").cast(pl.String) == "aborted").height
    assert rows.filter(SENT).height - aborted <= shop.stats()["served"]["total"] <= rows.height


async def test_a_bundled_target_is_started_for_the_run_and_ended_with_it(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "demo:shop")
    async with Lab.open() as lab:
        plan = await lab.runs.plan(str(recipe))
        record = await lab.runs.wait(await lab.runs.start(plan))
        target = lab.history.plan(record.id).targets[0]
    assert (record.status, record.failed_requests, record.plan_hash) == ("completed", 0, plan.plan_hash)
    assert record.rows_count > 50
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", int(target.base_url.rpartition(":")[2]))


async def test_a_wrong_recipe_and_a_refused_target_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    async with Lab.open() as lab:
        with pytest.raises(InvalidInput) as caught:
            await lab.runs.plan("schema: maid.recipe/v1\nid: x\n")
        assert caught.value.diagnostics
        with pytest.raises(Refused, match="E302"):
            await lab.runs.plan(str(write_recipe(tmp_path, "http://10.0.0.1")))
        assert await lab.history.recent() == []


async def _sending(lab: Lab) -> None:
    """Wait until requests are on their way."""
    async with asyncio.timeout(10):
        while (live := lab.runs.status) is None or live["requests"] < 20:
            await asyncio.sleep(0.02)
