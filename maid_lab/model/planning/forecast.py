"""What a plan can be expected to send: bounds that hold whatever the target answers."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterator
from dataclasses import replace

from maid_lab.model.plan import (
    FormStep,
    HttpStep,
    IfStep,
    Label,
    Load,
    LoopStep,
    ParallelStep,
    Plan,
    RandomStep,
    Scenario,
    Step,
    SwitchStep,
    ThinkStep,
    TransactionStep,
    UseStep,
    WhileStep,
)
from maid_lab.model.schedules import level_at, total_starts
from maid_lab.model.thresholds import Threshold, minimum_samples

__all__ = ["idle_seconds", "most_requests", "most_rows", "too_few_rows", "users_needed"]

#: Fastest answer that is reckoned with: an iteration takes at least so long, in seconds.
_ANSWER_S = 0.01
#: Selectors of answers: no plan says how many there will be.
_OF_ANSWERS = frozenset({"status", "outcome"})


def most_rows(scenario: Scenario) -> Iterator[tuple[int, float]]:
    """Yield labels of requests and transactions with how often one iteration makes such a row at most."""
    yield from _rows(scenario.steps, 1.0)


def most_requests(plan: Plan, load: Load) -> float:
    """Return the most requests of one iteration, averaged over the scenarios of a load."""
    each = [sum(times for label, times in most_rows(plan.scenarios[index]) if plan.labels[label].is_request) for index in load.order]
    return sum(each) / len(each)


def idle_seconds(scenario: Scenario) -> float:
    """Return the least time of one iteration in which its user waits by itself: think time, or the pace where that is longer."""
    think = _least(scenario.think) * len(scenario.steps) if scenario.think is not None else 0.0
    return max(think + _idle(scenario.steps), scenario.pace_s)


def users_needed(plan: Plan, load: Load) -> float:
    """Return how many users an open load keeps busy at its peak: Little's law with think time, pace and the fastest answers."""
    idle = [max(idle_seconds(plan.scenarios[index]), load.pace_s) for index in load.order]
    starts = load.peak / max(most_requests(plan, load), 1.0) if load.of == "requests" else load.peak
    return starts * max(sum(idle) / len(idle), _ANSWER_S)


def too_few_rows(plan: Plan, threshold: Threshold) -> str:
    """Return why a threshold can only end as unknown; empty when it need not, or when answers decide."""
    needed, most = minimum_samples(threshold), _measured_rows(plan, threshold)
    if needed == 1 or most >= needed:
        return ""
    place = " in each window" if threshold.over_s else ""
    return f"{threshold} needs {needed:,} rows{place}, at most {math.ceil(most):,} are expected"


def _measured_rows(plan: Plan, threshold: Threshold) -> float:
    if threshold.selector_kind in _OF_ANSWERS or threshold.stat == "dropped":
        return math.inf
    if threshold.metric == "event_gap":
        # Each stream may have any number of messages.
        return math.inf if any(label.kind == "sse" and _counts(label, threshold) for label in plan.labels) else 0.0
    from_s = max(plan.warmup_end_s, threshold.after_s)
    total = 0.0
    for load in plan.loads:
        each = most_requests(plan, load)
        for index in set(load.order):
            share = load.order.count(index) / len(load.order)
            rows = sum(times for label, times in most_rows(plan.scenarios[index]) if _counts(plan.labels[label], threshold))
            total += rows and rows * share * _most_iterations(load, plan.scenarios[index], from_s, each=each)
    measured = plan.duration_s - from_s
    return total * min(threshold.over_s / measured, 1.0) if threshold.over_s and measured > 0 else total


def _most_iterations(load: Load, scenario: Scenario, from_s: float, *, each: float) -> float:
    """Return the most iterations after a moment if all users or starts took this scenario; `each` has so many requests on average."""
    if load.model == "iterations":
        return float(load.iterations * (math.ceil(load.peak) if load.share == "per-user" else 1))
    late = [
        replace(
            segment, start_s=max(segment.start_s, at), level_from=segment.level_from if segment.start_s >= at else level_at([segment], at)
        )
        for segment in load.segments
        if segment.end_s > (at := from_s - load.start_at_s)
    ]
    if load.model == "rate":
        return total_starts(late) / (each if load.of == "requests" and each else 1.0)
    idle = max(idle_seconds(scenario), load.pace_s)
    # Each user may be in the middle of an iteration when the measuring begins.
    return total_starts(late) / idle + load.peak if idle > 0 else math.inf


def _counts(label: Label, threshold: Threshold) -> bool:
    is_whole = threshold.selector_kind == "transaction" and threshold.metric in ("latency", "service", "response")
    return (label.kind == "transaction" if is_whole else label.is_request) and _selects(label, threshold)


def _selects(label: Label, threshold: Threshold) -> bool:
    kind, pattern = threshold.selector_kind, threshold.selector
    if kind == "kind":
        return label.kind == pattern
    if kind == "tag":
        key, _, value = pattern.partition("=")
        return any(name == key and fnmatch.fnmatchcase(text, value) for name, text in label.tags)
    texts = {"scenario": label.scenario, "transaction": label.transaction, "request": label.name}
    return kind not in texts or fnmatch.fnmatchcase(texts[kind], pattern)


def _rows(steps: tuple[Step, ...], times: float) -> Iterator[tuple[int, float]]:
    for step in steps:
        if isinstance(step, FormStep):
            yield step.request.label, times
        elif isinstance(step, HttpStep):
            yield step.label, times * (1 + (step.retry.times if step.retry is not None else 0))
        elif isinstance(step, TransactionStep):
            yield step.label, times
        for branch, share in _branches(step):
            if times * share:
                yield from _rows(branch, times * share)


def _branches(step: Step) -> Iterator[tuple[tuple[Step, ...], float]]:
    """Yield the inner steps with how often they run at most."""
    if isinstance(step, TransactionStep | UseStep):
        yield step.steps, 1.0
    elif isinstance(step, LoopStep):
        yield step.steps, float(step.count) if isinstance(step.count, int) and not step.over else math.inf
    elif isinstance(step, WhileStep):
        yield step.steps, float(step.limit)
    elif isinstance(step, ParallelStep):
        yield from ((branch, 1.0) for branch in step.branches)
    elif isinstance(step, IfStep):
        yield from ((step.then, 1.0), (step.otherwise, 1.0))
    elif isinstance(step, SwitchStep):
        yield from ((branch, 1.0) for branch in (*(steps for _, steps in step.cases), step.default))
    elif isinstance(step, RandomStep):
        whole = sum(weight for weight, _ in step.branches)
        yield from ((branch, weight / whole) for weight, branch in step.branches)


def _idle(steps: tuple[Step, ...]) -> float:
    """Return the think time that no condition can leave out."""
    total = 0.0
    for step in steps:
        if step.when:
            continue
        if isinstance(step, ThinkStep):
            total += _least(step)
        elif isinstance(step, TransactionStep | UseStep):
            total += _idle(step.steps)
        elif isinstance(step, LoopStep) and isinstance(step.count, int) and not step.over:
            total += _idle(step.steps) * step.count
    return total


def _least(step: ThinkStep) -> float:
    """Return the least think time; exponential draws have no lower bound."""
    return step.low if isinstance(step.low, int | float) and step.dist != "exponential" else 0.0
