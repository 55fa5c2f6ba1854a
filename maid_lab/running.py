"""`maid_lab.run`: a test started from Python, in a script as in a notebook, and the handle of its run.

The lab lives on a loop of its own in a daemon thread, so that a run goes on whatever the caller does: a script that computes, a notebook whose
cell has ended.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401 - what it registers for the end must have been registered before ours
import logging
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from maid_lab.lab import Lab
from maid_lab.model.errors import InvalidInput, Missing

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    import polars as pl

    from maid_lab.model.recipe.loading import Loaded
    from maid_lab.model.run_record import RunRecord
    from maid_lab.model.snapshot import LiveStatus
    from maid_lab.services.code_mix import Part

__all__ = ["Run", "run"]

T = TypeVar("T")
log = logging.getLogger(__name__)

_OVERRIDES: Final = (
    "decrease_rate", "decrease_time", "host", "increase_rate", "increase_time", "iterations", "rate", "run_time", "scenarios", "seed",
    "test_plan", "throttle", "timeout", "users",
)  # fmt: skip
_CLOSE_S: Final = 30.0


class _Background:
    """A loop in a daemon thread with the labs that were opened on it, one for each home folder."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._labs: dict[Path, Lab] = {}

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, begun when first asked for."""
        with self._lock:
            if self._loop is None:
                loop = self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=loop.run_forever, name="maid lab", daemon=True)
                self._thread.start()
                # Before the executors of `concurrent.futures` end, which is earlier than `atexit`: closing a lab needs them.
                getattr(threading, "_register_atexit", atexit.register)(self.close)
            return self._loop

    async def lab(self) -> Lab:
        """Return the lab over the home folder that the settings name now."""
        from maid_lab.services.home import home_folder

        home = home_folder()
        lab = self._labs.get(home)
        if lab is None:
            lab = Lab.open(home)
            await lab.__aenter__()
            lab.bus.subscribe(_tell, ("maid:logs",))
            self._labs[home] = lab
        return lab

    def close(self) -> None:
        """Stop what is under way, keep its rows, and end all workers; the program is about to end."""
        loop, self._loop = self._loop, None
        if loop is None or not loop.is_running():
            return
        labs, self._labs = list(self._labs.values()), {}

        async def close() -> None:
            for lab in labs:
                await lab.close()

        asyncio.run_coroutine_threadsafe(close(), loop).result(_CLOSE_S)
        loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
        loop.close()


def _tell(_topic: str, entry: Mapping[str, Any]) -> None:
    """Say on the console what the code of a test should not have done: nobody looks into the run's log for that."""
    level = str(entry["level"])
    if level in ("warning", "error") and str(entry.get("source", "")).startswith("worker"):
        getattr(log, level)("%s", entry["message"])


_background: Final = _Background()


class Run:
    """A run that was started here.

    It goes on until its plan has ended, whatever becomes of the handle. `await run` and `run.wait()` wait for it; when the program ends before
    it does, the run is stopped and its rows are kept.

    Attributes
    ----------
    id : str
        Id of the run.
    """

    def __init__(self, lab: Lab, run_id: str) -> None:
        self._lab = lab
        self.id = run_id
        self._end = asyncio.run_coroutine_threadsafe(self._lab.runs.wait(run_id), _background.loop)

    def __repr__(self) -> str:
        try:
            status = self.status
        except Missing:
            return f"<run {self.id}>"
        return f"<run {self.id}: {status['status']}, {status['requests']} requests, {status['failures']} failed>"

    def __await__(self) -> Generator[Any, Any, RunRecord]:
        return asyncio.shield(asyncio.wrap_future(self._end)).__await__()

    def wait(self, timeout: float | None = None) -> RunRecord:
        """Wait for the end and return the record; Ctrl-C ends the wait, not the run.

        Raises
        ------
        TimeoutError
            If the run has not ended within `timeout` seconds.
        """
        return self._end.result(timeout)

    @property
    def is_done(self) -> bool:
        """Whether the run has ended and its record is final."""
        return self._end.done()

    def stop(self, reason: str = "stopped by request", *, mode: str = "graceful") -> None:
        """End the run: `graceful` lets answers under way arrive, `kill` cuts at once. A run that has ended stays as it is."""
        if mode not in ("graceful", "kill"):
            raise InvalidInput(f"a run is stopped by mode 'graceful' or 'kill', not {mode!r}.")
        self._on_loop(lambda: self._lab.runs.stop(mode=mode, reason=reason), otherwise=None)  # type: ignore[arg-type]

    def control(self, **changes: Any) -> dict[str, Any]:
        """Change the running load: `users`, `rate`, `paused`, `throttle`, `run_time`, `increase_rate`, `decrease_rate`, `test_plan`, `load`.

        Returns
        -------
        dict
            What holds from now on.

        Raises
        ------
        InvalidInput
            If a change cannot be understood.
        Conflict, Missing, Refused
            If the run has no such load, is over, or a cap would be exceeded.
        """
        from maid_lab.model.control import read_change

        change = read_change(changes)

        def missing() -> dict[str, Any]:
            raise Missing(f"run {self.id} is over.", hint="Start another one.")

        found: dict[str, Any] = self._on_loop(lambda: self._lab.runs.control(change, by="Python"), otherwise=missing)
        return found

    @property
    def status(self) -> LiveStatus:
        """The newest state: while the run lives a tenth of a second old, afterwards its last one.

        Raises
        ------
        Missing
            If its folder was removed.
        """
        status = self._lab.runs.status
        if status is not None and status["run_id"] == self.id and not self.is_done:
            return status
        from maid_lab.store.folders import RunFolder

        kept: Any = RunFolder(self._lab.home, self.id).read_status()
        if kept is None:
            raise Missing(f"run {self.id} has no status here.", hint="maid history lists runs.")
        return cast("LiveStatus", kept)

    @property
    def record(self) -> RunRecord:
        """The record: final when the run is over, as far as it is known before.

        Raises
        ------
        Missing
            If its folder was removed.
        """
        if self.is_done:
            return self._end.result()
        from maid_lab.store.folders import RunFolder

        record = RunFolder(self._lab.home, self.id).read_record()
        if record is None:
            raise Missing(f"run {self.id} has no record here.", hint="maid history lists runs.")
        return record

    @property
    def summary(self) -> dict[str, Any]:
        """Figures of the whole run and of each name: from the rows when it is over, from the live counts before."""
        if self.is_done:
            return dict(self._end.result().metrics_json)
        return dict(self.status)

    @property
    def requests(self) -> pl.LazyFrame:
        """One row for each request, also while the run lives."""
        return self._rows("requests")

    @property
    def transactions(self) -> pl.LazyFrame:
        """One row for each transaction, also while the run lives."""
        return self._rows("transactions")

    @property
    def iterations(self) -> pl.LazyFrame:
        """One row for each iteration, also while the run lives."""
        return self._rows("iterations")

    @property
    def events(self) -> pl.LazyFrame:
        """One row for each message of a stream, also while the run lives; see docs/streams.md for its columns."""
        return self._rows("events")

    def _rows(self, kind: str) -> pl.LazyFrame:
        from maid_lab.services.rows import rows_of_run

        return rows_of_run(self._lab.home, self.id, kind)

    def _on_loop(self, act: Callable[[], Any], *, otherwise: Callable[[], Any] | None) -> Any:
        """Do something to the run while it lives, on its loop."""

        async def work() -> Any:
            if self._lab.runs.live_run_id == self.id:
                return act()
            return otherwise() if otherwise is not None else None

        return _background.call(work())


def run(
    target: Any, *, load: Any = None, thresholds: Sequence[str] | None = None, name: str = "", tags: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None, preset: str = "", hosts: Sequence[str] = (), data: Mapping[str, Any] | None = None,
    shapes: Mapping[str, Any] | None = None, test_start: Any = None, test_stop: Any = None, wait: bool = False, **changes: Any,
) -> Run:  # fmt: skip
    """Start a test and return at once.

    Parameters
    ----------
    target : str, function or list
        Id, path or text of a recipe; a Python file (`users.py`, `users.py:browse`); a scenario; or a list of these, which share the users by
        weight: `[browse, (search, 3), ("rest-api", 2)]` gives entries another weight.
    load : mapping or list
        Load as in a recipe; takes the place of the recipe's own.
    thresholds : sequence of str
        Thresholds as in a recipe; take the place of the recipe's own.
    name, tags : str, sequence of str
        Name and tags of the run.
    parameters : mapping
        Parameters of the recipe; for functions any values, which they find as `user.parameters`.
    preset : str
        Preset of the recipe.
    hosts : sequence of str
        Further addresses that functions may reach.
    data, shapes : mapping
        Data frames for data sets of the recipe, and load shapes in Python.
    test_start, test_stop : async function
        What runs once before and after all users; by default what the scenarios' module marks as such.
    wait : bool
        Return when the run has ended.
    **changes
        Changes of the load and engine as on the command line: host, users, rate, run_time, increase_rate, increase_time, decrease_rate,
        decrease_time, iterations, test_plan, throttle, timeout, seed, scenarios.

    Raises
    ------
    InvalidInput
        If something cannot be understood; says what, and with a recipe where.
    Refused
        If the target is not allowed.
    Conflict
        If another run is under way.
    """
    unknown = [key for key in changes if key not in _OVERRIDES]
    if unknown:
        from maid_lab.model.nearest import did_you_mean

        raise InvalidInput(
            f"run has no option {unknown[0]!r}.", hint=did_you_mean(unknown[0], _OVERRIDES) or f"There are {', '.join(_OVERRIDES)}."
        )
    overrides = {key: value for key, value in changes.items() if value is not None}
    parts = _parts(target)
    functions = None if parts is None else [part.what for part in parts if not part.is_recipe]
    options: dict[str, Any]
    given: dict[str, Any] = {}
    if functions is None:
        if test_start is not None or test_stop is not None or hosts:
            raise InvalidInput("test_start, test_stop and hosts are for functions.", hint="A recipe has setup, teardown and target.hosts.")
        fields = {"load": load, "thresholds": list(thresholds) if thresholds is not None else None}
        options = {
            "changes": {key: value for key, value in fields.items() if value is not None},
            "preset": preset,
            "data": data,
            "shapes": shapes,
        }
        reference, given = str(target), dict(parameters or {})
    else:
        from maid_lab.services.code import code_source
        from maid_lab.services.code_mix import mixed

        if preset or data or shapes:
            raise InvalidInput("preset, data and shapes are for recipes.", hint="A function has its own Python for that.")
        recipes = _recipes_of(parts or [])
        declared = {each.key for loaded, _ in recipes if loaded.recipe is not None for each in loaded.recipe.parameters}
        given = {key: value for key, value in (parameters or {}).items() if key in declared}
        own = {key: value for key, value in (parameters or {}).items() if key not in declared}
        host = str(overrides.pop("host", ""))
        source = code_source(
            functions, host=host, name=name, load=load, thresholds=thresholds or (), parameters=own, hosts=hosts, setup=test_start,
            teardown=test_stop, is_part=bool(recipes),
        )  # fmt: skip
        source = mixed(source, recipes, parts=parts or [], host=host)
        options, reference = {"code": source}, source.recipe

    async def start() -> tuple[Lab, str]:
        lab = await _background.lab()
        plan = await lab.runs.plan(reference, given, overrides, **options)
        return lab, await lab.runs.start(plan, name=name, tags=tuple(tags))

    started = Run(*_background.call(_told(start())))
    if wait:
        started.wait()
    return started


def _recipes_of(parts: Sequence[Part]) -> list[tuple[Loaded, int | None]]:
    """Read the recipes of a list."""
    from maid_lab.services.home import home_folder
    from maid_lab.services.library import RecipeLibrary
    from maid_lab.services.planning import load_source

    named = [part for part in parts if part.is_recipe]
    library = RecipeLibrary(home_folder()) if named else None
    return [(load_source(library.find(part.what)), part.weight) for part in named if library is not None]


async def _told(work: Coroutine[Any, Any, T]) -> T:
    """Let an error say all findings: nobody else prints them here."""
    try:
        return await work
    except InvalidInput as error:
        findings = "\n".join(str(finding) for finding in error.diagnostics if finding.severity == "error")
        if findings and findings not in str(error):
            error.add_note(findings)
        raise


def _parts(target: Any) -> list[Part] | None:
    """Return the scenarios of a target, with recipes that stand among them; None for a recipe alone."""
    from maid_lab.services.code import is_code_reference
    from maid_lab.services.code_mix import Part, parts_of

    if isinstance(target, str) or hasattr(target, "__fspath__"):
        return parts_of([str(target)]) if is_code_reference(str(target)) else None
    if callable(target):
        return [Part(what=target)]
    if isinstance(target, list | tuple) and target:
        return parts_of(target)
    raise InvalidInput(
        f"{target!r} cannot be run.",
        hint="Give the id, path or text of a recipe, a Python file, an async function of a user, or a list of these.",
    )
