"""The look of all charts: transparent, text in the colour of its surroundings, a palette that colour-blind people can tell apart."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["HEIGHT", "MAX_MARKS", "OUTCOME_COLOURS", "SERIES_COLOURS", "WIDTH", "Spec", "themed", "time_axis"]

#: A Vega-Lite specification.
Spec = dict[str, Any]

WIDTH: Final = 440
HEIGHT: Final = 190

#: No chart draws more marks; a browser stays quick and a report small.
MAX_MARKS: Final = 5000

#: Okabe and Ito (2008), darkened or lightened a little so that each has a contrast of 3:1 on white and on near-black.
SERIES_COLOURS: Final = {
    "blue": "#1a7fc4",
    "orange": "#d07f00",
    "green": "#0b9a72",
    "vermilion": "#d8541a",
    "purple": "#b565a0",
    "grey": "#808890",
}

#: One colour for each outcome that is not ok.
OUTCOME_COLOURS: Final = {
    "check_failed": "#d07f00",
    "error_status": "#d8541a",
    "timeout": "#b565a0",
    "connect_error": "#1a7fc4",
    "tls_error": "#3c9fd8",
    "reset": "#0b9a72",
    "protocol_error": "#a08a00",
    "extract_miss": "#8c6bd1",
    "dropped": "#808890",
    "unsent": "#9a8478",
    "aborted": "#5f7f86",
}

_TEXT: Final = "currentColor"

_CONFIG: Final[Spec] = {
    "background": "transparent",
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    # Text is measured with the renderer's font and shown in the reader's, which may be wider.
    "padding": {"left": 14, "right": 10, "top": 4, "bottom": 4},
    "view": {"stroke": None},
    "axis": {
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "titleFontWeight": "normal",
        "labelOpacity": 0.85,
        "titleOpacity": 0.85,
        "labelFontSize": 11,
        "titleFontSize": 11.5,
        "titlePadding": 6,
        "gridColor": _TEXT,
        "gridOpacity": 0.13,
        "domainColor": _TEXT,
        "domainOpacity": 0.4,
        "tickColor": _TEXT,
        "tickOpacity": 0.4,
        "tickSize": 4,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False, "tickCount": 5},
    "legend": {
        "orient": "top",
        "direction": "horizontal",
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "labelFontSize": 11.5,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "symbolStrokeWidth": 3,
        "offset": 6,
        "columnPadding": 14,
        "labelLimit": 220,
    },
    "line": {"strokeWidth": 1.8},
    "text": {"color": _TEXT},
    "title": {"color": _TEXT},
}


def themed(*layers: Spec, width: int = WIDTH, height: int = HEIGHT, **more: Any) -> Spec:
    """Return one chart of the layers with the theme in its own configuration, so that notebook, report and export look the same."""
    return {"layer": list(layers), "width": width, "height": height, "config": _CONFIG, **more}


def time_axis(duration_s: float) -> Spec:
    """Return the axis of time since the start: seconds, from two minutes on minutes and seconds, from two hours on hours and minutes."""
    if duration_s <= 120:
        return {"title": "Time since start (s)", "tickCount": 8}
    unit, title = (60, "Time since start (min:s)") if duration_s <= 7200 else (3600, "Time since start (h:min)")
    whole, part = f"floor(datum.value / {unit})", f"floor((datum.value % {unit}) * 60 / {unit})"
    return {"title": title, "values": _ticks(duration_s), "labelExpr": f"{whole} + ':' + ({part} < 10 ? '0' : '') + {part}"}


def _ticks(duration_s: float) -> list[int]:
    steps = (15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
    step = next((step for step in steps if duration_s / step <= 8), 86400 * max(1, round(duration_s / 86400 / 8)))
    return list(range(0, int(duration_s) + 1, step))
