from __future__ import annotations

import pytest

from maid_lab.analysis.selectors import selected, tag_set
from tests.analysis.rows import frame, row

ROWS = [
    row(start_s=0, name="GET /", status=200),
    row(start_s=1, name="GET /a+b", status=404, scenario="buy", transaction="pay", tags='{"team": "web"}'),
    row(start_s=2, name="GET /a", status=503, outcome="error_status", kind="grpc", tags="team=core,tier=1"),
]


@pytest.mark.parametrize(
    ("kind", "selector", "found"),
    [
        ("*", "*", [0, 1, 2]),
        ("kind", "grpc", [2]),
        ("scenario", "buy", [1]),
        ("transaction", "p*", [1]),
        ("request", "GET /a*", [1, 2]),
        ("request", "GET /a+b", [1]),
        ("request", "*", [0, 1, 2]),
        ("status", "5xx", [2]),
        ("status", "404", [1]),
        ("status", "4*", [1]),
        ("outcome", "error_*", [2]),
        ("tag", "team=web", [1]),
        ("tag", "team=*", [1, 2]),
        ("tag", "tier=1", [2]),
        ("request", "nothing", []),
    ],
)
def test_a_selector_finds_its_rows(kind: str, selector: str, found: list[int]) -> None:
    texts = [item["tags"] for item in ROWS]
    rows = frame(ROWS).filter(selected(kind, selector, tag_texts=texts)).collect()
    assert (rows["start"] // 10**9).to_list() == found


@pytest.mark.parametrize("text", ['{"a": "1", "b": "x y"}', '[["a", "1"], ["b", "x y"]]', "a=1,b=x y", "a=1; b=x y"])
def test_tags_are_read_from_json_or_pairs(text: str) -> None:
    assert tag_set(text) == {"a": "1", "b": "x y"}
