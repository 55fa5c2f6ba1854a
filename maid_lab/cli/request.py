"""From flags to what a run is asked for: parameter values and overrides of the load."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from maid_lab.services.code import CodeSource

__all__ = ["EXCLUSIONS", "RunRequest", "check_exclusions", "parameter_values", "request_from"]

#: Flags that contradict each other, with the remedy.
EXCLUSIONS: Final = (
    ("increase_rate", "increase_time", "Say either how fast or in what time users are added."),
    ("decrease_rate", "decrease_time", "Say either how fast or in what time users are removed."),
    *(
        ("test_plan", other, "A test plan says all of it; leave the other flag out.")
        for other in (
            "users", "rate", "run_time", "increase_rate", "increase_time", "decrease_rate", "decrease_time", "iterations",
            "no_reset_metrics",
        )
    ),
    ("iterations", "no_reset_metrics", "Loops that are counted have no phase whose rows are left out; leave --no-reset-metrics out."),
    ("iterations", "run_time", "Say either how many loops or how long."),
    ("users", "rate", "A load is given in users or in starts per second."),
    ("quiet", "verbose", "Choose one."),
    *(
        ("no_metrics", other, "It is made of rows, and none are kept; leave one of them out.")
        for other in ("request_log", "transaction_log", "scenario_log", "error_log", "report_file", "co_mitigation", "baseline_file")
    ),
)  # fmt: skip

_OVERRIDES: Final = (
    "host", "users", "rate", "run_time", "increase_rate", "increase_time", "decrease_rate", "decrease_time", "iterations", "test_plan",
    "scenarios", "seed",
)  # fmt: skip


#: Switch, the override that it is, and its value.
_SWITCHES: Final = (
    ("no_gzip", "gzip", False),
    ("sticky_follow", "sticky", True),
    ("accept_invalid_certs", "verify", False),
    ("no_reset_metrics", "warmup", False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What the flags ask for; only values that were given are in the mappings."""

    recipe: str
    parameters: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    preset: str = ""
    code: CodeSource | None = None


def request_from(recipe: str, flags: dict[str, Any]) -> RunRequest:
    """Return the request of a command with these flags.

    Raises
    ------
    InvalidInput
        If two flags exclude each other, a parameter is not written `name=value`, or the parameters file cannot be read.
    """
    check_exclusions(flags)
    overrides = {name: flags[name] for name in _OVERRIDES if flags.get(name) is not None}
    overrides |= {name: value for flag, name, value in _SWITCHES if flags.get(flag)}
    if "scenarios" in overrides:
        overrides["scenarios"] = [word.strip() for word in overrides["scenarios"].split(",") if word.strip()]
    code = None
    if "\n" not in recipe and recipe.partition(":")[0].endswith(".py"):
        from maid_lab.services.code import code_source, read_functions

        code = code_source(read_functions(recipe))
        recipe = code.recipe
    return RunRequest(
        code=code,
        recipe=recipe,
        parameters=parameter_values(flags.get("param") or [], flags.get("params_file")),
        overrides=overrides,
        preset=flags.get("preset") or "",
    )


def check_exclusions(flags: dict[str, Any]) -> None:
    """Raise `InvalidInput` naming both flags when two are given that contradict each other."""
    for one, other, remedy in EXCLUSIONS:
        if _given(flags, one) and _given(flags, other):
            raise InvalidInput(f"{_flag(one)} and {_flag(other)} exclude each other.", hint=remedy)
    if _given(flags, "increase_time") and flags.get("users") == 1:
        raise InvalidInput("--increase-time needs at least 2 users, --users says 1.", hint="Leave --increase-time out, or raise --users.")


def parameter_values(words: list[str], file: Path | None) -> dict[str, Any]:
    """Return the values of a parameters file overlaid by `name=value` words.

    Words stay texts; the recipe's parameter types say what they mean.
    """
    values = _from_file(file) if file is not None else {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--param {word!r} is not written name=value.", hint="For example --param users=20.")
        values[name] = value
    return values


def _given(flags: dict[str, Any], name: str) -> bool:
    value = flags.get(name)
    return value is not None and value is not False and value != 0


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _from_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidInput(f"--params-file {path} is not there.", hint="Check the path.") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidInput(
            f"--params-file {path} cannot be read: {' '.join(str(error).split())}.", hint="Write a YAML or JSON mapping."
        ) from None
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise InvalidInput(f"--params-file {path} is not a mapping of names to values.", hint="Write one `name: value` a line.")
    return dict(data)
