"""`maid run`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from maid_lab.cli.controller_options import NoTelnet, NoWebsocket, TelnetHost, TelnetPort, WebsocketHost, WebsocketPort, tell_controllers
from maid_lab.cli.log_options import (
    DebugFormat,
    DebugLog,
    ErrorFormat,
    ErrorLog,
    GooseFormat,
    GooseLog,
    LogLevel,
    NoDebugBody,
    RequestBody,
    RequestFormat,
    RequestLog,
    RunningMetrics,
    ScenarioFormat,
    ScenarioLog,
    TransactionFormat,
    TransactionLog,
)
from maid_lab.cli.metric_options import (
    NoErrorSummary,
    NoGranularReport,
    NoMetrics,
    NoPrintMetrics,
    NoResetMetrics,
    NoScenarioMetrics,
    NoStatusCodes,
    NoTransactionMetrics,
    PdfPrintHtml,
    PdfScale,
    PdfTimeout,
)
from maid_lab.cli.options import (
    AcceptInvalidCerts,
    BaselineFile,
    CoMitigation,
    DecreaseRate,
    DecreaseTime,
    Host,
    IncreaseRate,
    IncreaseTime,
    Iterations,
    Json,
    ListAll,
    NoAutostart,
    NoGzip,
    Parameters,
    ParametersFile,
    Preset,
    Quiet,
    Rate,
    RecipeRef,
    ReportFiles,
    RunName,
    RunTags,
    RunTime,
    Scenarios,
    ScenariosList,
    Seed,
    StickyFollow,
    TestPlan,
    Throttle,
    Timeout,
    Users,
    Verbose,
    Workers,
)

if TYPE_CHECKING:
    from maid_lab.cli.request import RunRequest
    from maid_lab.cli.session import Outcome
    from maid_lab.services.reports.shown import Shown

__all__ = ["run"]


def run(
    *,
    recipe: RecipeRef,
    host: Host = None,
    users: Users = None,
    rate: Rate = None,
    run_time: RunTime = None,
    increase_rate: IncreaseRate = None,
    increase_time: IncreaseTime = None,
    decrease_rate: DecreaseRate = None,
    decrease_time: DecreaseTime = None,
    iterations: Iterations = None,
    test_plan: TestPlan = None,
    param: Parameters = None,
    params_file: ParametersFile = None,
    preset: Preset = None,
    scenarios: Scenarios = None,
    list_all: ListAll = False,
    scenarios_list: ScenariosList = False,
    seed: Seed = None,
    workers: Workers = None,
    throttle_requests: Throttle = None,
    timeout: Timeout = None,
    no_gzip: NoGzip = False,
    sticky_follow: StickyFollow = False,
    accept_invalid_certs: AcceptInvalidCerts = False,
    no_autostart: NoAutostart = False,
    no_telnet: NoTelnet = False,
    telnet_host: TelnetHost = None,
    telnet_port: TelnetPort = None,
    no_websocket: NoWebsocket = False,
    websocket_host: WebsocketHost = None,
    websocket_port: WebsocketPort = None,
    name: RunName = None,
    tag: RunTags = None,
    report_file: ReportFiles = None,
    co_mitigation: CoMitigation = None,
    baseline_file: BaselineFile = None,
    as_json: Json = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
    running_metrics: RunningMetrics = None,
    no_metrics: NoMetrics = False,
    no_reset_metrics: NoResetMetrics = False,
    no_transaction_metrics: NoTransactionMetrics = False,
    no_scenario_metrics: NoScenarioMetrics = False,
    no_status_codes: NoStatusCodes = False,
    no_print_metrics: NoPrintMetrics = False,
    no_error_summary: NoErrorSummary = False,
    no_granular_report: NoGranularReport = False,
    pdf_print_html: PdfPrintHtml = None,
    pdf_scale: PdfScale = None,
    pdf_timeout: PdfTimeout = None,
    goose_log: GooseLog = None,
    goose_format: GooseFormat = None,
    log_level: LogLevel = 0,
    request_log: RequestLog = None,
    request_format: RequestFormat = None,
    request_body: RequestBody = False,
    transaction_log: TransactionLog = None,
    transaction_format: TransactionFormat = None,
    scenario_log: ScenarioLog = None,
    scenario_format: ScenarioFormat = None,
    error_log: ErrorLog = None,
    error_format: ErrorFormat = None,
    debug_log: DebugLog = None,
    debug_format: DebugFormat = None,
    no_debug_body: NoDebugBody = False,
) -> int:
    """Run a load test and store it. Exit code 0 passed, 1 threshold failed, 2 invalid input, 3 refused, 4 error, 130 interrupted."""
    flags = dict(locals())
    from maid_lab.cli.loop import run_async
    from maid_lab.cli.request import request_from

    tell_controllers(flags)
    request = request_from(recipe, flags)
    if list_all or scenarios_list:
        from maid_lab.cli.listing import list_scenarios

        return run_async(list_scenarios(request, machine_names=scenarios_list, as_json=as_json))
    return run_async(_run(request, flags))


async def _run(request: RunRequest, flags: dict[str, Any]) -> int:
    import asyncio

    from maid_lab.cli import early
    from maid_lab.cli.log_options import console_levels, log_settings
    from maid_lab.cli.logs import tell_warnings
    from maid_lab.cli.metric_options import shown_settings
    from maid_lab.cli.progress import display_for
    from maid_lab.cli.reports import check_files, write_reports
    from maid_lab.cli.running_metrics import running_metrics
    from maid_lab.cli.session import run_to_end
    from maid_lab.cli.views import choice_of, views_json
    from maid_lab.lab import Lab
    from maid_lab.services.logs.choice import LogChoice

    files = flags["report_file"] or []
    check_files(files, flags["pdf_print_html"])
    settings = {name: flags[name] for name in ("workers", "throttle_requests", "timeout", "co_mitigation", "baseline_file")}
    settings |= log_settings(flags) | shown_settings(flags)
    async with Lab.open(flags=settings) as lab:
        LogChoice.of(lab.settings).check()
        quiet, verbose = console_levels(lab.settings)
        tell_warnings(quiet=quiet)
        choice = await choice_of(lab)
        lab.runs.adopt(early.take())
        display = display_for(sys.stderr, quiet=quiet, verbose=verbose)
        with running_metrics(lab, display):
            if flags["no_autostart"]:
                from maid_lab.cli.idle import run_when_told

                return await run_when_told(lab, request, flags, choice=choice, display=display)
            outcome = await run_to_end(lab, request, display=display, name=flags["name"] or "", tags=tuple(flags["tag"] or ()))
        views = await asyncio.to_thread(views_json, lab, outcome.record, choice)
        _tell(outcome, views, choice.shown, as_json=flags["as_json"])
        for path in await write_reports(lab, outcome.record, files, choice=choice, printed=flags["pdf_print_html"]):
            sys.stderr.write(f"report: {path}\n")
        return outcome.exit_code


def _tell(outcome: Outcome, views: dict[str, Any], shown: Shown, *, as_json: bool) -> None:
    if as_json:
        from maid_lab.cli.records import record_json

        sys.stdout.write(json.dumps(record_json(outcome.record, shown=shown) | views, ensure_ascii=False) + "\n")
        return
    from maid_lab.cli.summary import print_summary
    from maid_lab.cli.views import print_views

    print_summary(outcome.record, shown=shown)
    print_views(views)
