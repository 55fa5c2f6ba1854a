"""Settings of the program: one model, four layers.

`config.json` < `config.runtime.json` < `MAID_*` environment variables < flags. The model's JSON Schema draws the settings form, its
descriptions are the documentation.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Settings", "load_settings"]

RoleName = Literal["read:loadtests", "write:loadtests", "admin"]
LogFormat = Literal["json", "csv", "raw", "pretty"]
_FORMATS = "json, csv, raw or pretty"
_FILES = ("config.json", "config.runtime.json")


class Settings(BaseSettings):
    """What can be set about MAID Lab itself, as opposed to a test."""

    model_config = SettingsConfigDict(env_prefix="MAID_", env_ignore_empty=True, extra="forbid", frozen=True)

    workers: int = Field(default=0, ge=0, le=1024, description="Worker processes that make load; 0 starts one for each core.")
    timeout: float | None = Field(
        default=None, gt=0, description="Seconds after which a request is given up, when the recipe does not say."
    )
    throttle_requests: float = Field(
        default=0.0, ge=0, le=1_000_000, description="Ceiling of requests per second over all workers; 0 sets none."
    )
    min_free_bytes: int = Field(
        default=256 * 2**20, ge=0, description="Free disk space, in bytes, below which no run starts, so that its rows can be kept."
    )
    max_history: int = Field(
        default=0, ge=0, description="Runs that are kept; beyond, the oldest go, but never a pinned one or the newest. 0 keeps all."
    )
    max_history_bytes: int = Field(
        default=0, ge=0, description="Bytes of all run folders together that are kept; beyond, the oldest runs go as well. 0 keeps all."
    )
    goose_log: str = Field(default="", description="File of the program log: what the run itself says. Empty writes none.")
    goose_format: LogFormat = Field(default="json", description=f"Format of the program log: {_FORMATS}.")
    log_level: int = Field(
        default=0, ge=0, le=3, description="What the program log holds: 0 warnings and errors, 1 information too, 2 debug, 3 trace."
    )
    request_log: str = Field(default="", description="File with one line for each request. Empty writes none.")
    request_format: LogFormat = Field(default="json", description=f"Format of the request log: {_FORMATS}.")
    request_body: bool = Field(
        default=False,
        description="Keep head and body of each request, masked, for the request log; takes up to two thirds of the top speed.",
    )
    transaction_log: str = Field(default="", description="File with one line for each transaction. Empty writes none.")
    transaction_format: LogFormat = Field(default="json", description=f"Format of the transaction log: {_FORMATS}.")
    scenario_log: str = Field(default="", description="File with one line for each iteration of a scenario. Empty writes none.")
    scenario_format: LogFormat = Field(default="json", description=f"Format of the scenario log: {_FORMATS}.")
    error_log: str = Field(default="", description="File with one line for each failed request. Empty writes none.")
    error_format: LogFormat = Field(default="json", description=f"Format of the error log: {_FORMATS}.")
    debug_log: str = Field(
        default="", description="File with one line for each failed exchange, `log` step and debug call, masked and cut. Empty writes none."
    )
    debug_format: LogFormat = Field(default="json", description=f"Format of the debug log: {_FORMATS}.")
    no_debug_body: bool = Field(default=False, description="Leave bodies out of the debug log.")
    running_metrics: float = Field(
        default=0.0, ge=0, description="Seconds after which the metrics tables are printed again while the run goes on; 0 prints none."
    )
    no_metrics: bool = Field(
        default=False, description="Keep no rows of requests: live counts only, nothing to analyse or report afterwards."
    )
    no_transaction_metrics: bool = Field(default=False, description="Leave transactions out of what is shown and reported; rows are kept.")
    no_scenario_metrics: bool = Field(default=False, description="Leave scenarios out of what is shown and reported; rows are kept.")
    no_status_codes: bool = Field(default=False, description="Leave status codes out of what is shown and reported; rows are kept.")
    no_print_metrics: bool = Field(default=False, description="Print the verdict at the end of a run, and no tables.")
    no_error_summary: bool = Field(default=False, description="Leave the errors out of what is printed at the end of a run.")
    no_granular_report: bool = Field(default=False, description="Draw no lines by request name in the HTML report.")
    pdf_scale: float = Field(default=0.8, ge=0.1, le=2.0, description="Size of what is printed in PDF reports, 0.1 to 2.")
    pdf_timeout: float = Field(default=60.0, ge=10, le=600, description="Seconds after which printing a PDF report is given up, 10 to 600.")
    baseline_file: str = Field(
        default="", description="What runs are compared with: a JSON report, a run id, `last` or a tag. Empty compares with nothing."
    )
    co_mitigation: Literal["average", "minimum", "maximum", "disabled"] = Field(
        default="disabled",
        description="What a user's cadence is in the view on coordinated omission: average, minimum or maximum duration of its loops, or disabled.",
    )
    files_roots: str = Field(
        default="", description="Folders below which recipes may read files, beside their own; separated as in PATH. Empty adds none."
    )
    files_certificates: str = Field(
        default="", description="Certificates and keys that recipes may name although such files are protected; exact paths, as in PATH."
    )
    agent_max_users: int = Field(default=50, ge=1, description="Most users of a run that an agent starts.")
    agent_max_rate: float = Field(default=100.0, gt=0, description="Most starts per second of a run that an agent starts.")
    agent_max_duration: float = Field(default=600.0, gt=0, description="Most seconds of a run that an agent starts.")
    agent_runs_per_hour: int = Field(default=3, ge=1, description="Most runs that an agent starts within an hour.")
    access_roles: dict[str, RoleName] = Field(
        default_factory=dict,
        description="Roles of Jupyter users as a JSON object: a user or `group:<name>` → `read:loadtests`, `write:loadtests` or `admin`. "
        "Who is not named gets `read:loadtests`, the owner of the server `admin`.",
    )
    access_jwks_file: str = Field(
        default="",
        description="File with the public keys (JWKS; RS256 or ES256) of an issuer whose tokens are accepted. Empty accepts none.",
    )
    access_issuer: str = Field(default="", description="Issuer (`iss`) of the tokens that the keys of access_jwks_file sign.")
    access_audience: str = Field(default="", description="Audience (`aud`) that these tokens must name.")
    quiet: int = Field(
        default=0, ge=0, le=3, description="What the console leaves out: 1 progress, 2 warnings of the run too, 3 its errors too."
    )
    verbose: int = Field(default=0, ge=0, le=3, description="What the console shows of the run's log: 1 information, 2 and 3 all of it.")
    _layers: dict[str, str] = PrivateAttr(default_factory=dict)

    def layer(self, name: str) -> str:
        """Where the value of a setting came from: a file name, `environment`, `flag` or `built-in`."""
        return self._layers.get(name, "built-in")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing by itself: `load_settings` merges the layers and says where a value came from."""
        return (init_settings,)


def load_settings(home: Path, *, flags: Mapping[str, Any] | None = None, runtime: Mapping[str, Any] | None = None) -> Settings:
    """Read all layers for the given home folder.

    Parameters
    ----------
    flags : mapping, optional
        Values of command-line flags by setting name; None means "not given".
    runtime : mapping, optional
        Stands for what `config.runtime.json` holds, to try values before they are written.

    Raises
    ------
    InvalidInput
        If a file is no JSON object, names an unknown setting, or a value breaks its rule; names the layer.
    """
    values: dict[str, Any] = {}
    layers: dict[str, str] = {}
    for origin, layer in (
        (_FILES[0], _read(home / _FILES[0])),
        (_FILES[1], _read(home / _FILES[1]) if runtime is None else dict(runtime)),
        ("environment", EnvSettingsSource(Settings)()),
        ("flag", {key: value for key, value in (flags or {}).items() if value is not None}),
    ):
        values |= layer
        layers |= dict.fromkeys(layer, origin)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        place = {"environment": f"environment variable MAID_{name.upper()}", "flag": f"flag --{name.replace('_', '-')}"}
        origin = layers.get(name, "")
        raise InvalidInput(
            f"setting {name} ({place.get(origin, origin)}): {first['msg']}, got {values.get(name)!r}.",
            hint=str(Settings.model_fields[name].description),
        ) from None
    settings._layers = layers
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"the settings file {path} cannot be read: {error}.", hint="Mend it or remove it.") from None
    if not isinstance(data, dict):
        raise InvalidInput(f"the settings file {path} is not a JSON object.", hint='Write settings as {"workers": 2}.')
    for name in data:
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, list(Settings.model_fields), n=1)
            raise InvalidInput(f"{path}: there is no setting {name!r}.", hint=f"Did you mean {near[0]!r}?" if near else "Remove it.")
    return data
