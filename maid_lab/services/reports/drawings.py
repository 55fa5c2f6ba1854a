"""Charts as inline SVG: rendered once, stripped to what is needed, coloured by the page around them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from maid_lab.analysis.chart_theme import Spec
    from maid_lab.services.reports.content import ReportContent

__all__ = ["Drawing", "drawings", "inline_svg"]

#: Nothing else can come out of a chart; nothing else gets into a report.
_ELEMENTS: Final = frozenset({"svg", "g", "path", "text", "tspan", "line", "rect", "circle", "defs", "linearGradient", "stop", "clipPath"})

#: Repeated on each of thousands of marks and of no use in a page: half of the bytes.
_DROPPED: Final = frozenset(
    {"role", "aria-roledescription", "aria-hidden", "class", "pointer-events", "width", "height", "stroke-miterlimit", "version", "style"}
)
#: Lines in the chart by request name.
_MOST_LINES: Final = 6

#: All charts are at least this wide, so that the same text has the same size in each.
_LEAST_WIDTH: Final = 520.0

_SIZED: Final = frozenset({"rect"})
_LONG_NUMBER: Final = re.compile(r"(\d+\.\d\d)\d+")
_COORDINATES: Final = frozenset({"d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "cx", "cy", "r"})


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart of a report: anchor, heading, one sentence on how to read it, and its SVG."""

    key: str
    title: str
    note: str
    svg: str


def drawings(content: ReportContent) -> tuple[Drawing, ...]:
    """Return the charts of a run, those first that people look at first; a chart without data is left out."""
    return tuple(Drawing(key, title, note, inline_svg(spec, key=key, title=title)) for key, title, note, spec in _charts(content))


def inline_svg(specification: dict[str, Any], *, key: str, title: str) -> str:
    """Render a Vega-Lite specification to SVG that can stand inside a page.

    Parameters
    ----------
    key : str
        Makes the ids of this chart differ from those of the others.
    title : str
        What a screen reader says of the picture.

    Raises
    ------
    ValueError
        If the picture holds anything but shapes and text.
    """
    import vl_convert

    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(specification))
    width, height = (float(side) for side in root.get("viewBox", "0 0 0 0").split()[2:])
    for element in root.iter():
        _strip(element, key=key)
    root.attrib.clear()
    root.attrib.update({"viewBox": f"0 0 {max(width, _LEAST_WIDTH):g} {height:g}", "role": "img", "aria-label": title})
    return ElementTree.tostring(root, encoding="unicode")


def _strip(element: ElementTree.Element, *, key: str) -> None:
    element.tag = element.tag.rpartition("}")[2]
    if element.tag not in _ELEMENTS:
        raise ValueError(f"a chart holds the element {element.tag!r}, which has no place in a report")
    kept = {
        name: value
        for name, value in element.attrib.items()
        if name not in _DROPPED or (element.tag in _SIZED and name in ("width", "height"))
    }
    element.attrib.clear()
    for name, value in kept.items():
        element.set(name, _cleaned(name, value, key=key))


def _cleaned(name: str, value: str, *, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if value.startswith("url(#"):
        return value.replace("url(#", f"url(#{key}-")
    return _LONG_NUMBER.sub(r"\1", value) if name in _COORDINATES else value


def _charts(content: ReportContent) -> Iterator[tuple[str, str, str, Spec]]:
    from maid_lab.analysis import chart_specs
    from maid_lab.analysis.timeline import planned_level, rates_by_name, timeline

    plan, latency = content.plan, content.summary.latency
    over_time = timeline(content.files.requests, plan=plan)
    if over_time.is_empty():
        return
    width_s = float(over_time["width_s"][0])
    shaded = " The warm-up is shaded." if over_time["warmup"].any() else ""
    note = f"Percentiles of good requests by the moment they started, in bins of {width_s:g} s.{shaded}"
    yield "latency", f"{latency.capitalize()} time over time", note, chart_specs.latency_over_time(over_time, latency=latency)
    yield "throughput", "Throughput", "Answers by the moment they arrived.", chart_specs.throughput_over_time(over_time)
    note = "Planned level, real users, and requests that were open at the same time."
    yield "users", "Load", note, chart_specs.users_over_time(over_time, planned_level(plan))
    if content.shown.granular and len(content.summary.requests) > 1:
        note = f"Answers of each request name, the {_MOST_LINES} most frequent."
        yield (
            "granular",
            "Throughput by request",
            note,
            chart_specs.throughput_by_name(rates_by_name(content.files.requests, names=_MOST_LINES)),
        )
    yield from _spread_charts(content, over_time)
    yield from _failure_charts(content, width_s=width_s, duration_s=over_time.height * width_s)


def _spread_charts(content: ReportContent, over_time: pl.DataFrame) -> Iterator[tuple[str, str, str, Spec]]:
    from maid_lab.analysis import chart_specs
    from maid_lab.analysis.distribution import heatmap, histogram, latency_by_rate

    requests, plan, latency = content.files.requests, content.plan, content.summary.latency
    duration_s = over_time.height * float(over_time["width_s"][0])
    spread, heat, points = histogram(requests, plan=plan), heatmap(requests, plan=plan), latency_by_rate(over_time)
    if not spread.is_empty():
        note = "Measured requests with outcome ok. Each bin is 26 % wider than the one before."
        yield "distribution", f"Distribution of {latency} time", note, chart_specs.latency_distribution(spread, latency=latency)
    if not heat.is_empty():
        note = "Where the requests lie: the brighter, the more. Two bands are two populations."
        spec = chart_specs.latency_heatmap(heat, latency=latency, duration_s=duration_s)
        yield "heatmap", f"{latency.capitalize()} time as a heat map", note, spec
    if not points.is_empty():
        note = "One point for each bin of time. Where the points bend upwards, the target saturates."
        yield "rate", "Latency against rate", note, chart_specs.latency_against_rate(points, latency=latency)


def _failure_charts(content: ReportContent, *, width_s: float, duration_s: float) -> Iterator[tuple[str, str, str, Spec]]:
    from maid_lab.analysis import chart_specs
    from maid_lab.analysis.timeline import failures_over_time

    rows, latency = content.summary.requests, content.summary.latency
    if any(row.times.p50 is not None for row in rows):
        note = f"The slowest first, at most {chart_specs.MAX_NAMES}."
        yield "names", f"{latency.capitalize()} time by request", note, chart_specs.latency_by_name(rows, latency=latency)
    # Eleven outcomes share a bin: 300 bins keep them below the marks that a chart may have.
    width_s = width_s if duration_s / width_s <= 300 else 2 * width_s
    failures = failures_over_time(content.files.requests, width_s=width_s)
    if not failures.is_empty():
        note = "By outcome; dropped, unsent and aborted work is shown too."
        spec = chart_specs.errors_over_time(failures, width_s=width_s, duration_s=duration_s)
        yield "errors", "Failures over time", note, spec
