"""Data sets of scenarios in Python as those of a recipe, with their rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import InvalidInput
from maid_lab.model.planning.sources import DataError

if TYPE_CHECKING:
    from maid_lab.model.function_data import FunctionData
    from maid_lab.model.scenarios import ScenarioFunction

__all__ = ["FunctionSets"]

_DEFAULTS = {"order": "sequential", "per": "iteration", "on_end": "recycle", "unique": False}


class FunctionSets:
    """The data sets of several scenarios; one that two of them were given is one set, whose rows they share.

    Parameters
    ----------
    scenarios : sequence of ScenarioFunction
        Whose data they are.

    Attributes
    ----------
    tables : dict
        Rows by name of the set.

    Raises
    ------
    InvalidInput
        If a file is missing or not what its format says, or two sets have one name.
    """

    def __init__(self, scenarios: Sequence[ScenarioFunction]) -> None:
        self._names: dict[int, str] = {}
        self._sets: dict[str, FunctionData] = {}
        self.tables: dict[str, Any] = {}
        for scenario in scenarios:
            for key, each in scenario.data.items():
                if id(each) not in self._names:
                    self._add(each, key, scenario.name)

    def of(self, scenario: ScenarioFunction) -> tuple[tuple[str, str], ...]:
        """Return the keys of a scenario's code with the names of their sets."""
        return tuple((key, self._names[id(each)]) for key, each in scenario.data.items())

    def entries(self) -> list[dict[str, Any]]:
        """Return the sets as a recipe lists them."""
        found = []
        for name, each in self._sets.items():
            rules = {key: getattr(each, key) for key, default in _DEFAULTS.items() if getattr(each, key) != default}
            found.append({"name": name, "path": each.path or "(a table given from Python)", **rules})
        return found

    def _add(self, each: FunctionData, key: str, scenario: str) -> None:
        wanted = each.name or key or Path(each.path).stem or "rows"
        name = re.sub(r"^(?=\d)", "_", re.sub(r"[^A-Za-z0-9_]+", "_", wanted))
        if name in self._sets:
            if each.name:
                raise InvalidInput(
                    f"two data sets have the name {name!r}.", hint="Give one another name, or give both scenarios the same set."
                )
            name = next(f"{name}_{number}" for number in range(2, len(self._sets) + 3) if f"{name}_{number}" not in self._sets)
        self._names[id(each)] = name
        self._sets[name] = each
        self.tables[name] = _rows(each, name) if each.path else each.source
        if self.tables[name] is None:
            raise InvalidInput(
                f"scenario {scenario}: the rows of data set {name!r} did not travel with it.", hint="Give them where it is run."
            )


def _rows(each: FunctionData, name: str) -> Any:
    from pydantic import ValidationError

    from maid_lab.model.recipe.target import DataSet
    from maid_lab.services.datasets import read_data

    file = Path(each.path).expanduser().resolve()
    given = {"name": name, "path": file.name, "delimiter": each.delimiter, "types": each.types}
    try:
        data_set = DataSet.model_validate(given | ({"format": each.format} if each.format else {}))
        return read_data(data_set, file.name, file.parent)[0]
    except DataError as error:
        raise InvalidInput(
            f"data set {name!r}: {str(error).replace(file.name, each.path)}.", hint="Check the path and the format."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"data set {name!r}: {place}: {first['msg']}.", hint="See help(maid_lab.data).") from None
