"""The HTML report: one file that needs no network, no server and no script."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from maid_lab._version import __version__
from maid_lab.analysis.co_sentences import co_sentences
from maid_lab.analysis.comparison_words import COLUMNS, comparison_sentences, delta_cell, line_name, verdict_cell
from maid_lab.analysis.load_sentences import load_sentences
from maid_lab.services.reports.drawings import drawings
from maid_lab.services.reports.figures import FILTERS
from maid_lab.services.reports.samples import exchange_text

if TYPE_CHECKING:
    from jinja2 import Environment

    from maid_lab.services.reports.content import ReportContent

__all__ = ["MAX_TABLE_ROWS", "html_report"]

#: Rows of one table in the page; JSON and CSV have all of them.
MAX_TABLE_ROWS: Final = 200

_MAX_EVENTS: Final = 60
_MAX_SAMPLES: Final = 60

#: Without a policy of its own a page may load anything: this one may load nothing, and runs only the script and styles it carries.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)

_VERDICTS: Final = {
    "pass": ("✓", "Passed"),
    "fail": ("✗", "Failed"),
    "unknown": ("?", "Unknown"),
    None: ("–", "No verdict"),
}


def html_report(content: ReportContent, *, scale: float | None = None) -> str:
    """Render the report of a run as one self-contained HTML page.

    Parameters
    ----------
    scale : float, optional
        Make it for paper, in this size: without a script, and with all tables open.
    """
    template = _environment().get_template("report.html.j2")
    verdict = None if content.judgement.verdict is None else str(content.judgement.verdict)
    sign, word = _VERDICTS[verdict]
    omission, comparison = content.views.coordinated_omission, content.views.comparison
    compared = None if comparison is None else comparison.to_json()
    return template.render(
        run=content.run,
        plan=content.plan,
        summary=content.summary,
        results=content.judgement.results,
        verdict={"key": verdict or "none", "sign": sign, "word": word, "sentence": _sentence(content)},
        notices=_notices(content),
        drawings=drawings(content),
        samples=[(sample, *exchange_text(sample)) for sample in content.files.samples[:_MAX_SAMPLES]],
        load_sentences=load_sentences(content.summary_json()),
        co=omission,
        co_sentences=[] if omission is None else co_sentences(omission.to_json()),
        comparison=comparison,
        comparison_rows=[] if compared is None else compared["rows"],
        comparison_sentences=[] if compared is None else comparison_sentences(compared),
        comparison_columns=COLUMNS,
        events=[event for event in content.files.log if event.get("message")][:_MAX_EVENTS],
        command=content.command,
        max_rows=MAX_TABLE_ROWS,
        shown=content.shown,
        scale=scale,
        phases=content.phases,
        streams=content.streams,
        policy=_POLICY,
        version=__version__,
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # autoescape: names, errors and parameters come from recipes and targets, and a hostile one must stay text.
    environment = Environment(
        loader=PackageLoader("maid_lab.services.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update({**FILTERS, "delta_cell": delta_cell, "line_name": line_name, "verdict_cell": verdict_cell})
    return environment


def _sentence(content: ReportContent) -> str:
    judged = [result for result in content.judgement.results if not result.warn]
    if not judged:
        return "The plan has no thresholds, so nothing says whether this is good enough."
    counts = {word: sum(str(result.status) == word for result in judged) for word in ("fail", "unknown", "pass")}
    if counts["pass"] == len(judged):
        return "The threshold holds." if len(judged) == 1 else f"All {len(judged)} thresholds hold."
    parts = [f"{counts['fail']} failed"] * bool(counts["fail"]) + [f"{counts['unknown']} could not be judged"] * bool(counts["unknown"])
    return f"Of {len(judged)} threshold{'s' * (len(judged) > 1)} {' and '.join(parts)}."


def _notices(content: ReportContent) -> list[dict[str, Any]]:
    """Return what a reader must know before the figures."""
    summary, status = content.summary, content.run.get("status")
    notices = []
    if status in ("failed", "stopped"):
        what = "failed" if status == "failed" else "was stopped"
        reason = content.run.get("reason") or "no reason was recorded"
        notices.append({"level": "bad" if status == "failed" else "warn", "text": f"The run {what}: {reason}."})
    if not summary.totals.requests:
        notices.append({"level": "warn", "text": _nothing_measured(content)})
    if summary.generator.is_bound:
        share = f"{summary.generator.bound_share or 0:.0%}"
        text = (
            f"The generator, not the target, was the limit in {share} of the measured seconds: times and rates say little about the target."
        )
        notices.append({"level": "warn", "text": f"{text} Use more cores or less load."})
    return notices


def _nothing_measured(content: ReportContent) -> str:
    if content.summary.totals.rows:
        return f"No request was measured: the run ended before its warm-up was over ({content.plan.warmup_end_s:g} s)."
    if content.run.get("total_requests"):
        return f"{content.run['total_requests']:,} requests were counted and no rows were kept, so nothing more is known of them."
    return "No request was sent."
