"""Goose's flags: each long, short and old name is parsed to the same request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maid_lab.cli import request as requests
from maid_lab.cli.app import app
from maid_lab.model.errors import InvalidInput


class Parsed(Exception):  # ends the command before it does anything
    def __init__(self, flags: dict[str, Any]) -> None:
        self.flags = flags


@pytest.fixture(autouse=True)
def stop_after_parsing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def parsed(recipe: str, flags: dict[str, Any]) -> None:
        requests.check_exclusions(flags)
        raise Parsed(flags)

    monkeypatch.setattr(requests, "request_from", parsed)
    yield


def flags_of(*words: str) -> dict[str, Any]:
    with pytest.raises(Parsed) as caught:
        app(["run", "hello", *words], standalone_mode=False)
    return caught.value.flags


@pytest.mark.parametrize(
    ("names", "word", "key", "value"),
    [
        (("--host", "-H"), "http://127.0.0.1:1", "host", "http://127.0.0.1:1"),
        (("--users", "-u"), "20", "users", 20),
        (("--rate",), "200/s", "rate", "200/s"),
        (("--run-time", "-t"), "1h30m5s", "run_time", "1h30m5s"),
        (("--increase-rate", "--hatch-rate", "-r"), "1.5", "increase_rate", "1.5"),
        (("--increase-time", "--startup-time", "-s"), "20", "increase_time", "20"),
        (("--decrease-rate",), "2", "decrease_rate", "2"),
        (("--decrease-time",), "2s", "decrease_time", "2s"),
        (("--iterations",), "7", "iterations", 7),
        (("--test-plan",), "10,30s;0,10s", "test_plan", "10,30s;0,10s"),
        (("--param",), "a=b", "param", ["a=b"]),
        (("--preset",), "smoke", "preset", "smoke"),
        (("--scenarios",), "a,b*", "scenarios", "a,b*"),
        (("--seed",), "5", "seed", 5),
        (("--workers",), "2", "workers", 2),
        (("--throttle-requests",), "100", "throttle_requests", 100.0),
        (("--timeout",), "2.5", "timeout", 2.5),
        (("--name",), "Mine", "name", "Mine"),
        (("--tag",), "nightly", "tag", ["nightly"]),
        (("--goose-log", "-G"), "f", "goose_log", Path("f")),
        (("--request-log", "-R"), "f", "request_log", Path("f")),
        (("--transaction-log", "-T"), "f", "transaction_log", Path("f")),
        (("--scenario-log", "-S"), "f", "scenario_log", Path("f")),
        (("--error-log", "-E"), "f", "error_log", Path("f")),
        (("--debug-log", "-D"), "f", "debug_log", Path("f")),
        *(
            (((f"--{log}-format",), "raw", f"{log}_format", "raw"))
            for log in ("goose", "request", "transaction", "scenario", "error", "debug")
        ),
        (("--running-metrics",), "2.5", "running_metrics", 2.5),
        (("--baseline-file",), "last", "baseline_file", "last"),
        (("--co-mitigation",), "average", "co_mitigation", "average"),
    ],
)
def test_every_name_of_a_flag_means_the_same(names: tuple[str, ...], word: str, key: str, value: Any) -> None:
    assert [flags_of(name, word)[key] for name in names] == [value] * len(names)


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["-q"], "quiet", 1),
        (["--quiet", "--quiet"], "quiet", 2),
        (["-v"], "verbose", 1),
        (["-vv"], "verbose", 2),
        (["--json"], "as_json", True),
        (["-ggg"], "log_level", 3),
        (["--log-level", "--log-level"], "log_level", 2),
        (["--request-body"], "request_body", True),
        (["--no-debug-body"], "no_debug_body", True),
        (["--no-gzip"], "no_gzip", True),
        (["--sticky-follow"], "sticky_follow", True),
        (["--accept-invalid-certs"], "accept_invalid_certs", True),
        (["-l"], "list_all", True),
        (["--list"], "list_all", True),
        (["--scenarios-list"], "scenarios_list", True),
        (["--no-autostart"], "no_autostart", True),
    ],
)
def test_switches(words: list[str], key: str, value: Any) -> None:
    assert flags_of(*words)[key] == value


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (["-r", "1", "-s", "2"], "--increase-rate and --increase-time"),
        (["--decrease-rate", "1", "--decrease-time", "2"], "--decrease-rate and --decrease-time"),
        (["--test-plan", "1,1s", "-u", "3"], "--test-plan and --users"),
        (["--test-plan", "1,1s", "-t", "3"], "--test-plan and --run-time"),
        (["--test-plan", "1,1s", "--iterations", "3"], "--test-plan and --iterations"),
        (["--iterations", "3", "-t", "3"], "--iterations and --run-time"),
        (["-q", "-v"], "--quiet and --verbose"),
    ],
)
def test_flags_that_contradict_are_refused_by_name(words: list[str], both: str) -> None:
    with pytest.raises(InvalidInput, match=f"{both} exclude each other"):
        app(["run", "hello", *words], standalone_mode=False)
