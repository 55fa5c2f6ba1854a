"""What planning asks of whoever reads files for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maid_lab.model.recipe.target import DataSet

__all__ = ["DataError", "ReadData", "ReadRecording", "nothing_recorded"]


class DataError(ValueError):
    """A data set or recording that cannot be read.

    Attributes
    ----------
    code : str
        E304, E305, E306 or E402.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


#: Reads the rows of a data set and returns them with the SHA-256 of the file, empty for inline rows. Raises `DataError`.
ReadData = Callable[[DataSet, str, Path | None], tuple[tuple[dict[str, Any], ...], str]]

#: Reads a recording of starts: number of the line and what stands there, for each line. Raises `DataError`.
ReadRecording = Callable[[str, Path | None], Sequence[tuple[int, Mapping[str, Any]]]]


def nothing_recorded(_path: str, _base_dir: Path | None) -> Sequence[tuple[int, Mapping[str, Any]]]:
    """Refuse a recording where no files are read."""
    raise DataError("E306", "recordings cannot be read here")
