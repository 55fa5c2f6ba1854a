"""A language model that knows the shop's words: chat completions, whole or as a stream of tokens."""

from __future__ import annotations

import itertools
import json
import random
from typing import TYPE_CHECKING, Any, Final

from maid_lab.demo.shop.answer import Answer, StreamAnswer, json_answer
from maid_lab.demo.shop.routing import BadRequest

if TYPE_CHECKING:
    from maid_lab.demo.shop.catalog import Catalog
    from maid_lab.demo.shop.routing import Call, Router

__all__ = ["Chat"]

_TOKENS: Final = 16
_MOST_TOKENS: Final = 2000
_FIRST_S: Final = (0.02, 0.06)
_GAP_S: Final = (0.004, 0.012)
_END: Final = b"data: [DONE]\n\n"


class Chat:
    """Route `/v1/chat/completions`, in the form that most servers of models have taken over.

    `max_tokens` (16) tokens are made of the words of the goods. The first takes 20 to 60 ms, each other one 4 to 12 ms, drawn from the seed.
    """

    def __init__(self, catalog: Catalog, seed: int) -> None:
        self._words = sorted({word for product in catalog.products for word in product.name.split()})
        self._rng = random.Random(seed)
        self._ids = itertools.count(1)

    def add_to(self, router: Router) -> None:
        """Register the route."""
        router.add("POST /v1/chat/completions", self.complete)

    def complete(self, call: Call) -> Answer | StreamAnswer:
        """Answer a conversation: `{model, messages, max_tokens, stream}`."""
        body = call.json()
        messages, count = body.get("messages"), body.get("max_tokens", _TOKENS)
        if not isinstance(messages, list) or not messages:
            raise BadRequest("messages is missing or empty")
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST_TOKENS:
            raise BadRequest(f"max_tokens must be a whole number from 1 to {_MOST_TOKENS}, not {count!r}")
        tokens = [f"{self._rng.choice(self._words)} " for _ in range(count)]
        common = {"id": f"chatcmpl-{next(self._ids)}", "model": str(body.get("model", "demo"))}
        pauses = [self._rng.uniform(*_FIRST_S), *(self._rng.uniform(*_GAP_S) for _ in tokens[1:])]
        if body.get("stream"):
            return _stream(common, tokens, pauses)
        answer = json_answer(
            common
            | {"object": "chat.completion", "choices": [{"index": 0, "message": _message("".join(tokens)), "finish_reason": "length"}]}
            | {"usage": {"completion_tokens": count}}
        )
        answer.after_s = sum(pauses)
        return answer


def _stream(common: dict[str, Any], tokens: list[str], pauses: list[float]) -> StreamAnswer:
    """Return a message for each token, one that says why it ended, and the word that clients wait for."""
    pieces = [(pause, _event(common, {"content": token}, None)) for pause, token in zip(pauses, tokens, strict=True)]
    return StreamAnswer((*pieces, (0.0, _event(common, {}, "length") + _END)), messages=len(tokens) + 2)


def _event(common: dict[str, Any], delta: dict[str, Any], reason: str | None) -> bytes:
    chunk = common | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _message(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}
