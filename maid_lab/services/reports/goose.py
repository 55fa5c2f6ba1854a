"""The figures of a run under the keys of Goose's JSON report, for scripts that were written against it; all times in ms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.analysis.quantiles import TimeStats
    from maid_lab.analysis.summary_values import GroupStats
    from maid_lab.services.reports.content import ReportContent

__all__ = ["goose_view"]

_PERCENTILES: Final = {
    "percentile_50": "p50", "percentile_60": "p60", "percentile_70": "p70", "percentile_80": "p80", "percentile_90": "p90",
    "percentile_95": "p95", "percentile_99": "p99", "percentile_100": "max",
}  # fmt: skip
#: What Goose calls the line of all requests.
_ALL: Final = "Aggregated"


def goose_view(content: ReportContent) -> dict[str, Any]:
    """Return the report in Goose's structure.

    Values that this sample does not support are null, where Goose would guess. The time is the service time: Goose knows no other.
    """
    summary, plan, shown = content.summary, content.plan, content.shown
    codes = _codes(content)
    view: dict[str, Any] = {
        "raw_metrics": {
            "hash": plan.plan_hash,
            "duration": round(summary.totals.duration_s),
            "maximum_users": int(max((load.peak for load in plan.loads if load.model != "rate"), default=summary.totals.users)),
            "total_users": summary.totals.users,
            "requests": {f"{row.method} {row.name}": _raw(row, codes.get(row.name, {})) for row in summary.requests},
            "transactions": [_group(row) for row in summary.transactions] if shown.transactions else [],
            "scenarios": [_group(row) for row in summary.scenarios] if shown.scenarios else [],
            "errors": _errors(content),
            "hosts": [target.base_url for target in plan.targets],
        },
        "raw_request_metrics": [_group(row) for row in (*summary.requests, summary.overall)],
        "raw_response_metrics": [_percentiles(row.method, _name(row), row.service) for row in (*summary.requests, summary.overall)],
        "errors": _errors(content),
    }
    if shown.transactions:
        view["transaction_metrics"] = [{"transaction": str(index), **_group(row)} for index, row in enumerate(summary.transactions)]
    if shown.scenarios:
        view["scenario_metrics"] = [
            {"id": index, **_group(row), "users_count": plan.peak_users if len(summary.scenarios) == 1 else None}
            for index, row in enumerate(summary.scenarios)
        ]
    if shown.status_codes:
        view["status_code_metrics"] = [
            {"method": row.method, "name": row.name, "status_codes": ", ".join(f"{n} [{code}]" for code, n in codes[row.name].items())}
            for row in summary.requests
            if row.name in codes
        ]
    omission = content.views.coordinated_omission
    if omission is not None:
        rows = [(row.name, row.filled) for row in (*omission.requests, omission.overall)]
        view["co_request_metrics"] = [
            {
                "method": "", "name": name, "response_time_average": times.avg, "response_time_standard_deviation": times.stdev,
                "response_time_maximum": times.max,
            }
            for name, times in rows
        ]  # fmt: skip
        view["co_response_metrics"] = [_percentiles("", name, times) for name, times in rows]
        view["coordinated_omission_metrics"] = omission.to_json()
    return view


def _name(row: GroupStats) -> str:
    return _ALL if row.name == "all requests" else row.name


def _group(row: GroupStats) -> dict[str, Any]:
    times = row.service
    failures_per_second = row.rate * row.error_rate if row.error_rate is not None else 0.0
    return {
        "method": row.method,
        "name": _name(row),
        "number_of_requests": row.count,
        "number_of_failures": row.failures,
        "response_time_average": times.avg,
        "response_time_minimum": times.min,
        "response_time_maximum": times.max,
        "requests_per_second": row.rate,
        "failures_per_second": failures_per_second,
    }


def _raw(row: GroupStats, codes: dict[int, int]) -> dict[str, Any]:
    return {
        "path": row.name,
        "method": row.method,
        "status_code_counts": {str(code): count for code, count in codes.items()},
        "success_count": row.count - row.failures,
        "fail_count": row.failures,
    }


def _percentiles(method: str, name: str, times: TimeStats) -> dict[str, Any]:
    return {"method": method, "name": name, **{key: getattr(times, own) for key, own in _PERCENTILES.items()}}


def _errors(content: ReportContent) -> list[dict[str, Any]]:
    methods = {row.name: row.method for row in content.summary.requests}
    return [
        {"method": methods.get(name, ""), "name": name, "error": error.template or error.outcome, "occurrences": error.count}
        for error in content.summary.errors
        for name in error.names[:1]
    ]


def _codes(content: ReportContent) -> dict[str, dict[int, int]]:
    """Return how often each request name was answered with each status, those first that came most often."""
    import polars as pl

    from maid_lab.analysis.measured import is_measured

    rows: Sequence[tuple[str, int, int]] = (
        content.files.requests.filter(is_measured(plan=content.plan) & (pl.col("status") > 0))
        .group_by(pl.col("name").cast(pl.String), "status")
        .agg(count=pl.len())
        .sort("name", "count", "status", descending=[False, True, False])
        .collect()
        .rows()
    )
    found: dict[str, dict[int, int]] = {}
    for name, status, count in rows:
        found.setdefault(name, {})[status] = count
    return found
