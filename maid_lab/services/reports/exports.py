"""Reports for programs and pull requests: JSON, CSV, Markdown and JUnit."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from maid_lab.analysis.co_sentences import co_sentences
from maid_lab.analysis.comparison_values import METRICS
from maid_lab.analysis.comparison_words import COLUMNS, comparison_sentences, delta_cell, line_name, verdict_cell
from maid_lab.analysis.load_sentences import load_sentences
from maid_lab.services.reports.figures import count, milliseconds, percent, rate, with_unit
from maid_lab.services.reports.goose import goose_view

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from maid_lab.analysis.phases import PhaseSpan
    from maid_lab.analysis.streams import StreamStats
    from maid_lab.analysis.summary_values import GroupStats, Summary
    from maid_lab.analysis.verdict import ThresholdResult
    from maid_lab.services.reports.content import ReportContent

__all__ = ["CSV_COLUMNS", "CSV_DELTAS", "csv_report", "json_report", "junit_report", "markdown_report"]

#: Columns of the CSV, in order; see docs/analysis.md.
CSV_COLUMNS: Final = (
    "table", "name", "kind", "method", "count", "failures", "error_rate", "rate", "goodput", "latency", "samples", "avg_ms", "min_ms", "p50_ms",
    "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "stdev_ms", "service_p50_ms", "service_p95_ms", "service_p99_ms", "response_p50_ms",
    "response_p95_ms", "response_p99_ms", "bytes_in", "bytes_out",
)  # fmt: skip

#: Columns that the CSV has besides when there is a baseline.
CSV_DELTAS: Final = (*(f"{metric}_{part}" for metric in METRICS for part in ("delta", "low", "high", "verdict")), "verdict", "note")

#: Kinds of errors in Markdown.
_ERRORS_SHOWN: Final = 20

_SIGNS: Final = {"pass": "✅", "fail": "❌", "unknown": "❔"}

#: Spreadsheets run cells that begin with these as formulas.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def json_report(content: ReportContent) -> str:
    """Return the whole report as JSON, with Goose's structure below the key `goose`."""
    return (
        json.dumps({**content.to_json(), "goose": goose_view(content)}, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    )


def csv_report(content: ReportContent) -> str:
    """Return the tables as CSV: one row for all requests, then each request name, transaction and scenario."""
    text = io.StringIO()
    columns = CSV_COLUMNS if content.views.comparison is None else CSV_COLUMNS + CSV_DELTAS
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_table_rows(content))
    return text.getvalue()


def markdown_report(content: ReportContent) -> str:
    """Return a summary for a pull request."""
    totals, verdict = content.summary.totals, content.judgement.verdict
    lines = [
        f"## {_SIGNS.get(str(verdict), '➖')} {_plain(content.plan.title)}: {verdict or 'no verdict'}",
        "",
        f"{count(totals.sent)} requests in {totals.duration_s:,.1f} s, {rate(totals.throughput)} answers/s, {percent(totals.error_rate)} failed.",
        "",
    ]
    if content.judgement.results:
        lines += ["| | threshold | observed | note |", "| --- | --- | ---: | --- |", *map(_threshold_line, content.judgement.results), ""]
    lines += [
        *_stats_lines("request", (*content.summary.requests, content.summary.overall)),
        *_stream_lines(content.streams),
        *(_stats_lines("transaction", content.summary.transactions) if content.shown.transactions else ()),
        *(_stats_lines("scenario", content.summary.scenarios) if content.shown.scenarios else ()),
        *(_code_lines(content.summary) if content.shown.status_codes else ()),
        *_error_lines(content.summary),
        *_phase_lines(content.phases),
        *_comparison_lines(content),
        *(f"- {_plain(sentence)}" for sentence in load_sentences(content.summary_json())),
        f"Times are {content.summary.latency} times of requests with outcome ok.",
        *_omission_lines(content),
        f"<code>{_plain(content.command)}</code> · plan <code>{content.plan.plan_hash[:12]}</code>",
    ]
    return "\n".join(lines) + "\n"


def junit_report(content: ReportContent) -> str:
    """Return the thresholds as JUnit test cases: fail is a failure, unknown an error, a warning a skipped case."""
    results = content.judgement.results
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(content.plan.title),
        tests=str(len(results)),
        failures=str(sum(_case_kind(result) == "failure" for result in results)),
        errors=str(sum(_case_kind(result) == "error" for result in results)),
        skipped=str(sum(_case_kind(result) == "skipped" for result in results)),
        time=f"{content.summary.totals.duration_s:.3f}",
    )
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(content.plan.recipe_id), name=_xml(result.text))
        if kind := _case_kind(result):
            ElementTree.SubElement(case, kind, message=_xml(f"observed {with_unit(result.observed, result.unit)}: {result.reason}"))
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def _stats_lines(first: str, rows: Sequence[GroupStats]) -> list[str]:
    if not rows:
        return []
    return [
        f"| {first} | count | failed | rate /s | p50 ms | p95 ms | p99 ms | max ms |\n{'| --- ' + '| ---: ' * 7}|",
        *(
            f"| {_plain(row.name)} | {count(row.count)} | {percent(row.error_rate)} | {rate(row.rate)} | {milliseconds(row.times.p50)} "
            f"| {milliseconds(row.times.p95)} | {milliseconds(row.times.p99)} | {milliseconds(row.times.max)} |"
            for row in rows
        ),
        "",
    ]


def _stream_lines(streams: Sequence[StreamStats]) -> list[str]:
    if not streams:
        return []
    columns = (
        "| stream | streams | messages | messages/s | first p50 ms | first p95 ms | first p99 ms | gap p50 ms | gap p95 ms | gap p99 ms |"
    )
    return [
        f"{columns}\n{'| --- ' + '| ---: ' * 9}|",
        *(
            f"| {_plain(row.name)} | {count(row.streams)} | {count(row.messages)} | {rate(row.rate)} | "
            + " | ".join(milliseconds(value) for times in (row.first, row.gap) for value in (times.p50, times.p95, times.p99))
            + " |"
            for row in streams
        ),
        "",
    ]


def _code_lines(summary: Summary) -> list[str]:
    codes = [f"{code.status if code.status >= 0 else 'none'} × {count(code.count)}" for code in summary.status_codes]
    return [f"Status codes: {', '.join(codes)}", ""] if codes else []


def _error_lines(summary: Summary) -> list[str]:
    if not summary.errors:
        return []
    lines = [f"| {count(error.count)} | {error.outcome} | {_plain(error.template)} |" for error in summary.errors[:_ERRORS_SHOWN]]
    more = len(summary.errors) - _ERRORS_SHOWN
    return ["| failed | outcome | error |\n| ---: | --- | --- |", *lines, *([f"| … | | {more} more kinds |"] if more > 0 else []), ""]


def _phase_lines(phases: Sequence[PhaseSpan]) -> list[str]:
    if not phases:
        return []
    return [
        "| action | started s | stopped s | elapsed s | users |\n| --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {_plain(phase.what)} | {phase.start_s:.1f} | {phase.end_s:.1f} | {phase.elapsed_s:.1f} "
            f"| {'' if phase.users_from is None else f'{count(phase.users_from)} → {count(phase.users_to)}'} |"
            for phase in phases
        ),
        "",
    ]


def _comparison_lines(content: ReportContent) -> list[str]:
    if content.views.comparison is None:
        return []
    view = content.views.comparison.to_json()
    return [
        "### Against the baseline",
        "",
        *(f"- {_plain(sentence)}" for sentence in comparison_sentences(view)),
        "",
        f"| name | {' | '.join(COLUMNS.values())} | verdict |\n| --- {'| ---: ' * len(COLUMNS)}| --- |",
        *(
            f"| {_plain(line_name(row))} | {' | '.join(delta_cell(metric, row['deltas'][metric]) for metric in COLUMNS)} | {verdict_cell(row)} |"
            for row in view["rows"]
        ),
        "",
    ]


def _omission_lines(content: ReportContent) -> list[str]:
    view = content.views.coordinated_omission
    if view is None:
        return []
    rows = [(f"transaction {row.name}", row) for row in view.transactions]
    rows = [*((row.name, row) for row in (*view.requests, view.overall)), *rows]
    return [
        "",
        "### Coordinated omission",
        "",
        *(f"- {_plain(sentence)}" for sentence in co_sentences(view.to_json())),
        "",
        f"| request | measured | filled in | avg ms | stdev ms | p50 ms | p95 ms | p99 ms | max ms |\n{'| --- ' + '| ---: ' * 8}|",
        *(
            f"| {_plain(name)} | {count(row.actual)} | {count(row.synthetic)} | {milliseconds(row.filled.avg)} | {milliseconds(row.filled.stdev)} "
            f"| {milliseconds(row.filled.p50)} | {milliseconds(row.filled.p95)} | {milliseconds(row.filled.p99)} | {milliseconds(row.filled.max)} |"
            for name, row in rows
        ),
        "",
    ]


def _table_rows(content: ReportContent) -> Iterator[dict[str, Any]]:
    summary, deltas = content.summary, _delta_cells(content)
    tables = (
        ("all", (summary.overall,)),
        ("request", summary.requests),
        ("transaction", summary.transactions if content.shown.transactions else ()),
        ("scenario", summary.scenarios if content.shown.scenarios else ()),
    )
    for table, rows in tables:
        for row in rows:
            data = row.to_json()
            both = {f"{time}_{key}": data[time][key] for time in ("service", "response") for key in ("p50_ms", "p95_ms", "p99_ms")}
            yield {"table": table, **{key: _cell(value) for key, value in (data | both | deltas.pop((table, row.name), {})).items()}}
    # What is left only the baseline has.
    yield from ({"table": table, "name": _cell(name), **cells} for (table, name), cells in deltas.items())


def _delta_cells(content: ReportContent) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the cells of `CSV_DELTAS` by table and name; empty without a baseline."""
    rows = () if content.views.comparison is None else content.views.comparison.rows
    parts = ("delta", "low", "high", "verdict")
    return {
        (row.table, row.name): {
            **{f"{delta.metric}_{part}": getattr(delta, part) for delta in row.deltas for part in parts},
            "verdict": row.verdict,
            "note": row.note,
        }
        for row in rows
    }


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _threshold_line(result: ThresholdResult) -> str:
    note = f"{result.reason}{' (warning only)' if result.warn else ''}"
    return f"| {_SIGNS[str(result.status)]} | {_plain(result.text)} | {with_unit(result.observed, result.unit)} | {_plain(note)} |"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line of a table."""
    escaped = "".join(f"\\{sign}" if sign in "\\`*_[]|#~!" else {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(sign, sign) for sign in text)
    return " ".join(escaped.split())


def _case_kind(result: ThresholdResult) -> str:
    if str(result.status) == "pass":
        return ""
    if result.warn:
        return "skipped"
    return "failure" if str(result.status) == "fail" else "error"


def _xml(text: str) -> str:
    """Return text without the control characters that XML cannot hold."""
    return "".join(sign for sign in text if sign in "\t\n" or ord(sign) >= 32)
