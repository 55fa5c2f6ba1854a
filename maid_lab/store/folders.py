"""Run folders: the truth about runs. The catalogue can always be rebuilt from them."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from maid_lab.model.errors import EngineFailure, InvalidInput, Missing
from maid_lab.model.plan import Plan, plan_from_json, plan_to_json
from maid_lab.model.run_record import RunRecord

__all__ = ["RunFolder", "require_space", "run_folders", "write_atomically"]

_RUN_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
#: Times of a plan that its course may replace.
_COURSE: Final = ("warmup_end_s", "duration_s", "measured_until_s")
_SPOOL: Final = re.compile(r"spool-(\d+)-(\d+)\.rows")
_numbers = itertools.count()


class RunFolder:
    """Files of one run.

    Parameters
    ----------
    home : Path
        Home folder of the store.
    run_id : str
        Identity of the run.

    Raises
    ------
    InvalidInput
        If the id could name another folder than a run's.
    """

    def __init__(self, home: Path, run_id: str) -> None:
        if not _RUN_ID.fullmatch(run_id):
            raise InvalidInput(f"{run_id!r} is not the id of a run.", hint="maid history lists runs.")
        self.run_id = run_id
        self.path = home / "runs" / run_id

    def __fspath__(self) -> str:
        return str(self.path)

    def create(self) -> RunFolder:
        """Make the folder, for its owner alone."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    @property
    def exists(self) -> bool:
        """Whether the folder is there."""
        return self.path.is_dir()

    def rows_path(self, kind: str = "requests") -> Path:
        """Return the Parquet file of requests, transactions, iterations or events."""
        return self.path / f"{kind}.parquet"

    def spool_paths(self) -> list[Path]:
        """Return the spool files that are there, by worker and epoch."""
        return sorted((path for path in self.path.glob("spool-*.rows") if _SPOOL.fullmatch(path.name)), key=_worker_and_epoch)

    def events_path(self, worker: int, epoch: int) -> Path:
        """Return where a worker writes the messages of its streams."""
        return self.path / f"events-{worker}-{epoch}.rows"

    def write_plan(self, plan: Plan) -> None:
        """Write `plan.json`."""
        write_atomically(self.path / "plan.json", json.dumps(plan_to_json(plan), ensure_ascii=False))

    def read_plan(self) -> Plan:
        """Read `plan.json`; where measuring begins and ends, and how long the run was to take, as it came about (see `write_course`).

        Raises
        ------
        Missing
            If there is none that can be read.
        """
        data = self._read("plan.json")
        if data is None:
            raise Missing(f"run {self.run_id} has no readable plan.json in {self.path}.", hint="Its rows cannot be named without it.")
        plan: Plan = plan_from_json(data)
        course = self._read("course.json")
        return replace(plan, **{key: course[key] for key in _COURSE if key in course}) if isinstance(course, dict) else plan

    def write_course(self, course: Mapping[str, Any]) -> None:
        """Write `course.json`: what pauses and changes made of the plan's times."""
        write_atomically(self.path / "course.json", json.dumps(course))

    def write_record(self, record: RunRecord) -> None:
        """Write `run.json`."""
        write_atomically(self.path / "run.json", json.dumps(record.to_json(), ensure_ascii=False))

    def read_record(self) -> RunRecord | None:
        """Read `run.json`; None when there is none that can be read."""
        data = self._read("run.json")
        return RunRecord.from_json(data) if isinstance(data, dict) and "id" in data else None

    def read_status(self) -> dict[str, Any] | None:
        """Read the supervisor's newest status; None when there is none."""
        data = self._read("status.json")
        return data if isinstance(data, dict) else None

    def read_series(self) -> list[dict[str, Any]]:
        """Return the figures by second; a cut last line is left out."""
        return list(_lines(self.path / "series.jsonl"))

    def read_log(self) -> list[dict[str, Any]]:
        """Return the log entries; a cut last line is left out."""
        return list(_lines(self.path / "log.jsonl"))

    def size(self) -> int:
        """Return the bytes of all files; those that go meanwhile do not count."""
        return sum(map(_bytes_of, self.path.rglob("*")))

    def remove(self) -> None:
        """Delete the folder with everything in it; one that is gone already is no error."""
        if self.exists:
            shutil.rmtree(self.path)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def run_folders(home: Path) -> Iterator[RunFolder]:
    """Yield all run folders, oldest first: ids sort by time."""
    root = home / "runs"
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.is_dir() and _RUN_ID.fullmatch(path.name):
            yield RunFolder(home, path.name)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, and a machine that loses power, sees the old content or the new, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def require_space(home: Path, least: int) -> None:
    """Refuse when fewer than `least` bytes are free: a full disk is the usual cause of lost rows.

    Raises
    ------
    EngineFailure
        With both figures.
    """
    free = shutil.disk_usage(home).free
    if free < least:
        message = f"only {free / 2**20:.0f} MiB are free at {home}; {least / 2**20:.0f} MiB are needed."
        raise EngineFailure(message, hint="Make room, or set MAID_HOME to a larger disk.")


def _worker_and_epoch(path: Path) -> tuple[int, ...]:
    return tuple(map(int, path.stem.split("-")[1:]))


def _bytes_of(path: Path) -> int:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
