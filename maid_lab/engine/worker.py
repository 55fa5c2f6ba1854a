"""A worker process: `python -m maid_lab.engine.worker --fd N`.

It imports, says hello, and waits. It makes load only between `start` and the end of its lease, and it ends when the other side of its
socket is gone, so that no load can outlive its supervisor, whatever happened to it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

from maid_lab.engine.recording.capture import Capture
from maid_lab.engine.recording.recorder import Fold, Recorder
from maid_lab.engine.shard import Shard
from maid_lab.engine.timers import Timers
from maid_lab.engine.wire import LEASE_S, SNAPSHOT_S, Message, read_message, write_message
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.plan import Plan, Segment, plan_from_json, plan_to_json
from maid_lab.model.redaction import Redactor
from maid_lab.model.rows import Outcome

__all__ = ["Worker", "main"]

_NS: Final = 1_000_000_000
_SWEEP_MIN_S: Final = 0.01
_SWEEP_MAX_S: Final = 0.05
_TEARDOWN_LIMIT_S: Final = 60.0


class Worker:
    """One worker and its conversation with the supervisor.

    Parameters
    ----------
    reader, writer
        The two directions of the socket to the supervisor.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._timers = Timers(self._loop)
        self._shard: Shard | None = None
        self._recorder: Recorder | None = None
        self._capture: Capture | None = None
        self._redactor = Redactor()
        self._identity: Message = {}
        self._sequence = 0
        self._requests = 0
        self._sent_at: dict[int, float] = {}
        self._lease_until = float("inf")
        self._is_running = False
        self._is_finished = False
        self._cpu_ns = time.process_time_ns()
        self._wall_ns = time.monotonic_ns()
        self._loop_lag_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Talk until the supervisor says `exit` or is gone."""
        self._send({"type": "hello", "pid": os.getpid()})
        while (message := await read_message(self._reader)) is not None:
            if message["type"] == "exit":
                break
            try:
                self._handle(message)
            except Exception as error:
                self._fatal(f"{type(error).__name__}: {error}")
        if self._shard is not None:
            self._shard.kill()
        self._close_recorder()

    # ---- messages

    def _handle(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lease":
            sent = self._sent_at.pop(message["seq"], None)
            if sent is not None:
                self._lease_until = sent + LEASE_S
        elif kind == "init":
            self._init(message)
        elif kind in ("setup", "teardown"):
            self._once(kind, message)
        elif kind == "start":
            self._start(message)
        elif self._shard is not None:
            _order(self._shard, message)

    def _init(self, message: Message) -> None:
        plan: Plan = plan_from_json(message["plan"])
        worker, workers, epoch = message["worker"], message["workers"], message["epoch"]
        self._identity = {"worker": worker, "epoch": epoch}
        options = CaptureOptions(**message.get("capture") or {})
        self._recorder = Recorder(Path(message["folder"]), worker=worker, epoch=epoch, open_model=plan.is_open, keeps=options.rows)
        self._redactor = Redactor(message["secrets"].values())
        self._recorder.redact = self._redactor.text
        self._recorder.on_failure = self._rows_failing
        self._capture = Capture(
            Path(message["folder"]),
            worker=worker,
            epoch=epoch,
            options=options,
            redactor=self._redactor,
            label_of=lambda number: self._shard.label(number) if self._shard is not None else plan.labels[number],
            recorder=self._recorder,
            log=self._log,
        )
        self._shard = Shard(
            plan,
            run_id=message["run_id"],
            worker=worker,
            workers=workers,
            loop=self._loop,
            recorder=self._recorder,
            timers=self._timers,
            secrets=message["secrets"],
            log=self._log,
            capture=self._capture,
        )
        # What exists now stays until the end: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self._send({"type": "ready"})

    def _once(self, kind: str, message: Message) -> None:
        shard = self._shard
        if shard is None:
            return
        shard.zero_ns = shard.zero_ns or message["zero_ns"]
        if self._recorder is not None:
            self._recorder.zero_ns = shard.zero_ns
        plan = shard.plan
        steps, code = (plan.setup, plan.setup_code) if kind == "setup" else (plan.teardown, plan.teardown_code)
        self._begin_ticking()

        def done(user: Any, error: str) -> None:
            # The run may end with this: its rows are counted before it is said.
            self._tick()
            self._send({"type": f"{kind}-done", "error": self._redactor.text(error), "variables": _plain(user.kept)})

        if code is not None:
            shard.run_code_once(code, kind, done)
        else:
            shard.run_once(steps, done)

    def _start(self, message: Message) -> None:
        shard, recorder = self._shard, self._recorder
        if shard is None or recorder is None:
            return
        zero_ns = message["zero_ns"]
        wall_ns = time.time_ns() - time.monotonic_ns() + zero_ns
        clock = {**self._identity, "pid": os.getpid(), "wall_ns_at_zero": wall_ns}
        Path(message["folder"], f"clock-{clock['worker']}-{clock['epoch']}.json").write_text(json.dumps(clock), encoding="utf-8")
        self._is_running = True
        shard.start(zero_ns, message["variables"])
        self._begin_ticking()

    # ---- ticking

    def _begin_ticking(self) -> None:
        if self._tasks:
            return
        for coroutine in (self._snapshots(), self._sweeps()):
            task = self._loop.create_task(coroutine)
            self._tasks.add(task)

    async def _snapshots(self) -> None:
        due = self._loop.time()
        while True:
            due += SNAPSHOT_S
            await asyncio.sleep(due - self._loop.time())
            self._loop_lag_s = max(0.0, self._loop.time() - due)
            if self._loop_lag_s > SNAPSHOT_S:
                due = self._loop.time()
            self._tick()

    async def _sweeps(self) -> None:
        shard = self._shard
        if shard is None:
            return
        while True:
            await asyncio.sleep(_SWEEP_MIN_S if len(shard.connections) < 100 else _SWEEP_MAX_S)
            shard.sweep(time.monotonic_ns())

    def _tick(self) -> None:
        shard, recorder = self._shard, self._recorder
        if shard is None or recorder is None:
            return
        fold = recorder.take()
        if recorder.failure is not None:
            return
        now_ns, cpu_ns = time.monotonic_ns(), time.process_time_ns()
        self._sequence += 1
        self._requests += _requests_in(fold, shard)
        self._sent_at[self._sequence] = time.monotonic()
        snapshot = {
            "type": "snapshot",
            **self._identity,
            "seq": self._sequence,
            "at_ns": now_ns - shard.zero_ns,
            "users": shard.users,
            "in_flight": shard.in_flight,
            "cpu": round((cpu_ns - self._cpu_ns) / max(1, now_ns - self._wall_ns), 3),
            "loop_lag_ms": round(self._loop_lag_s * 1000, 3),
            "rows_total": recorder.rows,
            "requests_total": self._requests,
            "new_errors": recorder.new_errors,
            "new_labels": [(number, plan_to_json(label)) for number, label in recorder.new_labels],
            "end": [self._redactor.text(shard.end_reason), shard.end_failed] if shard.end_reason else None,
            "dry": shard.dry,
            "done": self._is_running and shard.is_done,
            **fold.to_message(),
        }
        recorder.new_errors, recorder.new_labels = [], []
        self._cpu_ns, self._wall_ns = cpu_ns, now_ns
        self._send(snapshot)
        if time.monotonic() > self._lease_until and not shard.is_ending:
            self._log("error", "the lease ran out: the supervisor did not answer for 3 s; the load was stopped")
            shard.kill()

    # ---- ends

    def _rows_failing(self, error: OSError) -> None:
        # The load ends from the loop, not in the midst of the answer whose row did not fit.
        self._loop.call_soon(self._rows_failed, error)

    def _rows_failed(self, error: OSError) -> None:
        if self._shard is not None:
            self._shard.kill()
        self._fatal(f"rows cannot be written: {error.strerror or error}; what was written before is kept")

    def _fatal(self, text: str) -> None:
        if not self._is_finished:
            self._is_finished = True
            self._send({"type": "fatal", "error": self._redactor.text(text)})

    def _close_recorder(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._recorder is not None:
            with contextlib.suppress(OSError):
                self._recorder.close()
        if self._capture is not None:
            self._capture.close()

    def _log(self, level: str, text: str) -> None:
        at_s = (time.monotonic_ns() - self._shard.zero_ns) / _NS if self._shard is not None and self._shard.zero_ns else 0.0
        self._send({"type": "log", "level": level, "message": self._redactor.text(text), "t_s": round(at_s, 3)})

    def _send(self, message: Message) -> None:
        if not self._writer.is_closing():
            write_message(self._writer, message)


def _requests_in(fold: Fold, shard: Shard) -> int:
    """Return how many requests were sent and have ended: from counts that exist anyway, so that counting costs no request anything."""
    ended = (count for (label, outcome), count in fold.outcomes.items() if outcome < Outcome.DROPPED and shard.label(label).is_request)
    return sum(ended)


def _order(shard: Shard, message: Message) -> None:
    """Carry out what the supervisor orders while the load runs."""
    kind = message["type"]
    if kind == "stop" and message["mode"] == "kill":
        shard.kill()
    elif kind == "stop":
        shard.stop(message["deadline_s"])
    elif kind == "replan":
        shard.replan(message["load"], tuple(_segment(piece) for piece in message["segments"]))
    elif kind == "pause":
        shard.pause()
    elif kind == "resume":
        shard.resume()
    elif kind == "throttle":
        shard.throttle(message["rate_per_s"])


def _segment(piece: list[float]) -> Segment:
    start_s, end_s, level_from, level_to = piece
    return Segment(start_s=start_s, end_s=end_s, level_from=level_from, level_to=level_to)


def _plain(variables: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(variables, default=str))  # type: ignore[no-any-return]


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(fd: int) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=fd), limit=2**20)
    await Worker(reader, writer).run()
    writer.close()


def main() -> None:
    """Run a worker on the socket that was inherited."""
    parser = argparse.ArgumentParser(prog="maid_lab.engine.worker")
    parser.add_argument("--fd", type=int, required=True)
    fd = parser.parse_args().fd
    # Ctrl-C goes to the whole foreground group; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _raise_file_limit()
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve(fd))
    else:
        uvloop.run(_serve(fd))
    sys.stdout.flush()
    os._exit(0)  # nothing is left to save, and interpreter shutdown would delay the end of a run by 50 ms


if __name__ == "__main__":
    main()
