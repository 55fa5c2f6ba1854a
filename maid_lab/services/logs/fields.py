"""The six logs and their fields, in the order in which they are written. Goose's names are kept where Goose has them."""

from __future__ import annotations

from typing import Final

__all__ = ["FIELDS", "FLAGS", "FORMATS", "FORMAT_SETTINGS", "LEVELS", "LOGS"]

FORMATS: Final = ("json", "csv", "raw", "pretty")

#: What the program log holds at each `--log-level`: 0 warnings and errors, 1 information, 2 and 3 everything the run said.
LEVELS: Final = {"error": 0, "warning": 0, "info": 1, "debug": 2, "trace": 3}

#: Setting that names the file of a log.
LOGS: Final = {
    "program": "goose_log",
    "request": "request_log",
    "transaction": "transaction_log",
    "scenario": "scenario_log",
    "error": "error_log",
    "debug": "debug_log",
}
FLAGS: Final = {kind: f"--{setting.replace('_', '-')}" for kind, setting in LOGS.items()}
#: Setting that names the format of a log.
FORMAT_SETTINGS: Final = {kind: setting.replace("_log", "_format") for kind, setting in LOGS.items()}

_WHEN: Final = ("run_id", "time", "elapsed")

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "program": (*_WHEN, "level", "logger", "message"),
    "request": (
        *_WHEN, "worker", "user", "iteration", "scenario_index", "scenario_name", "transaction_index", "transaction_name", "raw", "name",
        "final_url", "redirected", "response_time", "status_code", "success", "update", "error", "coordinated_omission_elapsed",
        "user_cadence", "synthetic", "outcome", "phase", "attempt", "intended_ns", "start_ns", "connected_ns", "first_byte_ns", "end_ns",
        "bytes_out", "bytes_in", "tags",
    ),
    "transaction": (
        *_WHEN, "worker", "user", "iteration", "scenario_index", "transaction_index", "name", "run_time", "success", "phase",
    ),
    "scenario": (*_WHEN, "worker", "user", "iteration", "name", "index", "run_time", "outcome"),
    "error": (
        *_WHEN, "raw", "name", "final_url", "redirected", "response_time", "status_code", "user", "error", "outcome", "error_template_id",
        "sample_id",
    ),
    "debug": (
        *_WHEN, "worker", "user", "iteration", "scenario_name", "name", "tag", "request", "header", "body", "truncated", "status_code",
        "outcome", "error",
    ),
}  # fmt: skip
