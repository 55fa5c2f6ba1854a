"""What a worker keeps of exchanges: few failures, masked and cut, and nothing on the way of what goes well."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.http.capturing import CapturingHttpOperation
from maid_lab.engine.http.operation import HttpOperation
from maid_lab.engine.recording.exchange import KEPT_BYTES, CappedBody, Exchanges
from maid_lab.engine.scripts.steps import StepCompiler
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.plan import Body, Check, HttpStep, LogStep, Timeouts
from maid_lab.model.redaction import Redactor
from tests.engine.running import plan_of, requests, run_shard
from tests.support.cases import CASES
from tests.support.hostile import HostileServer
from tests.support.wire import Hang, Reset, Send, chunked, head, reply

SAMPLES = CaptureOptions()
ALL = CaptureOptions(requests=True, debug=True)
DEBUG = CaptureOptions(debug=True)


def step(label: int, url: str, **fields: Any) -> HttpStep:
    timeouts = fields.pop("timeouts", Timeouts(total_s=0.4))
    return HttpStep(label=label, method=fields.pop("method", "GET"), url=url, timeouts=timeouts, on_error="continue", **fields)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


async def test_the_first_failures_of_each_name_and_outcome_are_kept(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/busy", Send(reply(b"busy", status=503)))
    hostile.on("/gone", Reset())
    steps = (step(2, "/ok"), step(3, "/busy"), step(4, "/gone"), step(5, "/busy", check=(Check(kind="status", op="in", value=[503]),)))
    rows = requests(
        await run_shard(plan_of(hostile.url, steps, ("ok", "busy", "gone", "wanted"), load={"iterations": 5}), tmp_path, keeps=SAMPLES)
    )
    kept = lines(tmp_path / "samples.jsonl")
    assert Counter((sample["name"], sample["outcome"]) for sample in kept) == {("busy", "error_status"): 3, ("gone", "reset"): 3}
    assert len({sample["id"] for sample in kept}) == 6
    by_key = {(row.start, row.user): row for row in rows}
    for sample in kept:
        row = by_key[sample["start"], sample["user"]]
        assert (row.name, row.outcome, row.error, row.status) == tuple(sample[key] for key in ("name", "outcome", "error", "status"))
    assert {sample["response"]["body"] if sample["response"] else None for sample in kept} == {"busy", None}
    assert files(tmp_path) == {"samples.jsonl", "names-0-0.jsonl"}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.jsonl")}


@pytest.mark.parametrize(
    ("actions", "checks", "body", "is_cut"),
    [
        ((Send(reply(b"busy", status=500)),), (), "busy", False),
        ((Send(chunked(b"in chunks").replace(b"200 Status", b"500 Status")),), (), "in chunks", False),
        ((Send(reply(gzip.compress(b"zipped"), ("Content-Encoding", "gzip"), status=500)),), (), "zipped", False),
        ((Send(reply(gzip.compress(b"z" * 100_000_000), ("Content-Encoding", "gzip"), status=500)),), (), "z" * 16384, True),
        ((Send(reply(b"x" * 200_000, status=500)),), (), "x" * 16384, True),
        ((Send(reply(b"\0\1\2\3" * 10, status=500)),), (), "<40 bytes that are no text>", False),
        ((Send(reply("grüß".encode("latin-1"), ("Content-Type", "text/plain; charset=latin-1"), status=500)),), (), "grüß", False),
        ((Send(reply(b"as ever")),), (Check(kind="status", op="in", value=[201]),), "as ever", False),
        ((Send(head(200, ("Content-Length", "10")) + b"half"), Hang()), (Check(kind="status", op="in", value=[201]),), "half", False),
        ((Send(head(500, ("Content-Length", "10")) + b"half"), Hang()), (), "half", False),
    ],
)  # fmt: skip
async def test_the_answer_of_a_failure_is_text(
    actions: Any, checks: tuple[Check, ...], body: str, is_cut: bool, hostile: HostileServer, tmp_path: Path
) -> None:
    hostile.on("/fails", *actions)
    await run_shard(plan_of(hostile.url, (step(2, "/fails", check=checks),), ("fails",)), tmp_path, keeps=SAMPLES)
    (sample,) = lines(tmp_path / "samples.jsonl")
    assert (sample["response"]["body"], sample["response"]["truncated"]) == (body, is_cut)


@pytest.mark.parametrize("path", sorted(CASES))
async def test_capture_changes_no_row(hostile: HostileServer, tmp_path: Path, path: str) -> None:
    case = CASES[path]
    steps = (step(2, path, method=case.method), step(3, "/ok"))
    found = []
    for name, keeps in (("without", None), ("with", ALL)):
        (tmp_path / name).mkdir()
        rows = requests(await run_shard(plan_of(hostile.url, steps, ("tested", "after")), tmp_path / name, keeps=keeps))
        found.append([(row.name, row.outcome, row.status, row.error.replace(str(hostile.url), ""), row.bytes_out) for row in rows])
    after_close = path == "/close-unannounced"  # whether the next request is still sent is a matter of luck there
    assert found[0][: 1 if after_close else 9] == found[1][: 1 if after_close else 9]
    rows_with = len(found[1])
    assert len(lines(tmp_path / "with" / "captured-0-0.jsonl")) == rows_with
    assert len(lines(tmp_path / "with" / "debug-0-0.jsonl")) == sum(outcome != "ok" for _, outcome, *_ in found[1])


async def test_a_captured_request_is_the_one_of_its_row(hostile: HostileServer, tmp_path: Path) -> None:
    steps = (
        step(2, "/redirect/1"),
        step(3, "/echo?n={{ iter }}", method="POST", body=Body(kind="json", value={"n": "{{ iter }}"}), headers=(("X-N", "{{ iter }}"),)),
    )
    plan = plan_of(hostile.url, steps, ("moved", "told"), load={"iterations": 3})
    rows = requests(await run_shard(plan, tmp_path, keeps=ALL))
    kept = {(entry["start"], entry["user"]): entry["request"] for entry in lines(tmp_path / "captured-0-0.jsonl")}
    assert len(kept) == len(rows) == 9
    for row in rows:
        request = kept[row.start, row.user]
        if row.name == "moved":
            assert request["url"] == f"{hostile.url}{'/ok' if row.redirected else '/redirect/1'}"
        else:
            assert request["url"] == f"{hostile.url}/echo?n={row.iteration}"
            assert ["X-N", str(row.iteration)] in request["headers"]
            assert json.loads(request["body"]) == {"n": row.iteration}


async def test_cookies_are_masked_wherever_they_are_repeated(hostile: HostileServer, tmp_path: Path) -> None:
    session = "s3ss10n-of-a-user"
    hostile.on("/login", Send(reply(b"in", ("Set-Cookie", f"sid={session}; Path=/"))))
    steps = (step(2, "/login"), step(3, "/echo", check=(Check(kind="body_contains", op="contains", value="nothing", text="n"),)))
    await run_shard(plan_of(hostile.url, steps, ("login", "echo")), tmp_path, keeps=ALL)
    (failed,) = lines(tmp_path / "debug-0-0.jsonl")
    assert "sid=***" in failed["body"]
    assert ["Cookie", "***"] in failed["request"]["headers"]
    assert files(tmp_path) == {"samples.jsonl", "names-0-0.jsonl", "captured-0-0.jsonl", "debug-0-0.jsonl"}
    assert not any(session in (tmp_path / name).read_text() for name in files(tmp_path))


async def test_what_is_kept_is_bounded_and_says_so_once(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/busy", Send(reply(b"busy", status=503)))
    told: list[tuple[str, str]] = []
    options = CaptureOptions(requests=True, debug=True, max_bytes=4000)
    plan = plan_of(hostile.url, (step(2, "/busy"),), ("busy",), load={"iterations": 100})
    rows = requests(await run_shard(plan, tmp_path, keeps=options, log=lambda level, text: told.append((level, text))))
    assert len(rows) == 100
    size = sum((tmp_path / name).stat().st_size for name in ("captured-0-0.jsonl", "debug-0-0.jsonl"))
    assert 4000 < size < 6000
    assert [level for level, _ in told] == ["warning"]
    assert "are no longer kept" in told[0][1]


async def test_a_disk_that_is_full_ends_capture_and_not_the_run(hostile: HostileServer, tmp_path: Path) -> None:
    for name in ("samples.jsonl", "debug-0-0.jsonl", "captured-0-0.jsonl"):
        (tmp_path / name).symlink_to("/dev/full")
    told: list[str] = []
    plan = plan_of(hostile.url, (step(2, "/status/500"), step(3, "/ok")), ("bad", "ok"), load={"iterations": 20})
    rows = requests(await run_shard(plan, tmp_path, keeps=ALL, log=lambda _level, text: told.append(text)))
    assert len(rows) == 40
    assert len(told) == 1
    assert "No space left on device; rows are not concerned" in told[0]


async def test_log_steps_and_scenarios_write_into_the_debug_log(hostile: HostileServer, tmp_path: Path) -> None:
    def during(shard: Any, _elapsed: float) -> bool:
        if not shard.zero_ns:
            return False
        shard.debug(
            "from code",
            None,
            "POST /x?token=abc HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\r\nmine hunter22",
            "HTTP/1.1 200 OK\r\nSet-Cookie: a",
            b"y" * 20_000,
        )
        return True

    steps = (LogStep(text="said hunter22", sample=1.0), step(2, "/ok"))
    secrets = {"pw": "hunter22"}
    await run_shard(plan_of(hostile.url, steps, ("ok",)), tmp_path, keeps=DEBUG, secrets=secrets, during=during)
    said, told = sorted(lines(tmp_path / "debug-0-0.jsonl"), key=lambda entry: str(entry["tag"]), reverse=True)
    assert (said["tag"], said["user"], said["scenario"], said["request"]) == ("said ***", 0, "s", None)
    assert told["request"] == {"method": "POST", "url": "/x?token=***", "headers": [["Host", "h"], ["Cookie", "***"]], "body": "mine ***"}
    assert told["header"] == "HTTP/1.1 200 OK\nSet-Cookie: ***"
    assert (told["body"], told["truncated"]) == ("y" * 16384, True)


async def test_without_capture_debug_is_nothing(hostile: HostileServer, tmp_path: Path) -> None:
    def during(shard: Any, _elapsed: float) -> bool:
        shard.debug("from code", None)
        return True

    await run_shard(plan_of(hostile.url, (step(2, "/ok"),), ("ok",)), tmp_path, during=during)
    assert files(tmp_path) == {"names-0-0.jsonl"}


def test_only_a_run_that_captures_leaves_the_quick_path() -> None:
    http = HttpStep(label=2, method="GET", url="/")
    for captures, kind in ((False, HttpOperation), (True, CapturingHttpOperation)):
        (item,) = StepCompiler(uses_last=False, captures=captures).items((http,))
        assert type(item.operation) is kind
        assert item.operation.is_simple is not captures


@pytest.mark.parametrize("at", range(80, 130))
def test_a_secret_at_the_cut_leaves_nothing_behind(at: int) -> None:
    secret = "hunter22-and-more"
    text, is_cut = Exchanges(Redactor([secret]), 100).cut("." * at + secret + "." * 400)
    assert is_cut
    assert len(text) <= 100
    assert "h" not in text


def test_a_text_that_was_cut_before_is_cut_again_by_the_length_of_a_secret() -> None:
    exchanges = Exchanges(Redactor(["hunter22"]), 100)
    assert exchanges.cut("hunt", is_part=True) == ("", True)
    assert exchanges.cut("hunt") == ("hunt", False)


def test_a_body_is_kept_up_to_its_limit() -> None:
    body = CappedBody()
    for _ in range(3):
        body.append(b"x" * (KEPT_BYTES // 2))
    assert len(b"".join(body)) == KEPT_BYTES
