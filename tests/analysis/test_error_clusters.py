from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.analysis.error_clusters import MAX_CLUSTERS, ErrorCluster, cluster, template_of


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("no answer from 127.0.0.1:8090 within 10 s", "no answer from <address> within <n> s"),
        ("reset by [2001:db8::7]:443", "reset by <address>"),
        ("could not resolve shop.example.test:8443", "could not resolve <address>"),
        ("order 3f2a9c1e-0b7d-4e55-9d10-8b9f7f3c2a11 is gone", "order <uuid> is gone"),
        ("object at 0x7f3a2b", "object at <id>"),
        ("trace 9f8e7d6c5b4a missing", "trace <id> missing"),
        ("late since 2026-11-23T10:15:00Z", "late since <time>"),
        ("HTTP 503 after 3.5 s", "HTTP 503 after <n> s"),
        ("status 404: item -17", "status 404: item <n>"),
        ("no  \n such   host", "no such host"),
        ("", ""),
    ],
)
def test_what_differs_from_row_to_row_is_replaced_by_its_kind(text: str, template: str) -> None:
    assert template_of(text) == template


@given(st.text(max_size=400))
def test_a_template_is_bounded_and_on_one_line(text: str) -> None:
    template = template_of(text)
    assert len(template) <= 300
    assert "\n" not in template


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_texts_that_differ_in_numbers_share_a_template(one: int, other: int) -> None:
    assert template_of(f"{one} rows of user {one}") == template_of(f"{other} rows of user {other}")


def _row(**values: Any) -> dict[str, Any]:
    return {"outcome": "timeout", "error": "after 1 s", "name": "GET /", "status": -1, "count": 1, "first_s": 1.0, "last_s": 1.0, **values}


def test_clusters_add_up_counts_names_and_span() -> None:
    rows = [_row(count=3, first_s=2.0, last_s=9.0), _row(error="after 20 s", name="GET /a", first_s=1.0), _row(outcome="reset", error=None)]
    assert cluster(rows) == (
        ErrorCluster(
            outcome="timeout",
            template="after <n> s",
            example="after 1 s",
            status=-1,
            count=4,
            first_s=1.0,
            last_s=9.0,
            names=("GET /", "GET /a"),
            texts=2,
        ),
        ErrorCluster(outcome="reset", template="reset", example="", status=-1, count=1, first_s=1.0, last_s=1.0, names=("GET /",), texts=1),
    )


def test_rare_errors_are_summed_in_one_cluster() -> None:
    words = [f"{chr(97 + at // 26)}{chr(97 + at % 26)}" for at in range(MAX_CLUSTERS + 30)]
    clusters = cluster(_row(error=f"lost {word}") for word in words)
    assert len(clusters) == MAX_CLUSTERS + 1
    assert (clusters[-1].template, clusters[-1].count) == ("30 rarer errors", 30)
