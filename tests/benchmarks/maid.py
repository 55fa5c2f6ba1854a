"""MAID under measurement: its real command, its rate taken from the rows that it stored."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from tests.benchmarks.clients import Load, Measured
from tests.benchmarks.pinned import CLIENT, Failed, run_pinned
from tests.benchmarks.target import Nginx

__all__ = ["MAID", "STATIC_GET", "Maid", "Run", "is_sent"]

#: The command that stands beside the interpreter in use.
MAID: Final = str(Path(sys.executable).parent / "maid")

_NOT_SENT: Final = ("dropped", "unsent", "aborted")

#: Recipe text with the places url, users, seconds and ca.
STATIC_GET: Final = """
schema: maid.recipe/v1
id: bench-static-get
title: Static GET
description: One request in a loop, as fast as it is answered.
target:
  base_url: "{url}"
  defaults: {{ gzip: false, tls: {{ ca: "{ca}" }} }}
load: {{ users: {users}, hold: {seconds}s }}
scenarios:
  - name: get
    steps:
      - get: /
"""


def is_sent() -> pl.Expr:
    """Rows of requests that left."""
    return ~pl.col("outcome").cast(pl.String).is_in(_NOT_SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished run: its record as `maid run --json` prints it, and its folder."""

    record: dict[str, Any]
    folder: Path

    @property
    def rows(self) -> pl.LazyFrame:
        """All rows of requests."""
        return pl.scan_parquet(self.folder / "requests.parquet")

    def measured(self) -> Measured:
        """Return requests ÷ seconds from the first start to the last end, over the rows that were sent."""
        found = self.rows.filter(is_sent()).select(count=pl.len(), start=pl.col("start").min(), end=pl.col("end").max())
        count, start, end = found.collect().row(0)
        failed = self.rows.filter(is_sent() & (pl.col("outcome").cast(pl.String) != "ok")).select(pl.len()).collect().item()
        if not count or failed:
            raise Failed(f"{failed} of {count} rows are not ok; see {self.folder}")
        return Measured(rate=count / (end - start) * 1e9, requests=count)


class Maid:
    """Runs recipes by `maid run`; every run is kept in a home of its own.

    Parameters
    ----------
    folder : Path
        Where recipes and homes go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._runs = 0

    def run(
        self,
        recipe: str,
        *,
        core: int | None = CLIENT,
        workers: int = 1,
        flags: tuple[str, ...] = (),
        limit_s: float = 120.0,
        suffix: str = ".yaml",
    ) -> Run:
        """Run a recipe text and return the run; `core` None leaves it to the scheduler."""
        self._runs += 1
        home = self._folder / f"home-{self._runs}"
        path = self._folder / f"test_{self._runs}{suffix}"
        path.write_text(recipe, encoding="utf-8")
        command = [MAID, "run", str(path), "--json", "--quiet", "--workers", str(workers), *flags]
        out = run_pinned(command, core=core, env={"MAID_HOME": str(home)}, limit_s=limit_s)
        record = json.loads(out)
        return Run(record=record, folder=home / "runs" / record["id"])

    def static_get(self, load: Load, server: Nginx, *, version: str = "auto") -> Measured:
        """Put the load of the peers into a recipe, run it, and hold its rows against the target's own count."""
        before = server.requests()
        text = STATIC_GET.format(url=load.url.rstrip("/"), users=load.connections, seconds=load.seconds, ca=server.ca)
        text = text.replace("gzip: false,", f'gzip: false, http_version: "{version}",')
        return self._held(self.run(text).measured(), server, before)

    def python(self, scenario: str, load: Load, server: Nginx) -> Measured:
        """Run a scenario in Python with the load of the peers, and hold its rows against the target's own count."""
        before = server.requests()
        flags = ("--host", load.url.rstrip("/"), "--users", str(load.connections), "--run-time", f"{load.seconds}s")
        return self._held(self.run(scenario, flags=flags, suffix=".py").measured(), server, before)

    def _held(self, found: Measured, server: Nginx, before: int) -> Measured:
        handled = server.requests() - before - 1
        note = "rows = requests at the target" if handled == found.requests else f"{found.requests} rows ≠ {handled} requests at the target"
        return Measured(rate=found.rate, requests=found.requests, note=note, complete=handled == found.requests)
