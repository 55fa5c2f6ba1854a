"""Logs beside a real run: complete, without secrets, and never in its way."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest

from maid_lab.cli.entry import call
from maid_lab.services.logs.choice import LogChoice, LogFile
from maid_lab.services.logs.fields import LOGS
from maid_lab.services.logs.running import LogWriter
from maid_lab.store.folders import RunFolder, run_folders
from maid_lab.store.parquet import finalise, read_counts
from tests.services.logs.parsing import entries
from tests.services.logs.stored import records, stored_run
from tests.support.hostile import HostileServer, Received
from tests.support.processes import command, descendants
from tests.support.wire import Action, Send, reply

Capture = pytest.CaptureFixture[str]
CANARY = "cAnary+7/söcret&?"

RECIPE = """schema: maid.recipe/v1
id: canary
title: Canary
description: Secrets in every place of a request, at a target that answers with what it got.
parameters: [{key: pw, type: secret, required: true, description: Told to the target in every way}]
target: {base_url: "%s"}
load: {iterations: 3, users: 2}
scenarios:
  - name: talk
    steps:
      - {name: echo, get: /echo}
      - transaction: tell
        steps:
          - name: json
            on_error: continue
            post: {url: "/fail?q={{ secrets.pw }}", json: {mine: "{{ secrets.pw }}", password: other}, headers: {X-Mine: "a {{ secrets.pw }}"}}
      - {name: form, on_error: continue, post: {url: "/fail/{{ secrets.pw }}", form: {field: "{{ secrets.pw }}"}}}
      - {name: basic, on_error: continue, get: {url: /fail, auth: {basic: {user: ann, password: "{{ secrets.pw }}"}}}}
      - name: body
        on_error: continue
        post: {url: /echo, body: "tell {{ secrets.pw }} and {{ secrets.pw | b64 }}"}
        check: [{body_contains: "missing {{ secrets.pw }}"}]
      - {log: "password is {{ secrets.pw }}", sample: 100%%, level: debug}
"""


def echoes(request: Received) -> tuple[Action, ...]:
    return (Send(reply(request, ("Set-Cookie", "session=" + "s" * 40), ("X-Back", request.target), status=500)),)


@pytest.fixture
def recipe(tmp_path: Path, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MAID_SECRET_PW", CANARY)
    path = tmp_path / "canary.yaml"
    path.write_text(RECIPE % hostile.url)
    hostile.answer("/fail", echoes)
    hostile.answer(f"/fail/{quote(CANARY, safe='')}", echoes)
    return str(path)


def words(folder: Path, format: str) -> list[str]:
    flags = [part for kind, name in LOGS.items() for part in (f"--{name.replace('_', '-')}", str(folder / f"{kind}.log"))]
    formats = [part for name in LOGS.values() for part in (f"--{name.replace('_log', '_format').replace('_', '-')}", format)]
    return [*flags, *formats, "-ggg", "--request-body"]


def only_run() -> RunFolder:
    (folder,) = run_folders(Path(os.environ["MAID_HOME"]))
    return folder


def test_a_canary_is_in_no_file_of_the_run_and_in_no_log(recipe: str, tmp_path: Path, capsys: Capture) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    assert call(["run", recipe, "-q", "--workers", "1", *words(logs, "json")]) == 0
    assert call(["show", "--failures"]) == 0
    assert call(["report"]) == 0
    shown = capsys.readouterr()
    folder = only_run()
    raw = CANARY.encode()
    forms = [raw, quote(CANARY, safe="").encode(), quote(CANARY).encode(), json.dumps(CANARY)[1:-1].encode(), b64encode(raw)]
    forms += [b64encode(b"ann:" + raw), b"s" * 40]
    texts = {path: path.read_bytes() for root in (folder.path.parent.parent, logs) for path in root.rglob("*") if path.is_file()}
    texts |= {path: pl.read_parquet(path).write_json().encode() for path in folder.path.glob("*.parquet")}
    texts |= {Path("stdout"): shown.out.encode(), Path("stderr"): shown.err.encode()}
    assert not [(path.name, form) for path, text in texts.items() for form in forms if form in text]
    # What a recipe says literally is in the recipe and in the plan; by its name it is masked in what was sent.
    sent = [text for path, text in texts.items() if path.suffix in (".log", ".html", ".jsonl") or path.name == "stdout"]
    assert not [text for text in sent if re.search(rb"password\W{1,4}other", text)]
    names = {path.name for path in texts}
    assert {"samples.jsonl", "captured-0-0.jsonl", "debug-0-0.jsonl", "request.log", "debug.log", "error.log"} <= names
    assert b"***" in texts[logs / "debug.log"]


def test_each_log_has_a_line_for_each_row(recipe: str, tmp_path: Path, hostile: HostileServer) -> None:
    assert call(["run", recipe, "-q", "--workers", "2", *words(tmp_path, "csv")]) == 0
    counts = read_counts(only_run())
    assert counts is not None
    assert counts.requests == hostile.requests == 30
    found = {kind: entries(kind, "csv", (tmp_path / f"{kind}.log").read_text(encoding="utf-8")) for kind in LOGS}
    assert {kind: len(lines) for kind, lines in found.items() if kind not in ("program", "debug")} == {
        "request": counts.requests, "transaction": counts.transactions, "scenario": counts.iterations, "error": counts.failed,
    }  # fmt: skip
    # Every failed exchange and every line of the `log` step.
    assert len(found["debug"]) == counts.failed + counts.iterations
    assert all(line["raw"]["headers"] for line in found["request"])
    bodies = {line["name"]: line["raw"]["body"] for line in found["request"]}
    assert bodies["body"] == "tell *** and ***"
    assert json.loads(bodies["json"]) == {"mine": "***", "password": "***"}
    assert {line["message"] for line in found["program"] if line["level"] == "debug"} == {"password is ***"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]) for lines in found.values() for line in lines)


def test_a_stored_run_gives_the_same_lines_again(recipe: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "again").mkdir()
    assert call(["run", recipe, "-q", "--workers", "1", *words(tmp_path, "json")]) == 0
    assert call(["logs", "last", *words(tmp_path / "again", "json")]) == 0
    for kind in LOGS:
        first, again = ((folder / f"{kind}.log").read_text(encoding="utf-8") for folder in (tmp_path, tmp_path / "again"))
        assert sorted(first.splitlines()) == sorted(again.splitlines())
        assert f"{kind} log: {first.count(chr(10))} lines in" in capsys.readouterr().err or kind != "program"


def test_without_debug_bodies_none_is_kept(recipe: str, tmp_path: Path) -> None:
    log = tmp_path / "debug.jsonl"
    assert call(["run", recipe, "-q", "--workers", "1", "-D", str(log), "--no-debug-body"]) == 0
    lines = entries("debug", "json", log.read_text(encoding="utf-8"))
    assert {line["body"] for line in lines} == {None}
    assert {line["request"]["body"] for line in lines if line["request"]} == {None}
    assert any(line["header"].startswith("HTTP 500\n") for line in lines)
    assert "tell *" not in (only_run().path / "debug-0-0.jsonl").read_text(encoding="utf-8")


def test_a_full_disk_ends_the_log_and_not_the_run(recipe: str, tmp_path: Path, capsys: Capture) -> None:
    assert call(["run", recipe, "-q", "--workers", "1", "-R", "/dev/full", "-S", str(tmp_path / "s")]) == 0
    assert "--request-log /dev/full ends here: No space left on device" in capsys.readouterr().err
    assert len((tmp_path / "s").read_text().splitlines()) == 6


def test_a_log_that_is_there_is_overwritten(recipe: str, tmp_path: Path) -> None:
    log = tmp_path / "s"
    log.write_text("x" * 100_000)
    assert call(["run", recipe, "-q", "--workers", "1", "-S", str(log)]) == 0
    assert "x" not in log.read_text().replace('"index"', "")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-R", "{tmp}/no/such"], "--request-log {tmp}/no/such cannot be written: No such file or directory"),
        (["-T", "{tmp}"], "--transaction-log {tmp} cannot be written: Is a directory"),
        (["-S", "{tmp}/a", "-E", "{tmp}/a"], "--scenario-log and --error-log both name {tmp}/a"),
        (["--request-format", "csv"], "--request-format means nothing without --request-log"),
        (["--request-body"], "--request-body means nothing without --request-log"),
        (["--no-debug-body"], "--no-debug-body means nothing without --debug-log"),
        (["-g"], "--log-level means nothing without --goose-log"),
        (["-D", "{tmp}/d", "--debug-format", "xml"], "setting debug_format (flag --debug-format)"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    flags: list[str], message: str, recipe: str, tmp_path: Path, hostile: HostileServer, capsys: Capture
) -> None:
    assert call(["run", recipe, *(word.format(tmp=tmp_path) for word in flags)]) == 2
    assert message.format(tmp=tmp_path) in capsys.readouterr().err
    assert hostile.requests == 0
    assert not list(run_folders(Path(os.environ["MAID_HOME"])))
    assert not (tmp_path / "a").exists()


def test_logs_are_settings_too(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["MAID_HOME"])
    home.mkdir(mode=0o700)
    (home / "config.json").write_text(json.dumps({"scenario_log": str(tmp_path / "file"), "scenario_format": "raw"}))
    monkeypatch.setenv("MAID_TRANSACTION_LOG", str(tmp_path / "variable"))
    assert call(["run", recipe, "-q", "--workers", "1", "--scenario-format", "csv"]) == 0
    assert len(entries("scenario", "csv", (tmp_path / "file").read_text())) == 6
    assert len(entries("transaction", "json", (tmp_path / "variable").read_text())) == 6


@pytest.mark.parametrize(("flag", "kept"), [("--debug-log", "debug lines"), ("--request-body", "requests")])
def test_what_a_run_did_not_keep_cannot_be_written_later(flag: str, kept: str, recipe: str, tmp_path: Path, capsys: Capture) -> None:
    assert call(["run", recipe, "-q", "--workers", "1"]) == 0
    file = str(tmp_path / "log")
    assert call(["logs", *([flag, file] if flag == "--debug-log" else [flag, "-R", file])]) == 2
    assert f"kept no {kept}: it ran without {flag}" in capsys.readouterr().err
    assert call(["logs"]) == 2
    assert "was not told which log to write" in capsys.readouterr().err


async def test_the_writer_follows_a_run_whose_rows_still_come(tmp_path: Path) -> None:
    whole = b"".join(records())
    folder = stored_run(tmp_path, rows=[])
    spool = folder.path / "spool-0-0.rows"
    log = tmp_path / "requests.jsonl"
    choice = LogChoice(files=(LogFile(kind="request", path=str(log), format="json"),))
    writer = LogWriter.begin(choice, home=tmp_path, run_id=folder.run_id)
    assert writer is not None
    with spool.open("ab", buffering=0) as file:
        # Cut within a record, and between a record and its extension.
        for begin, end in ((0, 96), (96, 100), (100, len(whole))):
            file.write(whole[begin:end])
            await asyncio.sleep(0.4)
    await writer.finish()
    await writer.finish()
    finalise(folder)
    lines = entries("request", "json", log.read_text())
    assert [line["start_ns"] for line in lines] == [0, 1_000_000, 3_000_000, 6_000_000, 7_000_000]
    assert lines[1]["connected_ns"] == 1_200_000


def test_after_a_kill_the_logs_have_every_row_that_reached_the_disk(recipe: str, tmp_path: Path, hostile: HostileServer) -> None:
    text = Path(recipe).read_text().replace("{iterations: 3, users: 2}", "{users: 2, run_time: 60s}")
    Path(recipe).write_text(text)
    log = tmp_path / "requests.jsonl"
    words = [sys.executable, "-m", "maid_lab", "run", recipe, "-q", "--workers", "1", "-R", str(log)]
    process = subprocess.Popen(words, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: log.exists() and log.stat().st_size > 0)
        (writer,) = (pid for pid in descendants(process.pid) if "maid_lab.services.logs.writer" in command(pid))
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: "maid_lab.services.logs.writer" not in command(writer))
    assert call(["history"]) == 0
    counts = read_counts(only_run())
    assert counts is not None
    assert len(log.read_text().splitlines()) == counts.requests > 0


def test_failure_samples_are_shown_to_machines_and_in_the_report(recipe: str, capsys: Capture) -> None:
    assert call(["run", recipe, "-q", "--workers", "1"]) == 0
    capsys.readouterr()
    assert call(["show", "last", "--failures", "--json"]) == 0
    samples = json.loads(capsys.readouterr().out)
    assert {(sample["name"], sample["outcome"]) for sample in samples} == {
        ("json", "error_status"), ("form", "error_status"), ("basic", "error_status"), ("body", "check_failed"),
    }  # fmt: skip
    assert call(["show", "last", "--failures"]) == 0
    shown = capsys.readouterr().out
    assert "> POST http" in shown
    assert "< HTTP 500" in shown
    assert call(["report"]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text()
    assert page.count("<details") >= len(samples)
    assert all(f'id="sample-{sample["id"]}"' in page for sample in samples)


def wait_for(holds: Callable[[], bool], *, limit_s: float = 20.0) -> None:
    until = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)
