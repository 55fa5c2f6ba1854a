"""Spool files as workers write them, made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maid_lab.model.plan import Label, Plan, plan_to_json
from maid_lab.model.rows import EXTENSION, EXTENSION_MARK, NONE_U32, RECORD, Outcome, Phase, pack_flags
from maid_lab.store.folders import RunFolder

RUN = "01900000-0000-7000-8000-000000000001"
USERS, ITERATION, TRANSACTION, CART, SEARCH = range(5)
LABELS = (
    Label(scenario="", transaction="", name="users", kind="users"),
    Label(scenario="buy", transaction="", name="buy", kind="iteration"),
    Label(scenario="buy", transaction="pay", name="pay", kind="transaction"),
    Label(scenario="buy", transaction="pay", name="GET /cart", kind="http", method="GET", url="/cart", tags=(("team", "a"), ("tier", "1"))),
    Label(scenario="buy", transaction="", name="POST /search", kind="graphql", method="POST", url="/search", section="setup"),
)


def plan(labels: tuple[Label, ...] = LABELS) -> Plan:
    return Plan(
        recipe_id="shop", recipe_version="1.0.0", title="Shop", content_hash="c", seed=1, targets=(), loads=(), scenarios=(), labels=labels
    ).hashed()


def run_folder(home: Path, run_id: str = RUN) -> RunFolder:
    folder = RunFolder(home, run_id).create()
    folder.write_plan(plan())
    return folder


def record(
    start: int,
    *,
    service: int = 10,
    label: int = CART,
    blocked: int = 0,
    ttfb: int = NONE_U32,
    user: int = 1,
    iteration: int = 0,
    status: int = 200,
    error: int = 0,
    outcome: Outcome = Outcome.OK,
    extension: tuple[int, int, int, int, int] | None = None,
    messages: int = NONE_U32,
    **flags: Any,
) -> bytes:
    """One record; `extension` holds end, first_byte, intended, connected, trace_id."""
    packed = pack_flags(outcome, phase=flags.pop("phase", Phase.MAINTAIN), extended=extension is not None, **flags)
    body = RECORD.pack(start, service, blocked, ttfb, 3, user, iteration, 80, 400, label, status, error, packed)
    return body if extension is None else body + EXTENSION.pack(*extension, messages, EXTENSION_MARK)


def write_spool(folder: RunFolder, records: Iterable[bytes], *, worker: int = 0, epoch: int = 0) -> Path:
    path = folder.path / f"spool-{worker}-{epoch}.rows"
    path.write_bytes(b"".join(records))
    return path


def write_names(folder: RunFolder, entries: Iterable[dict[str, Any]], *, worker: int = 0, epoch: int = 0) -> None:
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder.path / f"names-{worker}-{epoch}.jsonl").write_text(text, encoding="utf-8")


def made_label(number: int, name: str) -> dict[str, Any]:
    return {"kind": "label", "id": number, "label": plan_to_json(Label(scenario="buy", transaction="", name=name, kind="custom"))}
