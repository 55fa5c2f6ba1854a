import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from maid_lab.engine.recording.recorder import CAPACITY, MAX_ERRORS, Recorder
from maid_lab.model.rows import EXTENSION_FIELDS, EXTENSION_MARK, FLAG_OUTCOME, NONE_U32, RECORD_FIELDS, RECORD_SIZE, Outcome

ROW = np.dtype(list(RECORD_FIELDS))
S = 1_000_000_000


def recorder_in(folder: Path, *, open_model: bool = False) -> Recorder:
    made = Recorder(folder, worker=0, epoch=0, open_model=open_model)
    made.zero_ns = 1000
    return made


def rows_in(folder: Path) -> np.ndarray:
    return np.frombuffer((folder / "spool-0-0.rows").read_bytes(), dtype=ROW)


def add(recorder: Recorder, *, outcome: Outcome = Outcome.OK, service: int = 5000, error: str = "", connected: int = -1) -> None:
    recorder.record(
        label=2, user=7, iteration=3, intended=1500, start=2000, end=2000 + service, outcome=outcome, flags=0, status=200, first_byte=4000,
        connected=connected, bytes_out=50, bytes_in=300, error=error,
    )  # fmt: skip


def test_a_row_is_48_bytes_with_every_field(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    add(recorder)
    recorder.close()
    rows = rows_in(tmp_path)
    assert RECORD_SIZE == 48
    assert rows.tolist() == [(1000, 5000, 500, 2000, 0, 7, 3, 50, 300, 2, 200, 0, 0)]


def test_what_is_too_wide_stands_in_the_extension(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    add(recorder, service=10 * S, connected=3000)
    recorder.close()
    row, _ = rows_in(tmp_path)
    extension = np.frombuffer((tmp_path / "spool-0-0.rows").read_bytes(), dtype=np.dtype(list(EXTENSION_FIELDS)))[1]
    assert row["service"] == NONE_U32
    assert extension["flags"] & FLAG_OUTCOME == EXTENSION_MARK
    assert [int(extension[name]) for name in ("end", "first_byte", "intended", "connected")] == [1000 + 10 * S, 3000, 500, 2000]


def test_counts_of_a_fold_are_those_of_its_rows(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    for _ in range(2 * CAPACITY):
        add(recorder)
    add(recorder, outcome=Outcome.TIMEOUT, error="too slow")
    recorder.users(12, now=2000)
    fold = recorder.take()
    assert fold.rows == 2 * CAPACITY + 1
    assert dict(fold.outcomes) == {(2, Outcome.OK): 2 * CAPACITY, (2, Outcome.TIMEOUT): 1}
    assert dict(fold.errors) == {(2, Outcome.TIMEOUT, 1): 1}
    assert sum(fold.histograms.values()) == 2 * CAPACITY
    assert recorder.take().rows == 0
    recorder.close()
    assert len(rows_in(tmp_path)) == 2 * CAPACITY + 2


def test_error_texts_are_named_once_and_bounded(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    assert recorder.error_id("a") == recorder.error_id("a") == 1
    for number in range(MAX_ERRORS + 50):
        recorder.error_id(f"text {number}")
    recorder.close()
    lines = [json.loads(line) for line in (tmp_path / "names-0-0.jsonl").read_text().splitlines()]
    assert lines[0] == {"kind": "error", "id": 1, "text": "a"}
    assert len(lines) == MAX_ERRORS + 1
    assert lines[-1]["text"] == "more error texts than are kept apart"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from maid_lab.engine.recording.recorder import Recorder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (48 * 1000, 48 * 1000))
recorder = Recorder(Path(sys.argv[1]), worker=0, epoch=0, open_model=False)
try:
    for number in range(10_000):
        recorder.record_span(1, 1, number, 10, 20, 0)
except OSError as error:
    print(error.errno)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs file size limits")
def test_a_full_disk_is_reported_and_keeps_whole_rows(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "27"
    assert (tmp_path / "spool-0-0.rows").stat().st_size == 48 * 1000


FULL_DISK_HEARD = """
import errno, resource, signal, sys
from pathlib import Path
from maid_lab.engine.recording.recorder import Recorder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (48 * 1000, 48 * 1000))
heard = []
recorder = Recorder(Path(sys.argv[1]), worker=0, epoch=0, open_model=False)
recorder.on_failure = heard.append
for number in range(10_000):
    recorder.record_span(1, 1, number, 10, 20, 0)
    recorder.error_id(f"reason {number % 2000} " + "x" * 100)
recorder.record_messages([1] * 9000, [1] * 9000, request=0, user=1, iteration=0, label=1, flags=0)
fold = recorder.take()
recorder.close()
print(len(heard), heard[0].errno == errno.EFBIG, recorder.failure is heard[0], fold.rows * 48 <= 48 * 1000)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs file size limits")
def test_after_a_full_disk_the_one_that_listens_hears_it_once_and_no_call_raises(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK_HEARD, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["1", "True", "True", "True"]
