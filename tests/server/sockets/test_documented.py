"""Each op, topic, field and close code stands in docs/websocket.md."""

import re
from pathlib import Path
from typing import Any

from maid_lab.server.sockets.frames import GAP, LEVELS, TOPICS
from maid_lab.server.sockets.handler import TOO_BIG
from maid_lab.server.sockets.hub import GOING_AWAY, POLICY_VIOLATION
from maid_lab.server.sockets.messages import MOST_CHARACTERS, OPS, CommandCall, Subscribe, Unsubscribe
from maid_lab.server.sockets.outbox import TRY_AGAIN
from maid_lab.server.sockets.view import idle_data, metrics_data, status_data

PAGE = (Path(__file__).parents[3] / "docs" / "websocket.md").read_text(encoding="utf-8")


def rows_of(head: str) -> list[str]:
    """First cells of the table whose head begins like this."""
    table = PAGE[PAGE.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1].strip(" `") for row in table]


def words(data: dict[str, Any]) -> set[str]:
    found = set(data)
    for value in data.values():
        found |= words(value) if isinstance(value, dict) else set()
    return found


def test_ops_topics_and_close_codes_are_all_in_their_tables() -> None:
    assert rows_of("| op |") == list(OPS)
    assert rows_of("| topic |") == [*TOPICS, GAP]
    assert rows_of("| close code |") == [str(code) for code in sorted((GOING_AWAY, POLICY_VIOLATION, TOO_BIG, TRY_AGAIN))]


def test_every_field_of_messages_and_frames_is_told() -> None:
    fields = {name for model in (Subscribe, Unsubscribe, CommandCall) for name in model.model_fields}
    fields |= words(status_data({"elapsed_s": 1})) | words(metrics_data({}, {})) | words(idle_data()) | set(LEVELS)
    prose = re.sub(r"```.+?```", "", PAGE, flags=re.DOTALL)
    told = {word for span in re.findall(r"`([^`]+)`", prose) for word in re.findall(r"\w+", span)} | set(re.findall(r'"(\w+)"', PAGE))
    assert sorted(fields - told) == []


def test_the_longest_message_is_told() -> None:
    assert f"{MOST_CHARACTERS:,} characters" in PAGE
