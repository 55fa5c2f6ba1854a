"""Failure samples as text; they were masked and cut when they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["exchange_text"]


def exchange_text(sample: Mapping[str, Any]) -> tuple[str, str]:
    """Return request and answer as they would stand on the wire; the answer is empty when none came."""
    request, answer = sample["request"], sample.get("response")
    return _text(f"{request['method']} {request['url']}", request), _text(f"HTTP {answer['status']}", answer) if answer else ""


def _text(first: str, part: Mapping[str, Any]) -> str:
    head = "\n".join([first, *(f"{name}: {value}" for name, value in part["headers"])])
    body = part["body"] or ""
    return head + (f"\n\n{body}" if body else "") + ("\n… (cut)" if part.get("truncated") else "")
