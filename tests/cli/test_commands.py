"""The command line as a person or a build uses it, from the words to the exit code."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from maid_lab.cli.entry import call
from maid_lab.cli.progress import line
from maid_lab.demo.launch import DemoProcess
from maid_lab.store.folders import RunFolder
from maid_lab.store.slot import RunSlot
from tests.cli.recipes import write_recipe
from tests.cli.test_progress import live

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def recipe(tmp_path: Path, shop: DemoProcess) -> str:
    shop.calm()
    return str(write_recipe(tmp_path, shop.url))


def home() -> Path:
    return Path(os.environ["MAID_HOME"])


def test_a_run_prints_one_json_object_and_all_else_elsewhere(recipe: str, shop: DemoProcess, capsys: Capture) -> None:
    assert call(["run", recipe, "--json", "--workers", "1", "--name", "Mine", "--tag", "nightly", "--param", "term=desk"]) == 0
    out = capsys.readouterr()
    record = json.loads(out.out)
    assert out.out.count("\n") == 1
    expected = {"recipe_id": "small", "name": "Mine", "tags": ["nightly"], "status": "completed", "verdict": "pass"}
    assert {key: record[key] for key in expected} == expected
    assert record["rows_count"] == shop.stats()["served"]["total"]
    assert {"requests", "thresholds", "generator"} <= set(record["summary"])
    assert {"name", "count", "failures", "rate", "p50_ms", "p95_ms", "p99_ms", "max_ms"} <= set(record["summary"]["requests"][0])
    assert "metrics_json" not in record
    assert "| users " in out.err

    assert call(["history", "--json", "--tag", "nightly"]) == 0
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [record["id"]]
    assert call(["history", "--recipe", "other"]) == 0
    assert "No runs yet" in capsys.readouterr().out
    assert call(["show", record["id"][-12:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == record
    assert call(["show"]) == 0
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("PASSED", "Mine", "front page", "all requests", "passed  error_rate < 50%"))


@pytest.mark.parametrize(("threshold", "verdict"), [("p50 < 1us", 2), ("max < 0.001ms", 1), ("p99.9 < 1s", 1), ("error_rate < 50%", 0)])
def test_the_exit_code_is_the_verdict(threshold: str, verdict: int, tmp_path: Path, shop: DemoProcess, capsys: Capture) -> None:
    path = write_recipe(tmp_path, shop.url, thresholds=threshold)
    assert call(["run", str(path), "-q", "--workers", "1"]) == verdict
    text = capsys.readouterr()
    assert ("error[E110]" in text.err) == (verdict == 2)


def test_a_run_that_a_threshold_ends_is_stopped_and_failed(tmp_path: Path, shop: DemoProcess, capsys: Capture) -> None:
    path = write_recipe(tmp_path, shop.url, thresholds="max < 0.001ms over 1s abort")
    assert call(["run", str(path), "--json", "--workers", "1", "--run-time", "30s", "--report-file", str(tmp_path / "r.html")]) == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["status"], record["verdict"]) == ("stopped", "fail")
    assert "says abort" in record["reason"]
    assert record["duration_seconds"] < 15
    assert call(["show", record["id"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == record
    assert "The run was stopped: threshold" in (tmp_path / "r.html").read_text()
    assert call(["show"]) == 0
    assert "stopped: threshold" in capsys.readouterr().out


def test_reports_are_written_in_the_formats_of_their_names(recipe: str, tmp_path: Path, capsys: Capture) -> None:
    files = [tmp_path / f"out.{suffix}" for suffix in ("json", "xml")]
    assert call(["run", recipe, "-q", "--workers", "1", *(word for file in files for word in ("--report-file", str(file)))]) == 0
    assert json.loads(files[0].read_text())["schema"] == "maid.report/v1"
    assert "<testsuite" in files[1].read_text()
    capsys.readouterr()
    assert call(["report", "last", "-o", str(tmp_path / "again.md")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'again.md'}\n"
    assert call(["report"]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page.parent.parent == home() / "runs"
    assert page.read_text().lstrip().lower().startswith("<!doctype html")


def signalled(recipe: str, *numbers: signal.Signals) -> int:
    """Run for long and send signals to this process once requests flow, half a second apart."""

    def send() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not _flowing():
            time.sleep(0.02)
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return call(["run", recipe, "--json", "-q", "--workers", "1", "-t", "30s"])
    finally:
        sender.join()


def _flowing() -> bool:
    holder = RunSlot.holder(home())
    return bool(holder) and any((home() / "runs" / str((holder or {}).get("run_id"))).glob("status.json"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_cleanly_and_stores_it(number: signal.Signals, recipe: str, shop: DemoProcess, capsys: Capture) -> None:
    assert signalled(recipe, number) == 130
    record = json.loads(capsys.readouterr().out)
    assert (record["status"], record["reason"]) == ("stopped", f"stopped by {number.name}")
    assert record["rows_count"] == shop.stats()["served"]["total"] > 0


def test_the_second_signal_cuts_what_hangs(recipe: str, shop: DemoProcess, capsys: Capture) -> None:
    shop.switch(latency="constant:20000")
    begin = time.monotonic()
    try:
        assert signalled(recipe, signal.SIGINT, signal.SIGINT) == 130
    finally:
        shop.calm()
    assert time.monotonic() - begin < 8
    outcomes = {row["outcome"] for row in json.loads(capsys.readouterr().out)["summary"]["outcomes"]}
    assert outcomes == {"aborted"}


def test_a_plan_is_shown_and_nothing_is_sent(recipe: str, shop: DemoProcess, capsys: Capture) -> None:
    assert call(["plan", recipe, "--users", "8", "--increase-time", "4s"]) == 0
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("8 users │", "front page", "threshold  error_rate < 50%"))
    assert call(["plan", recipe, "--json", "--seed", "4"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 4
    assert shop.stats()["served"]["total"] == 0


def test_validating_tells_like_a_compiler(recipe: str, tmp_path: Path, capsys: Capture) -> None:
    assert call(["validate", recipe]) == 0
    assert f"{recipe}: " in capsys.readouterr().out
    bad = tmp_path / "bad.yaml"
    bad.write_text(Path(recipe).read_text().replace("thresholds:", "tresholds:"))
    assert call(["validate", str(bad)]) == 2
    shown = capsys.readouterr().out
    assert "error[E101]" in shown
    assert "tresholds: [error_rate < 50%]" in shown
    assert "thresholds" in shown.split("= ")[1]
    assert call(["validate", str(bad), "--json"]) == 2
    assert [finding["code"] for finding in json.loads(capsys.readouterr().out) if finding["severity"] == "error"] == ["E101"]


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["rnu"], 2, "Did you mean 'run'"),
        (["run", "hello", "--user", "3"], 2, "Did you mean --users"),
        (["run", "helo"], 2, "Did you mean hello"),
        (["run", "no/such.yaml"], 2, "recipe file no/such.yaml is not there"),
        (["run", "hello", "-H", "http://no-such-host.invalid"], 2, "host no-such-host.invalid cannot be resolved"),
        (["run", "hello", "-H", "http://10.0.0.1:8080"], 3, "E302 target 10.0.0.1:8080 is not approved"),
        (["run", "hello", "-H", "http://169.254.169.254"], 3, "E301 target 169.254.169.254:80 is denied"),
        (["run", "hello", "-u", "0"], 2, "--users"),
        (["run", "hello", "--param", "nope=1"], 2, "error[E408]"),
        (["run", "hello", "--preset", "smok"], 2, "Did you mean smoke"),
        (["run", "hello", "--report-file", "a.doc"], 2, "a.doc"),
        (["run", "hello", "--report-file", "no/such/a.html"], 2, "mkdir -p no/such"),
        (["run"], 2, "Missing argument 'RECIPE'"),
        (["show", "last"], 2, "there is no run yet"),
        (["report", "last"], 2, "there is no run yet"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy_and_code(argv: list[str], code: int, words: str, capsys: Capture) -> None:
    assert call(argv) == code
    out = capsys.readouterr()
    assert words in out.err
    assert "Traceback" not in out.err
    assert out.out == ""


def test_a_second_run_is_refused_by_the_name_of_the_first(recipe: str, capsys: Capture) -> None:
    assert call(["store", "path"]) == 0
    home().mkdir(mode=0o700, exist_ok=True)
    slot = RunSlot.take(home(), "first-run", "spike")
    try:
        assert call(["run", recipe, "-q", "--workers", "1"]) == 4
    finally:
        slot.release()
    assert "run first-run (spike)" in capsys.readouterr().err


def test_status_reads_what_the_holder_of_the_slot_writes(capsys: Capture) -> None:
    assert call(["status"]) == 0
    assert capsys.readouterr().out == "No run is under way.\n"
    assert call(["status", "--json"]) == 0
    assert capsys.readouterr().out == "null\n"
    home().mkdir(mode=0o700, exist_ok=True)
    slot = RunSlot.take(home(), "r1", "spike")
    try:
        assert call(["status"]) == 0
        assert capsys.readouterr().out == "spike  run r1\nbeing prepared\n"
        folder = RunFolder(home(), "r1").create()
        (folder.path / "status.json").write_text(json.dumps(live()))
        assert call(["status"]) == 0
        assert capsys.readouterr().out == f"Hello  run r1\n{line(live())}\n"
        assert call(["status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == live()
    finally:
        slot.release()


def test_an_unexpected_error_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("maid_lab.services.library.RecipeLibrary.sources", broken)
    assert call(["recipes", "list"]) == 4
    err = capsys.readouterr().err
    assert err.startswith("maid: unexpected error: RuntimeError: surprise. Details: ")
    assert Path(err.split("Details: ")[1].strip()).is_file()


def test_recipes_are_listed_shown_and_described(capsys: Capture) -> None:
    assert call(["recipes", "list"]) == 0
    assert "rest-api" in capsys.readouterr().out
    assert call(["recipes", "list", "--json"]) == 0
    assert {"demo", "hello"} <= {card["id"] for card in json.loads(capsys.readouterr().out)}
    assert call(["recipes", "show", "hello"]) == 0
    assert capsys.readouterr().out.startswith("schema: maid.recipe/v1")
    assert call(["recipes", "schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_the_store_is_checked_rebuilt_and_copied(recipe: str, tmp_path: Path, capsys: Capture) -> None:
    assert call(["run", recipe, "-q", "--workers", "1"]) == 0
    capsys.readouterr()
    assert [call(["store", word]) for word in ("path", "check", "rebuild", "check")] == [0, 0, 0, 0]
    assert capsys.readouterr().out.splitlines() == [
        str(home()), "The catalogue and the run folders agree.", "The catalogue was rebuilt: 1 runs.", "The catalogue and the run folders agree.",
    ]  # fmt: skip
    assert call(["store", "backup", str(tmp_path / "copy")]) == 0
    assert (Path(capsys.readouterr().out.strip()) / "maid.duckdb").is_file()
    (home() / "maid.duckdb").unlink()
    assert call(["store", "check"]) == 4
    assert "maid store rebuild" in capsys.readouterr().out


def test_the_history_is_trimmed_on_demand(recipe: str, capsys: Capture) -> None:
    for _ in range(2):
        assert call(["run", recipe, "-q", "--workers", "1"]) == 0
    oldest, newest = sorted(path.name for path in (home() / "runs").iterdir())
    capsys.readouterr()
    assert call(["store", "trim"]) == 0
    assert capsys.readouterr().out == "Nothing is to be removed.\n"
    assert call(["store", "trim", "--max-history", "1"]) == 0
    assert capsys.readouterr().out == f"{oldest}\n"
    assert [path.name for path in (home() / "runs").iterdir()] == [newest]
    assert call(["store", "trim", "--max-history", "-1"]) == 2


def test_the_doctor_says_what_it_found(capsys: Capture) -> None:
    assert call(["doctor"]) == 0
    assert "event loop" in capsys.readouterr().out
    assert call(["doctor", "--json"]) == 0
    assert {"name", "state", "found", "remedy"} == set(json.loads(capsys.readouterr().out)[0])


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["recipes"], ["store"]])
def test_asking_for_help_is_no_error(argv: list[str], capsys: Capture) -> None:
    assert call(argv) == 0
    assert "Usage: maid" in capsys.readouterr().out


def test_the_version_is_told(capsys: Capture) -> None:
    from maid_lab import __version__

    assert call(["-V"]) == 0
    assert capsys.readouterr().out == f"maid {__version__}\n"
