from __future__ import annotations

from xml.etree import ElementTree

import pytest

from maid_lab.services.reports.content import gather
from maid_lab.services.reports.drawings import drawings, inline_svg
from maid_lab.services.reports.run_files import RunFiles
from tests.analysis.rows import a_plan, frame, realistic, row
from tests.services.reports.runs import Record

BARS = {
    "data": {"values": [{"a": '<script>x</script>"&', "b": 1.23456, "description": '"><img src=x onerror=y>'}]},
    "mark": {"type": "bar", "clip": True},
    "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}, "description": {"field": "description"}},
}


def test_svg_is_well_formed_scales_and_says_what_it_is() -> None:
    root = ElementTree.fromstring(inline_svg(BARS, key="bars", title='Bars "of" <b>'))
    assert root.get("aria-label") == 'Bars "of" <b>'
    assert root.get("width") is None
    assert str(root.get("viewBox")).startswith("0 0 520 ")


def test_text_from_outside_stays_text() -> None:
    svg = inline_svg(BARS, key="bars", title="Bars")
    labels = [element.get("aria-label") for element in ElementTree.fromstring(svg).iter()]
    assert '"><img src=x onerror=y>' in labels
    assert "<script" not in svg
    assert "<img" not in svg


def test_ids_of_two_charts_never_meet() -> None:
    first, second = (inline_svg(BARS, key=key, title="Bars") for key in ("one", "two"))
    assert 'id="one-' in first
    assert "url(#one-" in first
    assert "one-" not in second


def test_pictures_from_elsewhere_are_refused() -> None:
    image = {"data": {"values": [{}]}, "mark": {"type": "image", "url": "data:image/png;base64,AA==", "width": 5, "height": 5}}
    with pytest.raises(ValueError, match="image"):
        inline_svg(image, key="x", title="x")


def test_a_run_has_its_nine_charts_and_one_without_failures_or_rows_has_fewer() -> None:
    plan = a_plan(warmup_s=20, duration_s=120, level=50)
    full = gather(Record(), RunFiles(requests=realistic(20_000)), plan)
    assert [item.key for item in drawings(full)] == [
        "latency", "throughput", "users", "granular", "distribution", "heatmap", "rate", "names", "errors",
    ]  # fmt: skip
    few = gather(Record(), RunFiles(requests=frame([row(start_s=1)])), a_plan())
    assert [item.key for item in drawings(few)] == ["latency", "throughput", "users", "distribution", "heatmap"]
    assert drawings(gather(Record(), RunFiles(requests=frame([])), a_plan())) == ()
