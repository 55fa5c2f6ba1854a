"""The end of a run on a terminal: verdict first, then what it is based on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from maid_lab.analysis.load_sentences import load_sentences
from maid_lab.cli.consoles import console_for
from maid_lab.cli.text import clean, count, milliseconds, percent, rate, span

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.reports.shown import Shown

__all__ = ["print_summary"]

_VERDICTS: Final = {"pass": ("PASSED", "bold green"), "fail": ("FAILED", "bold red"), "unknown": ("UNKNOWN", "bold yellow")}
_ERRORS_SHOWN: Final = 10
_STATS: Final = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
#: Percentiles of the second table by their heads.
_PERCENTILES: Final = {"p75": "p75_ms", "p80": "p80_ms", "p90": "p90_ms", "p98": "p98_ms", "p99.9": "p999_ms", "p99.99": "p9999_ms"}
_CODES_SHOWN: Final = 12


def print_summary(record: RunRecord, stream: TextIO | None = None, *, shown: Shown | None = None) -> None:
    """Print the record of a finished run: verdict, figures, tables by name, thresholds, errors, health of the generator.

    Parameters
    ----------
    shown : Shown, optional
        What is left out; nothing by default.
    """
    console = console_for(stream)
    console.print(_headline(record))
    summary = record.metrics_json or {}
    if not summary:
        if record.total_requests:
            console.print(f"{count(record.total_requests)} requests, {count(record.failed_requests or 0)} failed")
        return
    console.print(_figures(summary))
    if shown is None or shown.tables:
        _print_tables(console, summary if shown is None else shown.of_summary(summary))
    for sentence in load_sentences(summary):
        console.print(f"\n{clean(sentence)}", markup=False)
    _print_thresholds(console, summary.get("thresholds", ()))
    if shown is None or (shown.errors and shown.tables):
        _print_errors(console, summary.get("errors", ()))
    _print_generator(console, record, summary)


def _headline(record: RunRecord) -> Text:
    from rich.text import Text

    word, style = _VERDICTS.get(str(record.verdict or ""), (str(record.status), "bold"))
    text = Text.assemble(
        (word, "bold red" if record.status == "failed" else style), f"  {clean(record.name)}  ", (f"run {record.id}", "dim")
    )
    if record.reason:
        text.append(f"\n{record.status}: {clean(record.reason)}", style="red" if record.status == "failed" else "yellow")
    return text


def _figures(summary: Mapping[str, Any]) -> Text:
    from rich.text import Text

    totals, overall = summary["totals"], summary["overall"]
    words = [
        f"{count(totals['sent'])} requests in {span(totals['duration_s'])}",
        rate(totals["throughput"]),
        f"{count(totals['failures'])} failed ({percent(totals['error_rate'] or 0.0)})",
        f"{summary['latency']} time p50 {milliseconds(overall['p50_ms'])}, p95 {milliseconds(overall['p95_ms'])}",
    ]
    words += [f"{count(totals[name])} {name}" for name in ("dropped", "unsent", "aborted") if totals[name]]
    unmeasured = sum(section["count"] for section in summary.get("unmeasured", ()))
    if unmeasured:
        words.append(f"{count(unmeasured)} rows not measured (warm-up, setup)")
    return Text(" · ".join(words))


def _print_tables(console: Console, summary: Mapping[str, Any]) -> None:
    requests, overall = summary.get("requests", ()), summary.get("overall")
    for title, rows in (
        ("requests", requests),
        ("transactions", summary.get("transactions", ())),
        ("scenarios", summary.get("scenarios", ())),
    ):
        if rows:
            console.print()
            console.print(_table(title, rows, total=overall if title == "requests" else None))
    if streams := summary.get("streams", ()):
        console.print()
        console.print(_streams(streams))
    if any(row.get(_PERCENTILES["p75"]) is not None for row in requests):
        console.print()
        console.print(_percentiles([*requests, *([overall] if overall and len(requests) > 1 else ())]))
    if phases := summary.get("phases", ()):
        console.print(f"\ncourse  {' · '.join(map(_phase, phases))}", style="dim", highlight=False, markup=False)
    if codes := summary.get("status_codes", ()):
        shown = [f"{code['status'] if code['status'] >= 0 else 'none'} × {count(code['count'])}" for code in codes[:_CODES_SHOWN]]
        more = len(codes) - _CODES_SHOWN
        console.print(f"\nstatus codes  {', '.join(shown)}{f' and {more} more' if more > 0 else ''}", style="dim", highlight=False)


def _phase(phase: Mapping[str, Any]) -> str:
    if phase["users_from"] is None:
        return f"{phase['start_s']:.1f} s {clean(phase['what'])}"
    users = f"{count(phase['users_from'])} → {count(phase['users_to'])} users"
    return f"{phase['what']} {phase['start_s']:.1f} to {phase['end_s']:.1f} s, {users}"


def _streams(rows: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("streams", overflow="fold")
    for head in ("count", "messages", "rate", "first p50", "first p95", "gap p50", "gap p95", "gap p99"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        times = [row["first"][key] for key in ("p50_ms", "p95_ms")] + [row["gap"][key] for key in ("p50_ms", "p95_ms", "p99_ms")]
        table.add_row(Text(clean(row["name"])), count(row["streams"]), count(row["messages"]), rate(row["rate"]), *map(milliseconds, times))
    return table


def _percentiles(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return what the first table has no room for; a dash where there are too few samples."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("more percentiles", overflow="fold")
    shown = {head: key for head, key in _PERCENTILES.items() if any(row.get(key) is not None for row in rows)}
    for head in shown:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(clean(row["name"])), *(milliseconds(row.get(key)) for key in shown.values()))
    return table


def _table(title: str, rows: Sequence[Mapping[str, Any]], *, total: Mapping[str, Any] | None) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title, overflow="fold")
    for column in ("count", "failures", "rate", "p50", "p95", "p99", "max"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    if total is not None and len(rows) > 1:
        table.add_row(*_cells(total), style="bold")
    return table


def _cells(row: Mapping[str, Any]) -> list[Any]:
    from rich.text import Text

    failures = Text(count(row["failures"]), style="red" if row["failures"] else "")
    return [Text(clean(row["name"])), count(row["count"]), failures, rate(row["rate"]), *(milliseconds(row.get(name)) for name in _STATS)]


def _print_thresholds(console: Console, thresholds: Sequence[Mapping[str, Any]]) -> None:
    from rich.text import Text

    if thresholds:
        console.print()
    for threshold in thresholds:
        word, style = _VERDICTS.get(str(threshold["status"]), (str(threshold["status"]), ""))
        text = Text.assemble((f"{word.lower():8}", style), clean(threshold["text"]), (f"  {_observed(threshold)}", "dim"))
        if threshold.get("warn"):
            text.append("  (warning only)", style="dim")
        console.print(text)


def _observed(threshold: Mapping[str, Any]) -> str:
    value, unit = threshold["observed"], threshold["unit"]
    if value is None:
        return clean(threshold["reason"])
    shown = (
        milliseconds(value * 1000)
        if unit == "s"
        else percent(value)
        if unit == "share"
        else rate(value)
        if unit == "/s"
        else f"{value:g} {unit}"
    )
    reason = f": {clean(threshold['reason'])}" if threshold["reason"] else ""
    return f"was {shown.strip()}{reason}"


def _print_errors(console: Console, errors: Sequence[Mapping[str, Any]]) -> None:
    from rich.text import Text

    if errors:
        console.print("\nerrors", style="dim")
    for error in errors[:_ERRORS_SHOWN]:
        console.print(Text(f"{count(error['count']):>9}  {error['outcome']}  {clean(error.get('template') or error.get('error') or '')}"))
    if len(errors) > _ERRORS_SHOWN:
        console.print(f"{'':>9}  … and {len(errors) - _ERRORS_SHOWN} more kinds", style="dim")


def _print_generator(console: Console, record: RunRecord, summary: Mapping[str, Any]) -> None:
    if record.generator_bound:
        seconds = summary.get("generator", {}).get("bound_seconds")
        console.print(
            f"\nGenerator-bound for {seconds if seconds is not None else 'some'} s: the generator, not the target, was the limit; "
            "times and rates say little about the target.",
            style="yellow",
        )
