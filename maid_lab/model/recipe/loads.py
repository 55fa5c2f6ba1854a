"""Load profiles and the short form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from maid_lab.model.nearest import did_you_mean
from maid_lab.model.recipe.base import Duration, Label, Node, Number, Percent, Rate, Template, ThresholdText, Tree, Whole, refuse

__all__ = [
    "PROFILES", "ConstantRate", "ConstantUsers", "Custom", "FindCapacity", "Iterations", "Load", "LoadBase", "OpenFields", "RampingRate",
    "RampingUsers", "RateStage", "Replay", "ShortForm", "Soak", "Spike", "Stage", "Steps", "UnitFields", "Wave", "WavePoint",
]  # fmt: skip


class LoadBase(Node):
    """What every profile has."""

    name: Label | None = None
    scenarios: list[str] | None = None
    start_at: Duration = 0.0
    graceful_stop: Duration = 30.0
    graceful_ramp_down: Duration = 30.0
    assignment: Literal["per-user", "per-iteration"] | None = None
    pace: Duration = 0.0


class OpenFields(Node):
    """What open profiles add."""

    max_users: Whole
    of: Literal["iterations", "requests"] = "iterations"
    arrivals: Literal["uniform", "poisson"] = "uniform"
    prewarm: Whole = 0


class UnitFields(Node):
    """Profiles whose level is users or a rate."""

    unit: Literal["users", "rate"] = "users"
    max_users: Whole | None = None
    of: Literal["iterations", "requests"] = "iterations"
    arrivals: Literal["uniform", "poisson"] = "uniform"
    prewarm: Whole = 0

    @model_validator(mode="after")
    def _rate_needs_users(self) -> Any:
        if self.unit == "rate" and self.max_users is None:
            refuse("E102", "unit: rate needs max_users: it bounds memory and what the target policy allows")
        foreign = [key for key in OpenFields.model_fields if key in self.model_fields_set]
        if self.unit == "users" and foreign:
            refuse("E105", f"{' and '.join(foreign)} are for a load by rate; add unit: rate, or leave them out")
        return self


class Stage(Node):
    """One linear stage."""

    duration: Duration
    target: Number


class RateStage(Node):
    """One linear stage of a rate."""

    duration: Duration
    target: Rate


class ConstantUsers(LoadBase):
    """A number of users, held for a time."""

    profile: Literal["constant-users"]
    users: Number
    duration: Duration
    ramp: Duration = 0.0
    ramp_down: Duration = 0.0


class RampingUsers(LoadBase):
    """Users in linear stages."""

    profile: Literal["ramping-users"]
    stages: list[Stage]
    start: Number = 0.0


class Iterations(LoadBase):
    """A number of loops of each user, or of all together."""

    profile: Literal["iterations"]
    users: Whole = 1
    iterations: Whole
    share: Literal["per-user", "shared"] = "per-user"
    max_duration: Duration = 600.0
    ramp: Duration = 0.0


class ConstantRate(LoadBase, OpenFields):
    """Starts per second, held for a time."""

    profile: Literal["constant-rate"]
    rate: Rate
    duration: Duration
    ramp: Duration = 0.0
    ramp_down: Duration = 0.0


class RampingRate(LoadBase, OpenFields):
    """Starts per second in linear stages."""

    profile: Literal["ramping-rate"]
    stages: list[RateStage]
    start: Rate = 0.0


class Steps(LoadBase, UnitFields):
    """Levels one above the other, each held."""

    profile: Literal["steps"]
    from_: Rate = Field(alias="from")
    to: Rate
    step: Rate
    step_duration: Duration
    ramp: Duration = 0.0


class Spike(LoadBase, UnitFields):
    """A base level with one peak."""

    profile: Literal["spike"]
    base: Rate
    peak: Rate
    at: Duration
    hold: Duration
    duration: Duration
    rise: Duration = 5.0
    fall: Duration = 5.0


class Soak(LoadBase):
    """A level held for hours, to see what grows."""

    profile: Literal["soak"]
    users: Number | None = None
    rate: Rate | None = None
    max_users: Whole | None = None
    hold: Duration
    ramp: Duration = 0.0
    ramp_down: Duration = 0.0
    arrivals: Literal["uniform", "poisson"] = "uniform"

    @model_validator(mode="after")
    def _one_level(self) -> Soak:
        if (self.users is None) is (self.rate is None):
            refuse("E105" if self.users is not None else "E102", "a soak has either users or rate")
        if self.rate is not None and self.max_users is None:
            refuse("E102", "a soak by rate needs max_users: it bounds memory and what the target policy allows")
        return self


class WavePoint(Node):
    """A point of a wave: where in the period, and the level there."""

    at: Percent
    value: Rate


class Wave(LoadBase, UnitFields):
    """A level that comes and goes by a period."""

    profile: Literal["wave"]
    duration: Duration
    period: Duration
    min: Rate | None = None
    max: Rate | None = None
    points: list[WavePoint] | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Wave:
        has_range = self.min is not None and self.max is not None
        if has_range is (self.points is not None):
            refuse("E105", "a wave has either min and max, or points")
        return self


class Replay(LoadBase):
    """Starts at the times of a recorded file."""

    profile: Literal["replay"]
    path: Template
    max_users: Whole
    speed: Number = 1.0


class FindCapacity(LoadBase):
    """A search for the highest level that holds its objectives."""

    profile: Literal["find-capacity"]
    unit: Literal["users", "rate"]
    from_: Rate = Field(alias="from")
    to: Rate
    slo: list[ThresholdText]
    max_users: Whole | None = None
    tolerance: Percent = 0.05
    probe: Duration = 30.0
    settle: Duration = 5.0
    max_probes: Whole = 12


class Custom(LoadBase):
    """A shape of an extension."""

    profile: Literal["custom"]
    shape: str
    duration: Duration
    config: Tree = None


#: Keys of the short form that exclude each other.
GROUPS = (
    ("ramp", "increase_time", "increase_rate"),
    ("hold", "duration", "run_time"),
    ("ramp_down", "decrease_time", "decrease_rate"),
    ("users", "rate", "test_plan"),
)


class ShortForm(LoadBase):
    """Goose's words, turned into one of the profiles."""

    users: Number | None = None
    rate: Rate | None = None
    max_users: Whole | None = None
    ramp: Duration | None = None
    increase_time: Duration | None = None
    increase_rate: Rate | None = None
    hold: Duration | None = None
    duration: Duration | None = None
    run_time: Duration | None = None
    ramp_down: Duration | None = None
    decrease_time: Duration | None = None
    decrease_rate: Rate | None = None
    iterations: Whole | None = None
    test_plan: Template | None = None

    @model_validator(mode="after")
    def _exclusive(self) -> ShortForm:
        given = self.model_fields_set
        for group in GROUPS:
            chosen = [key for key in group if key in given]
            if len(chosen) > 1:
                refuse("E105", f"{' and '.join(chosen)} exclude each other; keep one")
        levels = given - set(LoadBase.model_fields)
        if "test_plan" in given and levels != {"test_plan"}:
            refuse("E105", f"test_plan excludes {', '.join(sorted(levels - {'test_plan'}))}")
        times = [key for key in GROUPS[1] + GROUPS[2] if key in given]
        if "iterations" in given and times:
            refuse("E105", f"iterations excludes {', '.join(times)}")
        self._complete(given)
        return self

    def _complete(self, given: set[str]) -> None:
        if not given & {"users", "rate", "test_plan"}:
            refuse("E102", "the load needs users, rate or test_plan (or a profile)")
        if "rate" in given and self.max_users is None:
            refuse("E102", "an open load (rate) needs max_users: it bounds memory and what the target policy allows")
        if not given & {"test_plan", "iterations", *GROUPS[1]}:
            refuse("E102", "the load needs an end: hold, duration, run_time or iterations")


_CLASSES: dict[str, type[LoadBase]] = {
    "constant-users": ConstantUsers,
    "ramping-users": RampingUsers,
    "iterations": Iterations,
    "constant-rate": ConstantRate,
    "ramping-rate": RampingRate,
    "steps": Steps,
    "spike": Spike,
    "soak": Soak,
    "wave": Wave,
    "replay": Replay,
    "find-capacity": FindCapacity,
    "custom": Custom,
}
PROFILES = tuple(_CLASSES)


def _known_profile(data: Any) -> Any:
    if isinstance(data, dict) and "profile" in data:
        profile = data["profile"]
        if not isinstance(profile, str) or profile not in _CLASSES:
            refuse("E109", f"there is no load profile {profile!r}. {did_you_mean(str(profile), PROFILES)}", at="profile")
    elif not isinstance(data, dict):
        refuse("E103", "a load is a mapping such as {users: 20, run_time: 1m}")
    return data


def _tag(data: Any) -> str:
    return str(data.get("profile", "short")) if isinstance(data, dict) else "short"


Load = Annotated[
    Annotated[ConstantUsers, Tag("constant-users")]
    | Annotated[RampingUsers, Tag("ramping-users")]
    | Annotated[Iterations, Tag("iterations")]
    | Annotated[ConstantRate, Tag("constant-rate")]
    | Annotated[RampingRate, Tag("ramping-rate")]
    | Annotated[Steps, Tag("steps")]
    | Annotated[Spike, Tag("spike")]
    | Annotated[Soak, Tag("soak")]
    | Annotated[Wave, Tag("wave")]
    | Annotated[Replay, Tag("replay")]
    | Annotated[FindCapacity, Tag("find-capacity")]
    | Annotated[Custom, Tag("custom")]
    | Annotated[ShortForm, Tag("short")],
    Discriminator(_tag),
    BeforeValidator(_known_profile),
]
