"""The grammar of thresholds: `p95(ttfb, http) < 200ms over 30s abort`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from maid_lab.model.nearest import nearest
from maid_lab.model.units import (
    format_duration,
    format_number,
    format_percent,
    format_rate,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
)

__all__ = ["METRICS", "STATS", "Threshold", "ThresholdError", "minimum_samples", "parse_threshold", "unwatchable"]

STATS: Final = ("avg", "min", "max", "med", "stdev", "count", "rate", "goodput", "error_rate", "check_rate", "dropped", "apdex")
METRICS: Final = (
    "latency", "response", "service", "ttfb", "connect", "blocked", "bytes_in", "bytes_out", "event_gap", "messages_in", "messages_out",
)  # fmt: skip
KINDS: Final = ("http", "graphql", "grpc", "websocket", "sql", "sse", "mcp", "custom")
SELECTORS: Final = ("scenario", "transaction", "request", "status", "outcome", "tag")

_TIME_METRICS: Final = frozenset({"latency", "response", "service", "ttfb", "connect", "blocked", "event_gap"})
_FRACTIONS: Final = frozenset({"error_rate", "check_rate", "apdex"})
_VALUE_STATS: Final = frozenset({"avg", "min", "max", "med", "stdev", "p"})
_HEAD: Final = re.compile(r"\s*([a-z_]+(?:\d+(?:\.\d+)?)?)\s*")
_OPERATOR: Final = re.compile(r"\s*(<=|>=|==|<|>)\s*(\S+)")
_MODIFIER: Final = re.compile(r"\s*(over|after|abort|warn)\b(?:\s+(\S+))?")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_QUANTILE: Final = re.compile(r"p(\d+(?:\.\d+)?)")
_EXAMPLE: Final = "write for example p95(request:checkout) < 300ms over 30s"


class ThresholdError(ValueError):
    """A threshold that does not follow the grammar.

    Attributes
    ----------
    offset : int
        Where in the text, counted from 0.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A condition on a whole run.

    Attributes
    ----------
    stat : str
        One of `STATS`, or `p` with `quantile` as a fraction.
    arg_s : float or None
        T of apdex, seconds.
    metric : str
        One of `METRICS`, or `custom:` and a name.
    selector_kind, selector : str
        `*`, `kind`, or one of scenario, transaction, request, status, outcome, tag (`key=value`); the name may hold `*`.
    value : float
        In seconds for times, per second for rates, bytes for sizes, a fraction for shares, else a number.
    percent : bool
        Whether the value was written in percent; `dropped` is then a share of due starts.
    over_s, after_s : float
        Window and delay in seconds, 0 for none.
    """

    stat: str
    op: str
    value: float
    quantile: float | None = None
    arg_s: float | None = None
    metric: str = "latency"
    selector_kind: str = "*"
    selector: str = "*"
    percent: bool = False
    over_s: float = 0.0
    after_s: float = 0.0
    abort: bool = False
    warn: bool = False

    @property
    def name(self) -> str:
        """The statistic as written, for example `p99.9`."""
        return f"p{format_percent(self.quantile or 0)[:-1]}" if self.stat == "p" else self.stat

    @property
    def is_time(self) -> bool:
        """Whether the value is a time in seconds."""
        return self.stat in _VALUE_STATS and self.metric in _TIME_METRICS

    def __str__(self) -> str:
        arguments = [format_duration(self.arg_s)] if self.arg_s is not None else []
        if self.metric != "latency":
            arguments.append(self.metric)
        if self.selector_kind != "*" or arguments:
            arguments.append(_selector_text(self))
        text = self.name + (f"({', '.join(arguments)})" if arguments else "")
        text += f" {self.op} {_value_text(self)}"
        text += f" over {format_duration(self.over_s)}" if self.over_s else ""
        text += f" after {format_duration(self.after_s)}" if self.after_s else ""
        return text + (" abort" if self.abort else "") + (" warn" if self.warn else "")


def minimum_samples(threshold: Threshold) -> int:
    """Return how many rows a judgement needs: ⌈10 / (1 − q)⌉ for a quantile, 100 for shares, 30 for mean, median and deviation, else 1."""
    if threshold.stat == "p" and threshold.quantile is not None:
        return math.ceil(round(10 / (1 - threshold.quantile), 6))
    if threshold.stat in _FRACTIONS:
        return 100
    return 30 if threshold.stat in ("avg", "med", "stdev") else 1


def unwatchable(threshold: Threshold, *, is_open: bool) -> str:
    """Return why a threshold with `abort` cannot be watched while a test runs, empty when it can."""
    if threshold.stat == "stdev":
        return "a deviation is known only from the rows, at the end"
    if threshold.stat in _VALUE_STATS | {"apdex"}:
        if threshold.metric not in ("latency", "service", "response"):
            return f"the metric {threshold.metric} is known only from the rows, at the end"
        if threshold.metric == ("service" if is_open else "response"):
            return f"the live view of this load holds {'response' if is_open else 'service'} times"
    if threshold.selector_kind in ("status", "tag"):
        return f"rows selected by {threshold.selector_kind} are known only at the end"
    return ""


def parse_threshold(source: str | Mapping[str, Any]) -> Threshold:
    """Parse a threshold from its text or object form.

    Raises
    ------
    ThresholdError
        With the offset of what does not fit.
    """
    if isinstance(source, Mapping):
        return parse_threshold(_text_of_object(source))
    stat, quantile, position = _stat(source)
    threshold = Threshold(stat=stat, quantile=quantile, op="<", value=0.0)
    if source[position : position + 1] == "(":
        end = _closing(source, position)
        threshold = _with_arguments(threshold, source[position + 1 : end], position + 1)
        position = end + 1
    match = _OPERATOR.match(source, position)
    if match is None:
        raise ThresholdError(f"a comparison such as < 300ms is missing; {_EXAMPLE}", position)
    threshold = _with_value(replace(threshold, op=match.group(1)), match.group(2), match.start(2))
    threshold = _with_modifiers(threshold, source, match.end())
    if threshold.stat == "apdex" and threshold.arg_s is None:
        raise ThresholdError("apdex needs its time T: write apdex(500ms, *) >= 0.9", 0)
    return threshold


def _stat(text: str) -> tuple[str, float | None, int]:
    match = _HEAD.match(text)
    if match is None:
        raise ThresholdError(f"a statistic such as p95 or error_rate is missing; {_EXAMPLE}", 0)
    word = {"rps": "rate"}.get(match.group(1), match.group(1))
    quantile = _QUANTILE.fullmatch(word)
    if quantile is not None:
        percent = float(quantile.group(1))
        if not 0 < percent < 100:
            raise ThresholdError(f"{word}: a percentile lies between 0 and 100", match.start(1))
        return ("med", None, match.end()) if percent == 50 else ("p", parse_percent(f"{quantile.group(1)}%"), match.end())
    if word not in STATS:
        hint = nearest(word, [*STATS, "p95", "p99"])
        raise ThresholdError(f"there is no statistic {word!r}{f'; did you mean {hint}?' if hint else ''}", match.start(1))
    return word, None, match.end()


def _closing(text: str, opening: int) -> int:
    quote = ""
    for position in range(opening + 1, len(text)):
        char = text[position]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == ")":
            return position
    raise ThresholdError("the closing ) is missing", opening)


def _with_arguments(threshold: Threshold, text: str, offset: int) -> Threshold:
    parts = _split(text)
    if threshold.stat == "apdex" and parts:
        threshold = replace(threshold, arg_s=_converted(parse_duration, parts.pop(0), offset))
    if parts and (parts[0] in METRICS or parts[0].startswith("custom:")):
        threshold = replace(threshold, metric=parts.pop(0))
    if len(parts) > 1:
        raise ThresholdError(f"{', '.join(parts)!r}: at most a metric and one selector stand in the brackets", offset)
    return _with_selector(threshold, parts[0], offset) if parts else threshold


def _split(text: str) -> list[str]:
    parts, quote = [""], ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
            parts[-1] += char
        elif char == ",":
            parts.append("")
        else:
            quote = char if char in "\"'" else ""
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _with_selector(threshold: Threshold, text: str, offset: int) -> Threshold:
    if text == "*":
        return threshold
    if text in KINDS:
        return replace(threshold, selector_kind="kind", selector=text)
    kind, separator, name = text.partition(":")
    if not separator or kind not in SELECTORS:
        hint = nearest(kind, [*SELECTORS, *KINDS, *METRICS])
        raise ThresholdError(f"{text!r} is neither a metric nor a selector{f'; did you mean {hint}?' if hint else ''}", offset)
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if not name or (kind == "tag" and "=" not in name):
        raise ThresholdError(f"{kind}: a name is missing" if not name else "tag: write tag:key=value", offset)
    return replace(threshold, selector_kind=kind, selector=name)


def _with_value(threshold: Threshold, text: str, offset: int) -> Threshold:
    percent = text.endswith("%")
    if threshold.stat in _FRACTIONS or (threshold.stat == "dropped" and percent):
        return replace(threshold, value=_converted(parse_percent, text, offset), percent=percent)
    if percent:
        raise ThresholdError(f"{threshold.name} is not a share, so its limit is not a percentage", offset)
    if threshold.is_time:
        return replace(threshold, value=_converted(parse_duration, text, offset))
    if threshold.stat in ("rate", "goodput"):
        return replace(threshold, value=_converted(parse_rate, text, offset))
    if threshold.stat in _VALUE_STATS and threshold.metric in ("bytes_in", "bytes_out"):
        return replace(threshold, value=float(_converted(parse_size, text, offset)))
    if _NUMBER.fullmatch(text) is None:
        raise ThresholdError(f"{text!r} is not a number, which {threshold.name} is compared with", offset)
    return replace(threshold, value=float(text))


def _with_modifiers(threshold: Threshold, text: str, position: int) -> Threshold:
    while text[position:].strip():
        match = _MODIFIER.match(text, position)
        if match is None:
            raise ThresholdError(f"{text[position:].strip()!r} is not known here: over, after, abort or warn may follow", position)
        word, value = match.groups()
        if word in ("abort", "warn"):
            threshold = replace(threshold, abort=True) if word == "abort" else replace(threshold, warn=True)
            position = match.end(1)
        else:
            if value is None:
                raise ThresholdError(f"{word} needs a duration, for example {word} 30s", match.start(1))
            seconds = _converted(parse_duration, value, match.start(2))
            threshold = replace(threshold, over_s=seconds) if word == "over" else replace(threshold, after_s=seconds)
            position = match.end()
    return threshold


def _converted(parse: Any, text: str, offset: int) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise ThresholdError(str(error), offset) from None


def _text_of_object(source: Mapping[str, Any]) -> str:
    known = ("stat", "arg", "metric", "selector", "op", "value", "over", "after", "abort", "warn")
    for key in source:
        if key not in known:
            raise ThresholdError(f"a threshold has no key {key!r}; its keys are {', '.join(known)}")
    missing = [key for key in ("stat", "op", "value") if key not in source]
    if missing:
        raise ThresholdError(f"the threshold lacks {', '.join(missing)}")
    arguments = ", ".join(_argument(key, str(source[key])) for key in ("arg", "metric", "selector") if source.get(key) is not None)
    text = f"{source['stat']}{f'({arguments})' if arguments else ''} {source['op']} {source['value']}"
    text += "".join(f" {key} {source[key]}" for key in ("over", "after") if source.get(key) is not None)
    return text + "".join(f" {key}" for key in ("abort", "warn") if source.get(key))


def _argument(key: str, text: str) -> str:
    """Quote the name of a selector that is given by itself, so that its commas and brackets stay in it."""
    kind, separator, name = text.partition(":")
    return f"{kind}:{_quoted(name)}" if key == "selector" and separator and name[:1] not in ("'", '"') else text


def _quoted(name: str) -> str:
    if not re.search(r"[,()\"']", name) and name == name.strip():
        return name
    return f'"{name}"' if '"' not in name else f"'{name}'"


def _selector_text(threshold: Threshold) -> str:
    if threshold.selector_kind in ("*", "kind"):
        return threshold.selector
    return f"{threshold.selector_kind}:{_quoted(threshold.selector)}"


def _value_text(threshold: Threshold) -> str:
    if threshold.percent:
        return format_percent(threshold.value)
    if threshold.is_time:
        return format_duration(threshold.value)
    return format_rate(threshold.value) if threshold.stat in ("rate", "goodput") else format_number(threshold.value)
