"""From rows to the values of a log's line, field by field."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from maid_lab.analysis.error_clusters import template_of
from maid_lab.model.rows import SETUP_USER, Outcome
from maid_lab.services.logs.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maid_lab.model.plan import Label, Plan
    from maid_lab.services.logs.captured import Captured
    from maid_lab.services.logs.rows import LogRow

__all__ = ["Lines", "log_of", "rfc3339", "template_id"]

_MS: Final = 1e6
_NS: Final = 1_000_000_000
_ABSOLUTE: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_LOG_OF_KIND: Final = {"transaction": "transaction", "iteration": "scenario"}
_NOT_SENT: Final = frozenset(outcome.word for outcome in Outcome if not outcome.is_sent)


def rfc3339(wall_ns: int) -> str:
    """Return a moment (ns since 1970) as RFC 3339 in UTC with microseconds."""
    seconds, rest = divmod(wall_ns, _NS)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=65536)
def template_id(outcome: str, error: str, status: int) -> str:
    """Return the id of an error's template: errors of one outcome and status whose texts differ only in numbers, ids and addresses share it.

    The first 12 hexadecimal digits of SHA-256 over outcome, template and status, each followed by a line feed.
    """
    text = f"{outcome}\n{template_of(error)}\n{status}\n"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def log_of(row: LogRow) -> str:
    """Return the log that a row belongs to; failed requests stand in the error log too."""
    return _LOG_OF_KIND.get(row.label.kind, "request")


class _Facts:
    """What all rows of a label share."""

    __slots__ = ("base", "method", "name", "scenario", "scenario_index", "tags", "transaction", "transaction_index")

    def __init__(self, label: Label, plan: Plan) -> None:
        self.scenario = label.scenario
        self.transaction = label.transaction
        self.name = label.name
        self.method = label.method
        self.tags = dict(label.tags)
        scenarios = [scenario.name for scenario in plan.scenarios]
        self.scenario_index = scenarios.index(label.scenario) if label.scenario in scenarios else None
        own = dict.fromkeys(each.name for each in plan.labels if each.kind == "transaction" and each.scenario == label.scenario)
        named = label.name if label.kind == "transaction" else label.transaction
        self.transaction_index = list(own).index(named) if named in own else None
        hosts = [scenario.host for scenario in plan.scenarios if scenario.name == label.scenario and scenario.host]
        bases = hosts or [target.base_url for target in plan.targets if target.weight > 0]
        base = bases[0].rstrip("/") if len(bases) == 1 else ""
        path = label.url if label.url.startswith("/") or not base else f"/{label.url}"
        self.base = label.url if _ABSOLUTE.match(label.url) or not label.url else base + path


class Lines:
    """Makes lines of one run's logs.

    Parameters
    ----------
    run_id : str
        Identity of the run.
    plan : Plan
        For the places of scenarios and transactions, and base URLs.
    captured : Captured
        Requests and samples that were kept.
    with_body : bool
        Whether request lines hold bodies.
    """

    def __init__(self, run_id: str, plan: Plan, captured: Captured, *, with_body: bool) -> None:
        self._run_id = run_id
        self._plan = plan
        self._captured = captured
        self._with_body = with_body
        self._facts: dict[Label, _Facts] = {}
        #: Wall clock at the run's zero by worker, ns since 1970.
        self.zeros: Mapping[int, int] = {}

    def of_row(self, row: LogRow) -> tuple[Any, ...]:
        """Return the values of the line of a row in its log, see `log_of`."""
        if row.label.kind == "transaction":
            return self._transaction(row)
        return self._scenario(row) if row.label.kind == "iteration" else self.request(row)

    @staticmethod
    def is_failure(row: LogRow) -> bool:
        """Whether a row is one of the error log: a request that was sent and did not end well."""
        return row.outcome != "ok" and row.outcome not in _NOT_SENT and row.label.kind not in ("transaction", "iteration")

    def request(self, row: LogRow) -> tuple[Any, ...]:
        """Return the values of a line of the request log."""
        facts = self._facts_of(row.label)
        raw, final_url = self._raw(row, facts)
        return (
            *self._when(row.worker, row.start),
            row.worker, _user(row.user), row.iteration, facts.scenario_index, facts.scenario, facts.transaction_index, facts.transaction,
            raw, facts.name, final_url, row.redirected, (row.end - row.start) / _MS, max(row.status, 0), row.outcome == "ok", False,
            _error(row), 0, 0, False, row.outcome, row.phase, row.attempt, row.intended, row.start, _stamp(row.connected),
            _stamp(row.first_byte), row.end, row.bytes_out, row.bytes_in, facts.tags,
        )  # fmt: skip

    def error(self, row: LogRow) -> tuple[Any, ...]:
        """Return the values of a line of the error log."""
        facts = self._facts_of(row.label)
        raw, final_url = self._raw(row, facts)
        return (
            *self._when(row.worker, row.start),
            raw, facts.name, final_url, row.redirected, (row.end - row.start) / _MS, max(row.status, 0), _user(row.user), _error(row),
            row.outcome, template_id(row.outcome, row.error or "", row.status), self._captured.sample_id(row),
        )  # fmt: skip

    def debug(self, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of a line of the debug log."""
        values = {
            **entry,
            "scenario_name": entry.get("scenario"),
            "user": _user(entry["user"]) if "user" in entry else None,
            "status_code": max(entry["status"], 0) if "status" in entry else None,
        }
        return (*self._when(entry.get("worker", -1), entry.get("at", 0)), *(values.get(name) for name in FIELDS["debug"][3:]))

    def program(self, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of a line of the program log."""
        elapsed = float(entry.get("t_s", 0.0)) * 1000
        wall = entry.get("time") or self._when(min(self.zeros, default=-1), int(elapsed * _MS))[1]
        return self._run_id, wall, elapsed, entry.get("level", "info"), entry.get("source", ""), entry.get("message", "")

    # ---- parts

    def _transaction(self, row: LogRow) -> tuple[Any, ...]:
        facts = self._facts_of(row.label)
        return (
            *self._when(row.worker, row.start), row.worker, _user(row.user), row.iteration, facts.scenario_index, facts.transaction_index,
            facts.name, (row.end - row.start) / _MS, row.outcome == "ok", row.phase,
        )  # fmt: skip

    def _scenario(self, row: LogRow) -> tuple[Any, ...]:
        facts = self._facts_of(row.label)
        return (
            *self._when(row.worker, row.start), row.worker, _user(row.user), row.iteration, facts.scenario, facts.scenario_index,
            (row.end - row.start) / _MS, row.outcome,
        )  # fmt: skip

    def _when(self, worker: int, at_ns: int) -> tuple[str, str | None, float]:
        zero = self.zeros.get(worker)
        return self._run_id, None if zero is None else rfc3339(zero + at_ns), at_ns / _MS

    def _raw(self, row: LogRow, facts: _Facts) -> tuple[dict[str, Any], str | None]:
        kept = self._captured.request(row)
        if kept is None:
            known = {"method": facts.method, "url": facts.base, "headers": None, "body": None}
            return known, None if row.redirected else facts.base
        raw = {name: kept[name] for name in ("method", "url", "headers", "body")}
        return raw if self._with_body else {**raw, "body": None}, kept["url"]

    def _facts_of(self, label: Label) -> _Facts:
        facts = self._facts.get(label)
        if facts is None:
            facts = self._facts[label] = _Facts(label, self._plan)
        return facts


def _stamp(stamp: int) -> int | None:
    return None if stamp < 0 else stamp


def _user(number: int) -> int | None:
    """Return the number of a user; the extra one of setup and teardown has none."""
    return None if number == SETUP_USER else number


def _error(row: LogRow) -> str:
    return row.error or ("" if row.outcome == "ok" else row.outcome.replace("_", " "))
