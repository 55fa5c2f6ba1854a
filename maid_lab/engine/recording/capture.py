"""What a worker keeps of exchanges beside their rows: failure samples, requests, debug lines. Never on the quick path.

Three kinds of files in the run's folder, JSON lines each: `samples.jsonl` (all workers append to it), `captured-<worker>-<epoch>.jsonl` and
`debug-<worker>-<epoch>.jsonl`. They are written before the rows they belong to, so that who follows the rows finds them.
"""

from __future__ import annotations

import json
import os
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.recording.exchange import Exchanges
from maid_lab.engine.recording.writing import write_whole
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maid_lab.engine.http.connection import Connection
    from maid_lab.engine.http.request import Request
    from maid_lab.engine.recording.recorder import Recorder
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Label
    from maid_lab.model.rows import Outcome

__all__ = ["Capture"]

#: Bytes of lines kept back until the next flush.
_BUFFER: Final = 256 * 1024
#: Failed exchanges kept in all: names made while running could be many.
_MAX_SAMPLES: Final = 500
#: Constant requests are few; each that is not constant is another one and pushes the others out.
_REMEMBERED: Final = 256

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


class _Lines:
    """One file of lines; opened when the first comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._lines: list[bytes] = []
        self._size = 0

    def open(self) -> None:
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def add(self, text: str) -> int:
        line = text.encode("utf-8", "replace") + b"\n"
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _BUFFER:
            self.flush()
        return len(line)

    def flush(self) -> None:
        if not self._lines:
            return
        # Forgotten first: after an error they are not tried again.
        data, self._lines, self._size = b"".join(self._lines), [], 0
        self.open()
        write_whole(self._fd, data)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Capture:
    """Keeps exchanges of one worker.

    Parameters
    ----------
    folder : Path
        The run's folder.
    worker, epoch : int
        Which worker writes, and the generation of its shard.
    options : CaptureOptions
        What is kept.
    redactor : Redactor
        Knows the secrets of the run.
    label_of : callable
        Returns the label of a number.
    recorder : Recorder
        For the zero of the run; it flushes this before its rows.
    log : callable
        `log(level, message)`; told once when nothing more is kept.
    """

    def __init__(
        self,
        folder: Path,
        *,
        worker: int,
        epoch: int,
        options: CaptureOptions,
        redactor: Redactor,
        label_of: Callable[[int], Label],
        recorder: Recorder,
        log: Callable[[str, str], None],
    ) -> None:
        self.options = options
        self.redactor = redactor
        self._identity = {"worker": worker, "epoch": epoch}
        self._exchanges = Exchanges(redactor, options.body_bytes)
        self._label_of = label_of
        self._recorder = recorder
        self._log = log
        self._written_requests: dict[Request, str] = {}
        self._counts: dict[tuple[int, int], int] = {}
        self._samples = 0
        self._written = 0
        self._is_full = False
        self._sample_file = _Lines(folder / "samples.jsonl")
        self._request_file = _Lines(folder / f"captured-{worker}-{epoch}.jsonl")
        self._debug_file = _Lines(folder / f"debug-{worker}-{epoch}.jsonl")
        # Files that are there and empty say that nothing happened; missing ones, that nobody asked.
        for file, is_wanted in ((self._request_file, options.requests), (self._debug_file, options.debug)):
            if is_wanted:
                file.open()
        recorder.before_flush = self.flush

    # ---- what the engine calls

    def failure(self, connection: Connection, label: int, outcome: Outcome, error: str, now: int) -> None:
        """Keep a failed exchange as a sample, as long as there are few of its name and outcome, and in the debug log when that is on."""
        count = self._counts.get((label, outcome), 0)
        is_sample = count < self.options.samples and self._samples < _MAX_SAMPLES
        if not (is_sample or (self.options.debug and not self._is_full)):
            return
        user = connection.user
        request, answer = self._exchanges.pair(user, user.request, connection.head, connection.kept_body)
        entry = {
            **self._whose(user, label),
            "start": connection.start - self._recorder.zero_ns,
            "end": now - self._recorder.zero_ns,
            "outcome": outcome.word,
            "error": self.redactor.text(error),
            "status": answer["status"] if answer is not None else -1,
        }
        if is_sample:
            self._counts[label, outcome] = count + 1
            self._samples += 1
            number = f"{self._identity['worker']}-{self._identity['epoch']}-{self._samples}"
            self._keep(self._sample_file, _encode({"id": number, **entry, "request": request, "response": answer}), is_counted=False)
            self._flush(self._sample_file)
        if self.options.debug:
            self._debug({"tag": entry["error"], "at": entry["end"], **entry}, request, answer)

    def request(self, connection: Connection, label: int) -> None:
        """Keep the request of an exchange; its row has the same start, user and label."""
        if self._is_full:
            return
        user = connection.user
        request: Request = user.request
        # A constant request is one object for all users: it is masked and written down once.
        text = self._written_requests.get(request) if user.jar is None else None
        if text is None:
            text = _encode(self._exchanges.request(user, request))
            if user.jar is None:
                if len(self._written_requests) >= _REMEMBERED:
                    self._written_requests.clear()
                self._written_requests[request] = text
        start = connection.start - self._recorder.zero_ns
        self._keep(self._request_file, f'{{"start":{start},"user":{user.number},"label":{label},"request":{text}}}')

    def debug(self, tag: str, user: VirtualUser | None, request_text: str = "", head: str = "", body: str | bytes = "") -> None:
        """Write a line of a scenario into the debug log; without the log it is nothing.

        Parameters
        ----------
        tag : str
            What the line is about.
        user : VirtualUser or None
            Who writes it.
        request_text : str
            The request as text: request line, headers, empty line, body.
        head : str
            Head of the answer: status line and headers.
        body : str or bytes
            Body of the answer; cut to the limit of the log.
        """
        if not self.options.debug:
            return
        whose = self._whose(user, user.program.label) if user is not None else dict(self._identity)
        text, is_cut = self._exchanges.cut(body.decode("utf-8", "replace") if isinstance(body, bytes) else body)
        self._debug_line(
            {"tag": self.redactor.text(tag), "at": monotonic_ns() - self._recorder.zero_ns, **whose},
            {"request": _raw_request(request_text, self._exchanges), "header": self._head(head), "body": text, "truncated": is_cut},
        )

    def flush(self) -> None:
        """Write what is kept back; on a full disk capture ends and the run goes on."""
        for file in (self._sample_file, self._request_file, self._debug_file):
            self._flush(file)

    def close(self) -> None:
        """Write what is kept back and close the files."""
        self.flush()
        for file in (self._sample_file, self._request_file, self._debug_file):
            file.close()

    # ---- parts

    def _whose(self, user: VirtualUser, number: int) -> dict[str, Any]:
        label = self._label_of(number)
        return {
            **self._identity,
            "user": user.number,
            "iteration": user.iteration,
            "label": number,
            "scenario": label.scenario,
            "transaction": label.transaction,
            "name": label.name,
        }

    def _debug(self, entry: dict[str, Any], request: dict[str, Any], answer: dict[str, Any] | None) -> None:
        header = [f"HTTP {answer['status']}", *(f"{name}: {value}" for name, value in answer["headers"])] if answer is not None else []
        is_cut = request["truncated"] or (answer is not None and answer["truncated"])
        raw = {key: value for key, value in request.items() if key != "truncated"}
        body = answer["body"] if answer is not None else ""
        self._debug_line(entry, {"request": raw, "header": "\n".join(header), "body": body, "truncated": is_cut})

    def _debug_line(self, entry: dict[str, Any], parts: dict[str, Any]) -> None:
        if not self.options.debug_body:
            parts["body"] = None
            if parts["request"] is not None:
                parts["request"] = {**parts["request"], "body": None}
        self._keep(self._debug_file, _encode({**entry, **parts}))

    def _head(self, text: str) -> str:
        lines = text.replace("\r\n", "\n").strip("\n").split("\n")
        return "\n".join(self._head_line(line) for line in lines)

    def _head_line(self, line: str) -> str:
        name, colon, value = line.partition(":")
        return f"{name}: {self.redactor.header(name, value.strip())}" if colon and " " not in name else self.redactor.text(line)

    def _keep(self, file: _Lines, text: str, *, is_counted: bool = True) -> None:
        if self._is_full and is_counted:
            return
        try:
            size = file.add(text)
        except OSError as error:
            self._end(f"cannot be written any more: {error.strerror or error}")
            return
        self._written += size if is_counted else 0
        if self._written > self.options.max_bytes:
            self._end(f"are no longer kept: this worker has written {self.options.max_bytes / 2**20:.0f} MiB of them")

    def _flush(self, file: _Lines) -> None:
        try:
            file.flush()
        except OSError as error:
            self._end(f"cannot be written any more: {error.strerror or error}")

    def _end(self, why: str) -> None:
        if not self._is_full:
            self._is_full = True
            self._log("warning", f"requests and debug lines {why}; rows are not concerned")


def _raw_request(text: str, exchanges: Exchanges) -> dict[str, Any] | None:
    """Return a request given as text in parts, masked."""
    if not text:
        return None
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    method, _, url = first.partition(" ")
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    redactor = exchanges.redactor
    return {
        "method": method,
        "url": redactor.text(url.removesuffix(" HTTP/1.1")),
        "headers": [[name, redactor.header(name, value)] for name, value in pairs],
        "body": exchanges.cut(body)[0],
    }
