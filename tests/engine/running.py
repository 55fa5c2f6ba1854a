"""A shard in this process, and its rows read back without the store: what engine tests judge by."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maid_lab.engine.recording.capture import Capture
from maid_lab.engine.recording.recorder import Recorder
from maid_lab.engine.shard import Shard
from maid_lab.engine.timers import Timers
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.plan import Label, Load, Plan, Scenario, Segment, Step, Target, plan_from_json
from maid_lab.model.redaction import Redactor
from maid_lab.model.rows import (
    EXTENSION_FIELDS,
    EXTENSION_MARK,
    FLAG_ATTEMPT_SHIFT,
    FLAG_EXTENDED,
    FLAG_OUTCOME,
    FLAG_REDIRECTED,
    FLAG_REUSED,
    NONE_U32,
    RECORD_FIELDS,
    Outcome,
)

LIMIT_S = 10.0
NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, with its label."""

    label: Label
    user: int
    iteration: int
    start: int
    end: int
    intended: int
    status: int
    outcome: str
    error: str
    reused: bool
    redirected: bool
    attempt: int
    bytes_out: int
    bytes_in: int
    first_byte: int = -1
    messages: int = NONE_U32

    @property
    def name(self) -> str:
        return self.label.name


def labels(*names: str) -> tuple[Label, ...]:
    """Label 0 is the engine's, 1 the iteration, then requests by name."""
    own = Label(scenario="", transaction="", name="users", kind="users")
    iteration = Label(scenario="s", transaction="", name="s", kind="iteration")
    return own, iteration, *(Label(scenario="s", transaction="", name=name, kind="http") for name in names)


def plan_of(url: str, steps: tuple[Step, ...], names: tuple[str, ...], **changes: Any) -> Plan:
    """One user, one iteration by default."""
    load = {"model": "iterations", "iterations": 1, "users": 1.0, "duration_s": LIMIT_S} | changes.pop("load", {})
    users, duration = load.pop("users"), load.pop("duration_s")
    segments = load.pop("segments", (Segment(start_s=0, end_s=duration, level_from=users, level_to=users),))
    scenario = Scenario(name="s", label=1, weight=1, steps=steps, **changes.pop("scenario", {}))
    return Plan(
        recipe_id="t",
        recipe_version="1.0.0",
        title="t",
        content_hash="",
        seed=7,
        targets=(Target(base_url=url, addresses=("127.0.0.1",)),),
        loads=(Load(name="l", profile="test", segments=segments, order=(0,), **load),),
        scenarios=(scenario,),
        labels=changes.pop("labels", labels(*names)),
        duration_s=duration,
        **changes,
    )


async def run_shard(
    plan: Plan, folder: Path, *, during: Any = None, log: Any = None, secrets: Any = None, keeps: CaptureOptions | None = None
) -> list[Row]:
    """Run a plan on one shard to its end and return all rows; `keeps` is what it captures, nothing by default."""
    loop = asyncio.get_running_loop()
    recorder = Recorder(folder, worker=0, epoch=0, open_model=plan.is_open)
    timers = Timers(loop)
    lines: list[str] = []
    log = log or (lambda _level, text: lines.append(text))
    capture = None
    if keeps is not None:
        redactor = Redactor((secrets or {}).values())
        capture = Capture(
            folder,
            worker=0,
            epoch=0,
            options=keeps,
            redactor=redactor,
            label_of=lambda number: shard.label(number),
            recorder=recorder,
            log=log,
        )
    shard = Shard(
        plan, run_id="run", worker=0, workers=1, loop=loop, recorder=recorder, timers=timers, secrets=secrets or {},
        log=log, capture=capture,
    )  # fmt: skip
    shard.start(time.monotonic_ns(), {})
    began = time.monotonic()
    acted = during is None
    while not shard.is_done or not acted:
        await asyncio.sleep(0.005)
        shard.sweep(time.monotonic_ns())
        if not acted and during(shard, time.monotonic() - began):
            acted = True
        if shard.end_reason and not shard.is_ending:
            shard.kill()
        assert time.monotonic() - began < LIMIT_S, "the shard did not end"
    await asyncio.sleep(0.01)
    assert not shard.connections, "connections were left open"
    recorder.close()
    if capture is not None:
        capture.close()
    timers.close()
    return rows_in(folder, plan)


def rows_in(folder: Path, plan: Plan, *, worker: int = 0) -> list[Row]:
    """Decode the spool of a worker."""
    raw = (folder / f"spool-{worker}-0.rows").read_bytes()
    records = np.frombuffer(raw, dtype=np.dtype(list(RECORD_FIELDS)))
    extensions = np.frombuffer(raw, dtype=np.dtype(list(EXTENSION_FIELDS)))
    names = {0: ""}
    made: dict[int, Label] = {}
    for line in (folder / f"names-{worker}-0.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "label":
            made[entry["id"]] = plan_from_json({"$": "Label", **entry["label"]})
        else:
            names[entry["id"]] = entry["text"]
    rows = []
    for index, record in enumerate(records):
        flags = int(record["flags"])
        number = int(record["label"])
        label = plan.labels[number] if number < len(plan.labels) else made[number]
        if flags & FLAG_OUTCOME == EXTENSION_MARK or label.kind == "users":
            continue
        start = int(record["start"])
        end, intended = start + int(record["service"]), start - int(record["blocked"])
        first_byte, messages = (start + int(record["ttfb"]) if record["ttfb"] != NONE_U32 else -1), NONE_U32
        if flags & FLAG_EXTENDED:
            first_byte, messages = int(extensions[index + 1]["first_byte"]), int(extensions[index + 1]["messages"])
            end, intended = int(extensions[index + 1]["end"]), int(extensions[index + 1]["intended"])
        rows.append(
            Row(
                label=label,
                user=int(record["user"]),
                iteration=int(record["iteration"]),
                start=start,
                end=end,
                intended=intended,
                status=int(record["status"]),
                outcome=Outcome(flags & FLAG_OUTCOME).word,
                error=names[int(record["error"])],
                reused=bool(flags & FLAG_REUSED),
                redirected=bool(flags & FLAG_REDIRECTED),
                attempt=flags >> FLAG_ATTEMPT_SHIFT,
                bytes_out=int(record["bytes_out"]),
                bytes_in=int(record["bytes_in"]),
                first_byte=first_byte,
                messages=messages,
            )
        )
    return rows


def requests(rows: list[Row]) -> list[Row]:
    """Rows of requests alone."""
    return [row for row in rows if row.label.is_request]
