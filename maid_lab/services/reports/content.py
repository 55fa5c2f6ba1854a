"""What a report says, before it has a format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from maid_lab.analysis.phases import PhaseSpan, phases_of
from maid_lab.model.thresholds import parse_threshold
from maid_lab.services.reports.views import ViewChoice, Views, run_label, views_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maid_lab.analysis.capacity import Capacity
    from maid_lab.analysis.streams import StreamStats
    from maid_lab.analysis.summary_values import Summary
    from maid_lab.analysis.verdict import Judgement
    from maid_lab.model.plan import Plan
    from maid_lab.services.reports.run_files import RunFiles
    from maid_lab.services.reports.shown import Shown

__all__ = ["ReportContent", "RunRecordLike", "gather"]

_NOTHING_ASKED = ViewChoice()
_NO_VIEWS = Views()


class RunRecordLike(Protocol):
    """What a report needs of a run record: its columns as JSON data."""

    def to_json(self) -> Mapping[str, Any]:
        """Return the columns of `maid_runs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """The run record as JSON data, the plan, and what the rows say.

    `command` repeats the run, `views` are what was asked for besides, `shown` says what of it all is shown.
    """

    run: Mapping[str, Any]
    plan: Plan
    files: RunFiles
    summary: Summary
    judgement: Judgement
    command: str
    capacity: Capacity | None = None
    streams: tuple[StreamStats, ...] = ()
    views: Views = _NO_VIEWS
    shown: Shown = _NOTHING_ASKED.shown

    def summary_json(self) -> dict[str, Any]:
        """Return the summary as JSON data, with what a search for capacity found, the course of the run and its streams."""
        return {
            **self.summary.to_json(),
            "capacity": None if self.capacity is None else self.capacity.to_json(),
            "phases": [phase.to_json() for phase in self.phases],
            "streams": [row.to_json() for row in self.streams],
        }

    @property
    def phases(self) -> tuple[PhaseSpan, ...]:
        """The course of the run."""
        return phases_of(self.files.log)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON data: run, plan_hash, seed, command, verdict, summary with thresholds."""
        judged = self.judgement.to_json()
        return {
            "schema": "maid.report/v1",
            "run": {key: value for key, value in self.run.items() if key not in ("config_json", "metrics_json")},
            "title": self.plan.title,
            "plan_hash": self.plan.plan_hash,
            "seed": self.plan.seed,
            "command": self.command,
            "verdict": judged["verdict"],
            "summary": {**self.shown.of_summary(self.summary_json()), "thresholds": judged["thresholds"]},
            **self.views.to_json(),
        }


def gather(run: RunRecordLike, files: RunFiles, plan: Plan, *, command: str = "", choice: ViewChoice = _NOTHING_ASKED) -> ReportContent:
    """Compute what a report says from the rows of a run.

    Parameters
    ----------
    command : str
        The command line that repeats the run; made from the plan when empty.
    choice : ViewChoice
        What it says besides.
    """
    from maid_lab.analysis.capacity import capacity_of
    from maid_lab.analysis.streams import stream_stats
    from maid_lab.analysis.summary import APDEX_T_MS, summarise
    from maid_lab.analysis.verdict import judge

    thresholds = [parse_threshold(text) for text in plan.thresholds]
    named_t = next((threshold.arg_s * 1000 for threshold in thresholds if threshold.stat == "apdex" and threshold.arg_s), APDEX_T_MS)
    rows = {"transactions": files.transactions, "iterations": files.iterations}
    summary = summarise(files.requests, plan=plan, series=files.series or None, apdex_t_ms=named_t, **rows)
    columns = run.to_json()
    return ReportContent(
        run=columns,
        plan=plan,
        files=files,
        summary=summary,
        judgement=judge(thresholds, files.requests, plan=plan, series=files.series or None, events=files.events, **rows),
        command=command or _command(plan),
        capacity=capacity_of(files.requests, files.log, plan=plan),
        streams=stream_stats(files.requests, files.events, plan=plan),
        views=views_of(files, plan, choice, summary=summary.to_json(), label=run_label(columns)),
        shown=choice.shown,
    )


def _command(plan: Plan) -> str:
    """Return the command with all parameters; of secrets only the keys, which the caller sets in the environment."""
    import shlex

    known = [f"--param {shlex.quote(f'{key}={value}')}" for key, value in plan.parameters if key not in plan.secrets]
    return " ".join(["maid run", shlex.quote(plan.recipe_id), *known, f"--seed {plan.seed}"])
