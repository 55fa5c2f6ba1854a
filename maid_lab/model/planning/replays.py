"""Replays: starts at the times of a recording, with what stands beside them as their row."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from maid_lab.model import profiles
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.plan import Load
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.load_reader import LoadReader
from maid_lab.model.planning.sources import DataError, ReadRecording
from maid_lab.model.recipe.loads import Replay
from maid_lab.model.recipe.top import Recipe, Scenario

__all__ = ["Recordings", "recorded_fields", "replayed"]

_OFFSET: Final = "offset"
_SCENARIO: Final = "scenario"
_MOST_STARTS: Final = 1_000_000
_SHOWN: Final = 3
#: Stands for a scenario that the caller left out.
_LEFT_OUT: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """Where recordings are read from, and which scenarios their starts may name.

    Attributes
    ----------
    scenarios : list of Scenario
        Those that the caller chose; a load's order has their indexes.
    """

    read: ReadRecording
    base_dir: Path | None
    recipe: Recipe
    scenarios: list[Scenario]


def replayed(load: Replay, base: Load, read: LoadReader, recordings: Recordings, context: Context) -> Load:
    """Return a replay with its due times.

    Raises
    ------
    PlanningError
        If the recording cannot be read or a line of it makes no sense; the findings name the lines.
    ValueError
        If `max_users` or `speed` is 0.
    """
    path, speed, max_users = read.text("path"), read.level("speed"), read.whole("max_users")
    if max_users < 1:
        raise ValueError("max_users is 0, so no start would find a user")
    if not 0 < speed < math.inf:
        raise ValueError(f"speed {speed:g} would never end; it is 1 for the recorded speed, 2 for twice as fast")
    pointer = f"{read.pointer}/path"
    try:
        lines = recordings.read(path, recordings.base_dir)
    except DataError as error:
        context.add(error.code, f"the recording: {error}", "Check the path and the file.", pointer)
        raise PlanningError from None
    starts = _Starts(load, base.order, recordings)
    for line, fields in lines:
        starts.take(line, fields)
    for problem in starts.problems[:_SHOWN]:
        context.add("E306", f"{path}, {problem}", "Mend the recording: offset is seconds from its start, in ascending order.", pointer)
    if len(starts.problems) > _SHOWN:
        more = f"{path}: {len(starts.problems) - _SHOWN:,} more lines are wrong"
        context.add("E306", more, "Mend the recording.", pointer)
    if not starts.problems and not starts.offsets:
        context.add("E231", f"{path} has no start of the scenarios that were chosen", "Choose others.", pointer)
    if len(starts.offsets) > _MOST_STARTS:
        message = f"{path} has {len(starts.offsets):,} starts; at most {_MOST_STARTS:,} are replayed"
        context.add("E402", message, "Split the recording.", pointer)
    if starts.problems or not 0 < len(starts.offsets) <= _MOST_STARTS:
        raise PlanningError
    due = tuple(offset / speed for offset in starts.offsets)
    rows = tuple(starts.rows) if any(starts.rows) else ()
    context.check_known({"path": rows}, read.pointer)
    return replace(
        base, model="rate", max_users=max_users, segments=profiles.density(due), due_s=due, rows=rows, order=starts.order()
    )  # fmt: skip


def recorded_fields(scenarios: Sequence[Scenario], loads: Sequence[Load], context: Context) -> dict[str, frozenset[str]]:
    """Return what `row` has in each scenario that takes it from a recording; a data set beside it would be a second `row` (E230)."""
    result: dict[str, frozenset[str]] = {}
    for load in loads:
        if not load.rows:
            continue
        fields = frozenset(key for row in load.rows for key in row)
        for index in set(load.order):
            name = scenarios[index].name
            result[name] = result.get(name, frozenset()) | fields
            if scenarios[index].data is not None:
                message = f"scenario {name!r} has its row from the data set {scenarios[index].data!r} and from the replay {load.name!r}"
                context.add("E230", message, "Leave data out of the scenario, or the other columns out of the recording.", "/scenarios")
    return result


class _Starts:
    """The starts of a recording, and what is wrong with its lines."""

    def __init__(self, load: Replay, order: Sequence[int], recordings: Recordings) -> None:
        patterns = load.scenarios or ["*"]
        self._indexes = {
            scenario.name: index
            for index, scenario in enumerate(recordings.scenarios)
            if any(fnmatch.fnmatchcase(scenario.name, pattern) for pattern in patterns)
        }
        chosen = {scenario.name for scenario in recordings.scenarios}
        #: Scenarios of the recipe that the caller left out: their starts are left out too.
        self._left_out = {scenario.name for scenario in recordings.recipe.scenarios} - chosen
        self._turn = tuple(order)
        self._last = (0.0, 0)
        self._scenarios: list[int | None] = []
        self.offsets: list[float] = []
        self.rows: list[dict[str, Any]] = []
        self.problems: list[str] = []

    def take(self, line: int, fields: Mapping[str, Any]) -> None:
        """Take one line, or note what is wrong with it."""
        try:
            offset, scenario = self._offset(line, fields), self._scenario(fields)
        except ValueError as error:
            self.problems.append(f"line {line}: {error}")
            return
        if scenario != _LEFT_OUT:
            self.offsets.append(offset)
            self._scenarios.append(scenario)
            self.rows.append({str(key): value for key, value in fields.items() if key not in (_OFFSET, _SCENARIO)})

    def order(self) -> tuple[int, ...]:
        """Return the scenario of each start: the one it names, else the load's order in turn; as short as it can be said."""
        if not any(index is not None for index in self._scenarios):
            return self._turn
        turn = islice(cycle(self._turn), len(self._scenarios))
        return tuple(own if index is None else index for own, index in zip(turn, self._scenarios, strict=True))

    def _offset(self, line: int, fields: Mapping[str, Any]) -> float:
        if _OFFSET not in fields:
            raise ValueError("it has no offset")
        written = fields[_OFFSET]
        try:
            offset = float(written) if isinstance(written, str | int | float) and not isinstance(written, bool) else math.nan
        except ValueError:
            offset = math.nan
        if not math.isfinite(offset):
            raise ValueError(f"offset is {str(written)[:40]!r}, not a number of seconds")
        if offset < 0:
            raise ValueError(f"offset {offset:g} is before the start")
        before, place = self._last
        if offset < before:
            raise ValueError(f"offset {offset:g} is before {before:g} of line {place}")
        self._last = (offset, line)
        return offset

    def _scenario(self, fields: Mapping[str, Any]) -> int | None:
        name = fields.get(_SCENARIO)
        if name is None or name == "":
            return None
        text = str(name)
        if text in self._left_out:
            return _LEFT_OUT
        if text not in self._indexes:
            raise ValueError(f"there is no scenario {text[:40]!r} in this load. {did_you_mean(text, self._indexes)}".strip())
        return self._indexes[text]
