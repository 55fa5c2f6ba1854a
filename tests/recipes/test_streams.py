"""The recipe with streams, from its rows to the verdict: messages recorded are those that the shop sent, and gaps are judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from maid_lab.analysis.verdict import judge
from maid_lab.model.thresholds import parse_threshold
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import finalise, read_rows
from tests.recipes.test_running import FOLDER, run, short_plan

if TYPE_CHECKING:
    from maid_lab.demo.launch import DemoProcess


async def test_messages_recorded_are_those_that_the_shop_sent_and_their_gaps_are_judged(shop: DemoProcess, tmp_path: Path) -> None:
    shop.calm()
    plan = replace(short_plan(FOLDER / "sse-llm-stream.yaml", shop.url), warmup_end_s=0.0, measured_until_s=0.0)
    folder = RunFolder(tmp_path, "0190")
    folder.create().write_plan(plan)
    await run(plan, folder.path)
    stats = shop.stats()
    finalise(folder)
    requests, events = read_rows(folder), read_rows(folder, "events")
    rows = requests.collect()
    assert rows["messages_in"].sum() == events.collect().height == stats["messages"] > 60
    assert rows.height == stats["served"]["answered"] == stats["served"]["total"]
    assert rows["kind"].unique().to_list() == ["sse"]
    assert rows.select((pl.col("first_byte") >= pl.col("start") + 20_000_000).all()).item()
    thresholds = [
        "p50(event_gap, sse) > 3ms",
        "p50(event_gap, sse) < 2ms",
        "min(messages_in, request:completion) >= 10",
        "min(ttfb, sse) > 20ms",
    ]
    judged = judge([parse_threshold(text) for text in thresholds], requests, plan=plan, events=events)
    # Each user asked once at least, so there are gaps enough for a median, and six rows are too few for nothing but it.
    assert [str(each.status) for each in judged.results] == ["pass", "fail", "pass", "pass"]
    assert judged.results[0].samples == events.filter((pl.col("number") > 0) & (pl.col("outcome").cast(pl.String) == "ok")).collect().height
