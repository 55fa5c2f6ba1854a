"""What clients send, parsed."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from maid_lab.model.errors import InvalidInput
from maid_lab.model.nearest import did_you_mean
from maid_lab.server.sockets.frames import TOPICS

__all__ = ["MOST_CHARACTERS", "OPS", "CommandCall", "Message", "Ping", "Subscribe", "Unsubscribe", "id_in", "parse_message"]

#: Longest message; the longest command is a test plan of a few hundred characters.
MOST_CHARACTERS: Final = 16_384

Number = Annotated[int, Field(strict=True)] | Annotated[str, Field(max_length=100)] | None


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Number = Field(default=None, description="Comes back in the answer.")


class Subscribe(_Said):
    """Send these topics from now on, in addition to those of before."""

    op: Literal["subscribe"]
    topics: list[str] = Field(min_length=1, max_length=20)
    run_id: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Only frames of this run.")
    last_seq: Annotated[int, Field(strict=True, ge=0)] | None = Field(default=None, description="Send what came after this frame.")
    level: Literal["trace", "debug", "info", "warning", "error"] | None = Field(default=None, description="Least level of log lines.")


class Unsubscribe(_Said):
    """Send these topics no more; all of them when none is named."""

    op: Literal["unsubscribe"]
    topics: list[str] = Field(default=[], max_length=20)


class Ping(_Said):
    """Answer at once."""

    op: Literal["ping"]


class CommandCall(_Said):
    """Carry out a command of the controller."""

    op: Literal["command"]
    name: str = Field(max_length=100)
    args: dict[str, Any] = {}


Message = Subscribe | Unsubscribe | Ping | CommandCall
OPS: Final = ("subscribe", "unsubscribe", "ping", "command")
_MESSAGE: Final[TypeAdapter[Message]] = TypeAdapter(Annotated[Message, Field(discriminator="op")])


def parse_message(text: str | bytes) -> Message:
    """Return what a client said.

    Raises
    ------
    InvalidInput
        If it cannot be read; names the field.
    """
    value = _object(text)
    op = value.get("op")
    if not isinstance(op, str) or op not in OPS:
        hint = did_you_mean(op, OPS) if isinstance(op, str) and len(op) < 100 else ""
        raise InvalidInput(f"there is no op {_short(op)}.", hint=hint or f"Ops are {', '.join(OPS)}.")
    try:
        message = _MESSAGE.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or op
        raise InvalidInput(f"{op}: {place}: {first['msg']}.", hint="docs/websocket.md tells what can be sent.") from None
    if isinstance(message, Subscribe | Unsubscribe):
        for topic in message.topics:
            if topic not in TOPICS:
                raise InvalidInput(
                    f"there is no topic {_short(topic)}.", hint=did_you_mean(topic[:100], TOPICS) or f"Topics are {', '.join(TOPICS)}."
                )
    return message


def id_in(text: str | bytes) -> Any:
    """Return the id of a message that could not be parsed, when it has one that can be told back."""
    try:
        number = _object(text).get("id")
    except InvalidInput:
        return None
    return number if (isinstance(number, int | str) and len(str(number)) <= 100) else None


def _object(text: str | bytes) -> dict[str, Any]:
    if isinstance(text, bytes):
        raise InvalidInput("binary messages are not read.", hint="Send JSON as text.")
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(f"a message has at most {MOST_CHARACTERS} characters, this one has {len(text)}.", hint="Send less at once.")
    try:
        value = json.loads(text)
    except RecursionError:
        raise InvalidInput("the message is nested too deeply.", hint="Send a flat object.") from None
    except ValueError as error:
        raise InvalidInput(f"the message is no JSON: {_short(str(error))}.", hint='Send for example {"op": "ping"}.') from None
    if not isinstance(value, dict):
        raise InvalidInput("a message is a JSON object.", hint='Send for example {"op": "ping"}.')
    return value


def _short(value: object) -> str:
    try:
        said = repr(value) if not isinstance(value, dict | list) else type(value).__name__
    except ValueError:  # a number of more digits than Python writes
        said = "a number"
    return said if len(said) <= 80 else said[:77] + "…"
