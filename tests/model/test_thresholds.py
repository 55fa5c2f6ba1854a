import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.thresholds import METRICS, STATS, Threshold, ThresholdError, minimum_samples, parse_threshold


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("p95 < 300ms", Threshold(stat="p", quantile=0.95, op="<", value=0.3)),
        (
            "p99(transaction:pay) < 1.5s over 30s abort",
            Threshold(stat="p", quantile=0.99, selector_kind="transaction", selector="pay", op="<", value=1.5, over_s=30, abort=True),
        ),
        ("p95(ttfb, http) < 200ms", Threshold(stat="p", quantile=0.95, metric="ttfb", selector_kind="kind", selector="http", op="<", value=0.2)),
        ("error_rate < 1%", Threshold(stat="error_rate", op="<", value=0.01, percent=True)),
        ("rate(request:GET /) >= 500/s", Threshold(stat="rate", selector_kind="request", selector="GET /", op=">=", value=500)),
        ("rps >= 30/m", Threshold(stat="rate", op=">=", value=0.5)),
        ("apdex(500ms, *) >= 0.9", Threshold(stat="apdex", arg_s=0.5, op=">=", value=0.9)),
        ("dropped < 0.1%", Threshold(stat="dropped", op="<", value=0.001, percent=True)),
        ("dropped < 0.5", Threshold(stat="dropped", op="<", value=0.5)),
        ("count(status:5xx) == 0", Threshold(stat="count", selector_kind="status", selector="5xx", op="==", value=0)),
        ("p50 < 1s", Threshold(stat="med", op="<", value=1)),
        ("p99.9 < 2s after 1m warn", Threshold(stat="p", quantile=0.999, op="<", value=2, after_s=60, warn=True)),
        ("max(bytes_in, *) <= 2MiB", Threshold(stat="max", metric="bytes_in", op="<=", value=2 * 1024**2)),
        ('avg(request:"a, (b)") < 1s', Threshold(stat="avg", selector_kind="request", selector="a, (b)", op="<", value=1)),
        ("count(tag:tier=gold) > 3", Threshold(stat="count", selector_kind="tag", selector="tier=gold", op=">", value=3)),
        ("stdev(custom:queue, *) < 4.5", Threshold(stat="stdev", metric="custom:queue", op="<", value=4.5)),
        ("p95<300ms", Threshold(stat="p", quantile=0.95, op="<", value=0.3)),
    ],
)  # fmt: skip
def test_the_grammar_of_the_recipe(text: str, threshold: Threshold) -> None:
    assert parse_threshold(text) == threshold


def test_the_object_form_says_the_same_as_the_text() -> None:
    written: dict[str, Any] = {
        "stat": "p95", "metric": "ttfb", "selector": "request:a, (b)", "op": "<", "value": "2s", "over": "30s", "after": 5, "abort": True,
        "warn": False,
    }  # fmt: skip
    assert parse_threshold(written) == parse_threshold('p95(ttfb, request:"a, (b)") < 2s over 30s after 5s abort')


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "a statistic such as p95"), ("p95", 3, "a comparison such as < 300ms is missing"), ("p100 < 1s", 0, "between 0 and 100"),
        ("eror_rate < 1%", 0, "did you mean error_rate"), ("p95(ttfb < 1s", 3, "closing"), ("p95(nothing) < 1s", 4, "neither a metric nor a selector"),
        ("p95(request:a, request:b) < 1s", 4, "at most a metric and one selector"), ("p95 < soon", 6, "not a duration"),
        ("p95 < 5%", 6, "not a share"), ("error_rate < 5", 13, "1%"), ("apdex >= 0.9", 0, "needs its time T"),
        ("p95 < 1s over", 9, "over needs a duration"), ("p95 < 1s sometimes", 8, "over, after, abort or warn"), ("count < 5ms", 8, "not a number"),
        ("p95(request:) < 1s", 4, "a name is missing"), ("count(tag:gold) > 1", 6, "tag:key=value"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text: str, offset: int, message: str) -> None:
    with pytest.raises(ThresholdError, match=message) as caught:
        parse_threshold(text)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("written", "message"),
    [({"stat": "p95", "op": "<"}, "lacks value"), ({"stat": "p95", "op": "<", "value": 1, "when": 2}, "no key 'when'")],
)
def test_the_object_form_names_its_keys(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ThresholdError, match=message):
        parse_threshold(written)


def test_the_error_survives_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(ThresholdError("no", 4)))
    assert (str(error), error.offset) == ("no", 4)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("p95 < 1s", 200), ("p99 < 1s", 1000), ("p99.9 < 1s", 10_000), ("error_rate < 1%", 100), ("check_rate > 99%", 100),
        ("apdex(1s, *) > 0.5", 100), ("avg < 1s", 30), ("p50 < 1s", 30), ("stdev < 1s", 30), ("max < 1s", 1), ("count > 1", 1), ("rate > 1", 1),
    ],
)  # fmt: skip
def test_samples_that_a_judgement_needs(text: str, needed: int) -> None:
    assert minimum_samples(parse_threshold(text)) == needed


selector_names = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=20).filter(
    lambda name: not ('"' in name and "'" in name)
)
selectors = st.one_of(
    st.just("*"),
    st.sampled_from(["http", "grpc", "sql"]),
    st.builds(
        lambda kind, name: f"{kind}:'{name}'" if '"' in name else f'{kind}:"{name}"',
        st.sampled_from(["scenario", "transaction", "request", "outcome"]),
        selector_names,
    ),
)


@st.composite
def thresholds(draw: st.DrawFn) -> str:
    number = draw(st.floats(min_value=0, max_value=1e6, allow_nan=False))
    stat = draw(st.one_of(st.sampled_from(STATS), st.floats(min_value=0.001, max_value=99.999).map(lambda n: f"p{n:.5f}")))
    share, timed = stat in ("error_rate", "check_rate", "apdex"), stat in ("avg", "min", "max", "med", "stdev") or stat[1].isdigit()
    metric = draw(st.sampled_from([name for name in METRICS if name not in ("bytes_in", "bytes_out", "messages_in", "messages_out")]))
    arguments = ([f"{number:f}s"] if stat == "apdex" else []) + ([metric] if timed else []) + [draw(selectors)]
    value = f"{min(number / 1e6, 1):f}" if share else f"{number:f}{'s' if timed else '/s' if stat in ('rate', 'goodput') else ''}"
    words = draw(st.lists(st.sampled_from(["over 30s", "after 1m1s", "abort", "warn"]), unique=True))
    return " ".join([f"{stat}({', '.join(arguments)})", draw(st.sampled_from(["<", "<=", ">", ">=", "=="])), value, *words])


@given(thresholds())
def test_the_canonical_text_says_the_same(text: str) -> None:
    threshold = parse_threshold(text)
    assert parse_threshold(str(threshold)) == threshold
    assert str(parse_threshold(str(threshold))) == str(threshold)


@given(st.text(max_size=60))
def test_any_text_is_a_threshold_or_a_threshold_error(text: str) -> None:
    try:
        parse_threshold(text)
    except ThresholdError as error:
        assert 0 <= error.offset <= len(text)
