"""`maid status`, `history`, `show` and `report`: what runs, and what ran."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maid_lab.cli.metric_options import (
    NoErrorSummary,
    NoGranularReport,
    NoPrintMetrics,
    NoResetMetrics,
    NoScenarioMetrics,
    NoStatusCodes,
    NoTransactionMetrics,
    PdfPrintHtml,
    PdfScale,
    PdfTimeout,
    shown_settings,
)
from maid_lab.cli.options import BaselineFile, CoMitigation, RunRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.reports.shown import Shown

__all__ = ["history", "report", "show", "status"]

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(*, as_json: JsonOutput = False) -> int:
    """Show the run that is under way, here or in another process."""
    from maid_lab.cli.progress import line
    from maid_lab.cli.text import clean
    from maid_lab.lab import Lab

    live = Lab.glance()
    if as_json:
        sys.stdout.write(json.dumps(live, ensure_ascii=False) + "\n")
    elif live is None:
        sys.stdout.write("No run is under way.\n")
    else:
        sys.stdout.write(
            f"{clean(live['title'])}  run {live['run_id']}\n{'being prepared' if live['status'] == 'pending' else line(live)}\n"
        )
    return 0


def history(
    *,
    recipe: Annotated[str | None, typer.Option("--recipe", metavar="ID", help="Only runs of this recipe.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="WORD", help="Only runs with this tag.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 20,
    as_json: JsonOutput = False,
) -> int:
    """List the runs that are kept, newest first."""
    from maid_lab.cli.loop import run_async

    records = run_async(_recent(recipe, tag, limit))
    if as_json:
        from maid_lab.cli.records import record_json

        sys.stdout.write(json.dumps([record_json(record, summary=False) for record in records], ensure_ascii=False) + "\n")
        return 0
    if not records:
        sys.stdout.write("No runs yet. Start with: maid demo\n")
        return 0
    from maid_lab.cli.records import print_history

    print_history(records)
    return 0


def show(
    *,
    run: RunRef = "last",
    failures: Annotated[
        bool, typer.Option("--failures", help="Show the failed exchanges that were kept: request and answer, secrets masked.")
    ] = False,
    co_mitigation: CoMitigation = None,
    baseline_file: BaselineFile = None,
    no_reset_metrics: NoResetMetrics = False,
    no_transaction_metrics: NoTransactionMetrics = False,
    no_scenario_metrics: NoScenarioMetrics = False,
    no_status_codes: NoStatusCodes = False,
    no_print_metrics: NoPrintMetrics = False,
    no_error_summary: NoErrorSummary = False,
    as_json: JsonOutput = False,
) -> int:
    """Show the summary and verdict of a run, or its failure samples."""
    settings = {"co_mitigation": co_mitigation, "baseline_file": baseline_file} | shown_settings(dict(locals()))
    from maid_lab.cli.loop import run_async

    if failures:
        return _show_failures(run_async(_samples(run)), as_json=as_json)
    record, views, shown = run_async(_one(run, settings, whole=no_reset_metrics))
    if as_json:
        from maid_lab.cli.records import record_json

        sys.stdout.write(json.dumps(record_json(record, shown=shown) | views, ensure_ascii=False) + "\n")
        return 0
    from maid_lab.cli.summary import print_summary
    from maid_lab.cli.views import print_views

    print_summary(record, shown=shown)
    print_views(views)
    return 0


def report(
    *,
    run: RunRef = "last",
    output: Annotated[
        list[Path] | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; the suffix says the format; repeatable.")
    ] = None,
    co_mitigation: CoMitigation = None,
    baseline_file: BaselineFile = None,
    no_reset_metrics: NoResetMetrics = False,
    no_transaction_metrics: NoTransactionMetrics = False,
    no_scenario_metrics: NoScenarioMetrics = False,
    no_status_codes: NoStatusCodes = False,
    no_granular_report: NoGranularReport = False,
    pdf_print_html: PdfPrintHtml = None,
    pdf_scale: PdfScale = None,
    pdf_timeout: PdfTimeout = None,
) -> int:
    """Write the report of a run; without --output as HTML into the run's folder."""
    settings = {"co_mitigation": co_mitigation, "baseline_file": baseline_file} | shown_settings(dict(locals()))
    from maid_lab.cli.loop import run_async
    from maid_lab.cli.reports import check_files

    check_files(output or [], pdf_print_html)
    for path in run_async(_report(run, output or [], settings, whole=no_reset_metrics, printed=pdf_print_html)):
        sys.stdout.write(f"{path}\n")
    return 0


async def _recent(recipe: str | None, tag: str | None, limit: int) -> list[RunRecord]:
    from maid_lab.lab import Lab

    async with Lab.open() as lab:
        return await lab.history.recent(recipe=recipe, tag=tag, limit=limit)


def _show_failures(samples: Sequence[dict[str, Any]], *, as_json: bool) -> int:
    from maid_lab.cli.samples import print_samples

    if as_json:
        sys.stdout.write(json.dumps(samples, ensure_ascii=False) + "\n")
    else:
        print_samples(samples)
    return 0


async def _samples(reference: str) -> Sequence[dict[str, Any]]:
    from maid_lab.lab import Lab
    from maid_lab.services.reports.run_files import failure_samples

    async with Lab.open() as lab:
        record = await lab.history.find(reference)
        return failure_samples(lab.history.folder(record.id))


async def _one(reference: str, settings: dict[str, Any], *, whole: bool) -> tuple[RunRecord, dict[str, Any], Shown]:
    import asyncio

    from maid_lab.cli.views import choice_of, views_json
    from maid_lab.lab import Lab

    async with Lab.open(flags=settings) as lab:
        record = await lab.history.find(reference)
        if whole:
            record = await asyncio.to_thread(lab.reports.without_warmup, record, lab.history.folder(record.id), lab.history.plan(record.id))
        choice = await choice_of(lab)
        return record, await asyncio.to_thread(views_json, lab, record, choice), choice.shown


async def _report(reference: str, files: list[Path], settings: dict[str, Any], *, whole: bool, printed: Path | None) -> list[Path]:
    from maid_lab.cli.reports import write_reports
    from maid_lab.cli.views import choice_of
    from maid_lab.lab import Lab

    async with Lab.open(flags=settings) as lab:
        return await write_reports(
            lab,
            await lab.history.find(reference),
            files or ([] if printed else [None]),
            choice=await choice_of(lab),
            whole=whole,
            printed=printed,
        )
