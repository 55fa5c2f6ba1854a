"""Announcements to Jupyter's event log."""

from __future__ import annotations

import io
import json
import logging

from jupyter_events import EventLogger

from maid_lab.server.events import SCHEMA_ID, announce
from maid_lab.services.bus import TEST_COMPLETED, TEST_STARTED, Bus


def test_start_and_end_are_announced_without_what_is_not_theirs() -> None:
    written, bus = io.StringIO(), Bus()
    logger = EventLogger(handlers=[logging.StreamHandler(written)])
    end = announce(bus, logger)
    bus.publish(TEST_STARTED, {"run_id": "r", "title": "T", "recipe_id": "hello", "plan_hash": "secret-looking"})
    bus.publish(TEST_COMPLETED, {"run_id": "r", "title": "T", "status": "completed", "verdict": None, "reason": "", "rows": 5})
    end()
    bus.publish(TEST_STARTED, {"run_id": "unheard"})
    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert {first["__schema__"], second["__schema__"]} == {SCHEMA_ID}
    assert (first["what"], first["run_id"], first["recipe_id"]) == ("started", "r", "hello")
    assert (second["what"], second["status"], second["verdict"]) == ("completed", "completed", None)
    assert "plan_hash" not in first
    assert "rows" not in second


def test_a_second_server_in_the_process_finds_the_schema_there() -> None:
    logger = EventLogger(handlers=[])
    announce(Bus(), logger)
    announce(Bus(), logger)
    assert SCHEMA_ID in logger.schemas.schema_ids
