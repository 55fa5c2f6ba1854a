"""Error texts that differ only in numbers, ids and addresses are one error: clusters by template."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["MAX_CLUSTERS", "ErrorCluster", "cluster", "template_of"]

#: Clusters kept; the rest are summed in one last cluster.
MAX_CLUSTERS: Final = 100

_MAX_TEXT: Final = 300

#: Pattern → what stands for it, the most specific first.
_RULES: Final = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b", "<uuid>"),
        (r"\[[0-9a-fA-F:]*:[0-9a-fA-F:.]*\](?::\d+)?", "<address>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<address>"),
        (r"\b(?:localhost|(?:[a-z0-9-]+\.)+[a-z]{2,}):\d+\b", "<address>"),
        (r"\b0x[0-9a-fA-F]+\b", "<id>"),
        (r"\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b", "<id>"),
        (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?", "<time>"),
        (r"(?<![\w<])[-+]?\d+(?:\.\d+)?", "<n>"),
    )
)

#: A status code is the error's class and not a number to be masked.
_STATUS: Final = re.compile(r"\b(?:HTTP|status|code)[ :=/]*(\d{1,3})\b(?!\.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCluster:
    """Failures of one outcome whose texts share a template.

    `example` is one text as recorded; `first_s` and `last_s` are seconds since the start of the run; `texts` counts the different texts.
    """

    outcome: str
    template: str
    example: str
    status: int
    count: int
    first_s: float
    last_s: float
    names: tuple[str, ...]
    texts: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {**asdict(self), "names": list(self.names)}


def template_of(text: str) -> str:
    """Return the text with numbers, ids, times and addresses replaced by their kind; status codes stay.

    Examples
    --------
    >>> template_of("connect to 10.0.0.7:8080 failed after 3 tries")
    'connect to <address> failed after <n> tries'
    >>> template_of("HTTP 503 for order 1234")
    'HTTP 503 for order <n>'
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\x00{'x' * len(kept)}\x00"

    result = _STATUS.sub(keep, text[: 4 * _MAX_TEXT])
    for pattern, word in _RULES:
        result = pattern.sub(word, result)
    result = re.sub("\x00(x+)\x00", lambda match: kept[len(match.group(1)) - 1], result)
    return " ".join(result.split())[:_MAX_TEXT]


def cluster(rows: Iterable[Mapping[str, Any]]) -> tuple[ErrorCluster, ...]:
    """Return clusters, the largest first.

    Parameters
    ----------
    rows : iterable of mapping
        Keys outcome, error, name, status, count, first_s, last_s; one for each different combination.
    """
    found: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["outcome"], template_of(row["error"] or ""), row["status"]), []).append(row)
    clusters = sorted(
        (_merged(key, members) for key, members in found.items()), key=lambda item: (-item.count, item.outcome, item.template)
    )
    return (*clusters[:MAX_CLUSTERS], *_rest(clusters[MAX_CLUSTERS:]))


def _merged(key: tuple[str, str, int], members: list[Mapping[str, Any]]) -> ErrorCluster:
    outcome, template, status = key
    return ErrorCluster(
        outcome=outcome,
        template=template or _without_text(outcome, status),
        example=(members[0]["error"] or "")[:_MAX_TEXT],
        status=status,
        count=sum(row["count"] for row in members),
        first_s=min(row["first_s"] for row in members),
        last_s=max(row["last_s"] for row in members),
        names=tuple(sorted({row["name"] for row in members})),
        texts=len({row["error"] for row in members}),
    )


def _without_text(outcome: str, status: int) -> str:
    return f"status {status}" if outcome == "error_status" and status >= 0 else outcome.replace("_", " ")


def _rest(clusters: list[ErrorCluster]) -> tuple[ErrorCluster, ...]:
    if not clusters:
        return ()
    return (
        ErrorCluster(
            outcome="other",
            template=f"{len(clusters):,} rarer errors",
            example="",
            status=-1,
            count=sum(item.count for item in clusters),
            first_s=min(item.first_s for item in clusters),
            last_s=max(item.last_s for item in clusters),
            names=tuple(sorted({name for item in clusters for name in item.names})),
            texts=sum(item.texts for item in clusters),
        ),
    )
