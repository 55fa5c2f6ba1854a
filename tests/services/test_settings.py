import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import InvalidInput
from maid_lab.services.settings import Settings, load_settings

SHOWN = ("metrics", "transaction_metrics", "scenario_metrics", "status_codes", "print_metrics", "error_summary", "granular_report")
VALUES: dict[str, tuple[Any, Any, Any, Any]] = {
    "workers": (1, 2, 3, 4),
    "timeout": (1.0, 2.0, 3.0, 4.0),
    "throttle_requests": (10.0, 20.0, 30.0, 40.0),
    "min_free_bytes": (1, 2, 3, 4),
    "max_history": (1, 2, 3, 4),
    "max_history_bytes": (1, 2, 3, 4),
    "log_level": (1, 2, 3, 0),
    "request_body": (True, False, True, False),
    "no_debug_body": (True, False, True, False),
    **{f"no_{name}": (True, False, True, False) for name in SHOWN},
    "pdf_scale": (0.1, 0.5, 1.0, 2.0),
    "pdf_timeout": (10.0, 20.0, 30.0, 600.0),
    "running_metrics": (1.0, 2.0, 3.0, 4.0),
    "baseline_file": ("a", "b", "c", "d"),
    "co_mitigation": ("average", "minimum", "maximum", "disabled"),
    "files_roots": ("a", "b", "c", "d"),
    "files_certificates": ("a", "b", "c", "d"),
    "agent_max_users": (1, 2, 3, 4),
    "agent_max_rate": (1.0, 2.0, 3.0, 4.0),
    "agent_max_duration": (1.0, 2.0, 3.0, 4.0),
    "agent_runs_per_hour": (1, 2, 3, 4),
    "access_roles": ({"a": "admin"}, {"b": "admin"}, {"group:c": "read:loadtests"}, {}),
    **{f"access_{name}": ("a", "b", "c", "d") for name in ("jwks_file", "issuer", "audience")},
    "quiet": (1, 2, 3, 0),
    "verbose": (1, 2, 3, 0),
    **{f"{log}_log": ("a", "b", "c", "d") for log in ("goose", "request", "transaction", "scenario", "error", "debug")},
    **{f"{log}_format": ("csv", "raw", "pretty", "json") for log in ("goose", "request", "transaction", "scenario", "error", "debug")},
}
LAYERS = ("config.json", "config.runtime.json", "environment", "flag")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VALUES:
        monkeypatch.delenv(f"MAID_{name.upper()}", raising=False)


def test_every_setting_is_tried_here_and_has_help() -> None:
    assert set(VALUES) == set(Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("given", [pair for size in (1, 2, 4) for pair in combinations(range(4), size)])
def test_the_later_layer_wins(name: str, given: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = VALUES[name]
    for index in given[:]:
        if LAYERS[index].endswith(".json"):
            (tmp_path / LAYERS[index]).write_text(json.dumps({name: values[index]}))
    if 2 in given:
        monkeypatch.setenv(f"MAID_{name.upper()}", json.dumps(values[2]) if isinstance(values[2], dict) else str(values[2]))
    settings = load_settings(tmp_path, flags={name: values[3] if 3 in given else None})
    assert (getattr(settings, name), settings.layer(name)) == (values[max(given)], LAYERS[max(given)])


def test_without_layers_the_values_are_built_in(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings == Settings()
    assert settings.layer("workers") == "built-in"


def test_an_empty_variable_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAID_WORKERS", "")
    assert load_settings(tmp_path).workers == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "is not a JSON object"),
        ('{"worker": 2}', "Did you mean 'workers'"),
        ('{"workers": -1}', r"setting workers \(config.json\)"),
    ],
)
def test_a_wrong_file_is_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InvalidInput, match=message):
        load_settings(tmp_path)


def test_a_wrong_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAID_WORKERS", "many")
    with pytest.raises(InvalidInput, match=r"environment variable MAID_WORKERS.*'many'"):
        load_settings(tmp_path)
