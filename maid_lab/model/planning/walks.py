"""Questions to a whole plan or its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from maid_lab.model.plan import FormStep, HttpStep, Scenario

__all__ = ["has_dollar", "has_relative_url", "requests_in"]


def requests_in(value: Any) -> Iterator[HttpStep]:
    """Yield all requests of steps, at any depth, but those of forms, whose addresses are known from their pages only."""
    if isinstance(value, HttpStep):
        yield value
    elif isinstance(value, FormStep):
        return
    elif isinstance(value, tuple):
        for item in value:
            yield from requests_in(item)
    elif is_dataclass(value):
        for spec in fields(value):
            yield from requests_in(getattr(value, spec.name))


def has_relative_url(scenario: Scenario) -> bool:
    """Whether a request needs a base URL; one that begins with an expression may."""
    return any("://" not in step.url.partition("{{")[0] and not step.url.startswith("demo:") for step in requests_in(scenario))


def has_dollar(value: Any) -> bool:
    """Whether a mapping has the key `$`, which names classes in the file of a plan."""
    if isinstance(value, Mapping):
        return "$" in value or any(map(has_dollar, value.values()))
    return isinstance(value, list | tuple) and any(map(has_dollar, value))
