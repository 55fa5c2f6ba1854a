from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from maid_lab.model.errors import EngineFailure, InvalidInput
from maid_lab.services.access.principal import LOCAL, CredentialKind, Principal
from maid_lab.services.audit import AuditLog, Broken
from maid_lab.services.catalogue import held, let_go, opened
from maid_lab.services.home import open_home
from maid_lab.store.audit_file import AuditEntry, AuditFile
from maid_lab.store.rebuild import rebuild

ALICE = Principal(kind=CredentialKind.JUPYTER, id="alice", name="Alice A.", roles=("admin",), address="127.0.0.1", client="browser")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return open_home(tmp_path / "home")


@pytest.fixture
def six(home: Path) -> Path:
    """Give a home folder with six entries, in both copies."""
    log = AuditLog(home)
    for number in range(1, 7):
        log.write(ALICE, "run.start", f"run-{number}", {"users": number})
    assert log.verify().is_whole
    return home


def lines(home: Path) -> list[str]:
    return (home / "audit.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def put(home: Path, kept: list[str]) -> None:
    (home / "audit.jsonl").write_text("".join(kept), encoding="utf-8")


def sql(home: Path, statement: str) -> None:
    with opened(home) as store:
        store._catalogue.execute(statement)


def broken(home: Path) -> Broken:
    found = AuditLog(home).verify()
    assert not found.is_whole
    assert found.broken is not None
    assert f"{found.broken.seq}" in found.broken.message
    return found.broken


def place(fault: Broken) -> tuple[int, str, str]:
    return fault.seq, fault.copy, fault.kind


def forged(line: str, **changes: Any) -> str:
    """Give a line that says something else and has the hash for it."""
    entry = AuditEntry.from_json({**json.loads(line), **changes})
    return json.dumps(replace(entry, hash=entry.computed()).to_json(), sort_keys=True, separators=(",", ":")) + "\n"


def test_an_entry_says_who_did_what_to_what_and_follows_on_the_one_before(home: Path) -> None:
    first = AuditLog(home).write(ALICE, "run.start", "r1", {"plan": "x"})
    second = AuditLog(home).write(ALICE, "run.stop", "r1")
    assert (first.seq, first.previous_hash, second.seq, second.previous_hash) == (1, "0" * 64, 2, first.hash)
    assert json.loads(first.actor) == ALICE.actor()
    assert "Alice A." not in (home / "audit.jsonl").read_text()
    assert json.loads((home / "audit.head").read_text()) == {"seq": 2, "hash": second.hash}
    assert (home / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_catalogue_has_the_entries_at_its_next_opening(home: Path) -> None:
    written = [AuditLog(home).write(LOCAL, "run.start", str(number)) for number in range(3)]
    assert not (home / "maid.duckdb").exists()
    with opened(home) as store:
        assert store.audit.all() == written


def test_a_server_that_holds_the_store_has_them_at_once_also_those_of_other_processes(home: Path) -> None:
    store = held(home)
    try:
        log = AuditLog(home)
        log.write(ALICE, "run.start", "r1")
        assert len(store.audit.all()) == 1
        append_elsewhere(home, 5)
        assert log.page().total == 6
        assert log.verify().is_whole
    finally:
        let_go(home)


def test_pages_go_from_the_newest_to_the_oldest_and_filter(six: Path) -> None:
    log = AuditLog(six)
    log.write(LOCAL, "run.stop", "run-6")
    first = log.page(limit=4)
    rest = log.page(limit=4, cursor=first.next_cursor)
    assert [entry.seq for entry in (*first.items, *rest.items)] == [7, 6, 5, 4, 3, 2, 1]
    assert (first.total, rest.total, rest.next_cursor) == (7, 7, None)
    assert [entry.seq for entry in log.page(actor="local").items] == [7]
    assert log.page(action="run.").total == 7
    assert log.page(action="run.start").total == 6
    assert [entry.seq for entry in log.page(subject="run-6").items] == [7, 6]
    now = datetime.now(UTC)
    assert log.page(since=now - timedelta(minutes=5), until=now + timedelta(minutes=1)).total == 7
    assert log.page(since=now + timedelta(minutes=1)).total == 0
    with pytest.raises(InvalidInput, match="cursor"):
        log.page(cursor="-1")
    with pytest.raises(InvalidInput, match="501"):
        log.page(limit=501)


# ---- broken on purpose


@pytest.mark.parametrize("number", [1, 3, 6])
def test_one_byte_changed_in_the_file_is_found_wherever_it_is(six: Path, number: int) -> None:
    kept = lines(six)
    for column in range(0, len(kept[number - 1]) - 1, 7):
        line = kept[number - 1]
        changed = line[:column] + ("x" if line[column] != "x" else "y") + line[column + 1 :]
        put(six, [*kept[: number - 1], changed, *kept[number:]])
        assert broken(six).seq == number, changed


def test_an_entry_that_was_rewritten_with_the_right_hash_is_found(six: Path) -> None:
    kept = lines(six)
    put(six, [*kept[:2], forged(kept[2], subject="another"), *kept[3:]])
    assert broken(six).seq == 3
    put(six, [*kept[:5], forged(kept[5], subject="another")])
    assert broken(six).seq == 6


def test_an_entry_that_is_missing_in_the_file_is_named(six: Path) -> None:
    kept = lines(six)
    put(six, [*kept[:2], *kept[3:]])
    assert place(broken(six)) == (3, "audit.jsonl", "missing")


def test_entries_that_changed_places_are_named(six: Path) -> None:
    kept = lines(six)
    put(six, [kept[0], kept[2], kept[1], *kept[3:]])
    assert place(broken(six)) == (2, "audit.jsonl", "reordered")


def test_a_file_whose_end_was_cut_is_named_also_after_more_was_written(six: Path) -> None:
    put(six, lines(six)[:4])
    assert place(broken(six)) == (5, "audit.jsonl", "cut")
    AuditLog(six).write(ALICE, "run.start", "later")
    assert place(broken(six)) == (5, "audit.jsonl", "missing")


def test_a_file_that_is_gone_is_named(six: Path) -> None:
    (six / "audit.jsonl").unlink()
    assert place(broken(six)) == (1, "audit.jsonl", "cut")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("update maid_audit set subject = 'x' where seq = 2", (2, "catalogue", "altered")),
        ("update maid_audit set actor = '{}' where seq = 2", (2, "catalogue", "altered")),
        ("update maid_audit set actor = 'no json' where seq = 2", (2, "catalogue", "altered")),
        ('update maid_audit set "at" = "at" + interval 1 microsecond where seq = 6', (6, "catalogue", "altered")),
        ("update maid_audit set detail_json = '{\"users\":7}' where seq = 4", (4, "catalogue", "altered")),
        ("delete from maid_audit where seq = 3", (3, "catalogue", "missing")),
        ("delete from maid_audit where seq > 4", (5, "catalogue", "cut")),
        ("delete from maid_audit", (1, "catalogue", "cut")),
    ],
)
def test_a_change_of_the_copy_in_the_catalogue_is_named(six: Path, statement: str, expected: tuple[int, str, str]) -> None:
    sql(six, statement)
    assert place(broken(six)) == expected


def test_both_copies_cut_at_the_same_place_are_found_by_the_head(six: Path) -> None:
    put(six, lines(six)[:4])
    sql(six, "delete from maid_audit where seq > 4")
    assert place(broken(six)) == (5, "audit.jsonl", "cut")


def test_a_head_that_was_replaced_by_an_older_one_is_found(home: Path) -> None:
    log = AuditLog(home)
    log.write(ALICE, "run.start", "r1")
    older = (home / "audit.head").read_text()
    log.write(ALICE, "run.start", "r2")
    log.verify()
    (home / "audit.head").write_text(older)
    assert place(broken(home)) == (2, "audit.head", "altered")


def test_file_and_head_cut_together_are_found_by_the_catalogue(six: Path) -> None:
    kept = lines(six)[:4]
    put(six, kept)
    last = json.loads(kept[-1])
    (six / "audit.head").write_text(json.dumps({"seq": last["seq"], "hash": last["hash"]}))
    assert place(broken(six))[:2] == (5, "audit.jsonl")


@pytest.mark.parametrize("content", [None, "", "{}", '{"seq":6,"hash":"' + "a" * 64 + '"}', '{"seq":5,"hash":"x"}'])
def test_a_head_that_is_gone_or_wrong_is_found(six: Path, content: str | None) -> None:
    if content is None:
        (six / "audit.head").unlink()
    else:
        (six / "audit.head").write_text(content)
    assert broken(six).copy == "audit.head"


def test_a_program_that_was_cut_off_between_file_and_head_is_mended_by_the_next_entry_which_says_so(six: Path) -> None:
    entry = AuditEntry.following(
        AuditFile(six).head() or pytest.fail(), at=datetime.now(UTC), actor="{}", action="a", subject="", detail="{}"
    )
    with (six / "audit.jsonl").open("a") as file:
        file.write(json.dumps(entry.to_json(), sort_keys=True, separators=(",", ":")) + "\n")
    assert broken(six).copy == "audit.head"
    AuditLog(six).write(ALICE, "run.start", "next")
    found = AuditLog(six).verify()
    assert found.is_whole
    assert "mended" in found.notes[0]


def test_half_a_line_of_a_program_that_was_cut_off_is_taken_away_by_the_next_entry(six: Path) -> None:
    with (six / "audit.jsonl").open("a") as file:
        file.write('{"seq": 7, "act')
    AuditLog(six).write(ALICE, "run.start", "next")
    assert AuditLog(six).verify().is_whole


# ---- rebuilt


def test_a_rebuilt_catalogue_has_the_whole_log_again(six: Path) -> None:
    AuditLog(six).write(LOCAL, "store.rebuild", "catalogue")
    rebuild(six)
    found = AuditLog(six).verify()
    assert (found.is_whole, found.entries) == (True, 7)
    assert "rebuilt" in found.notes[0]


def test_a_catalogue_that_is_gone_gets_the_log_back_with_the_rebuild(six: Path) -> None:
    (six / "maid.duckdb").unlink()
    assert place(broken(six)) == (1, "catalogue", "cut")
    rebuild(six)
    assert AuditLog(six).verify().is_whole


def test_rows_that_another_program_deleted_come_back_with_a_notice(six: Path) -> None:
    connection = duckdb.connect(str(six / "maid.duckdb"))
    connection.execute("delete from maid_audit where seq > 3")
    connection.close()
    with opened(six) as store:
        assert any("maid_audit" in notice for notice in store.notices)
    assert AuditLog(six).verify().is_whole


def test_a_backup_takes_the_log_along(six: Path, tmp_path: Path) -> None:
    with opened(six) as store:
        copy = store.backup(tmp_path / "copies")
    found = AuditLog(copy).verify()
    assert (found.is_whole, found.entries) == (True, 6)


# ---- many at once

APPEND = """
import sys
from pathlib import Path
from maid_lab.services.access.principal import LOCAL
from maid_lab.services.audit import AuditLog
log = AuditLog(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    log.write(LOCAL, "run.start", f"{sys.argv[3]}-{number}")
"""


def start_appending(home: Path, number: int, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", APPEND, str(home), str(number), name])


def append_elsewhere(home: Path, number: int) -> None:
    assert start_appending(home, number, "elsewhere").wait(60) == 0


def test_two_processes_and_threads_lose_nothing(home: Path) -> None:
    processes = [start_appending(home, 200, name) for name in "ab"]
    log = AuditLog(home)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.write(ALICE, "run.stop", f"c-{number}"), range(40)))
    assert [process.wait(120) for process in processes] == [0, 0]
    found = log.verify()
    assert (found.is_whole, found.entries) == (True, 440)
    subjects = [json.loads(line)["subject"] for line in lines(home)]
    for name in "ab":
        assert [subject for subject in subjects if subject.startswith(f"{name}-")] == [f"{name}-{number}" for number in range(200)]


# ---- refused and masked


def test_what_cannot_be_written_is_refused_and_leaves_nothing(six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (six / "audit.jsonl").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("maid_lab.store.audit_file.write_atomically", full)
    with pytest.raises(EngineFailure, match=r"audit\.jsonl.*No space left.*not done.*Make room"):
        AuditLog(six).write(ALICE, "run.start", "r7")
    assert (six / "audit.jsonl").read_bytes() == before
    assert AuditLog(six).refused(ALICE, "GET runs") is None
    monkeypatch.undo()
    assert AuditLog(six).verify().is_whole


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_fills_up_refuses_and_goes_on_when_there_is_room(tiny_disk: Path) -> None:
    log = AuditLog(tiny_disk)
    with pytest.raises(EngineFailure, match="No space left"):
        for number in range(100):
            log.write(ALICE, "run.start", str(number), {"text": "x" * 4000})
    written = AuditFile(tiny_disk).head()
    subprocess.run(["mount", "-o", "remount,size=32m", str(tiny_disk)], check=True)
    after = log.write(ALICE, "run.start", "again")
    assert written is not None
    assert after.seq == written.seq + 1
    assert log.verify().is_whole


def test_a_folder_that_cannot_be_written_refuses(home: Path) -> None:
    (home / "audit.jsonl").mkdir()
    with pytest.raises(EngineFailure, match="cannot be written"):
        AuditLog(home).write(ALICE, "run.start", "r1")


def test_secrets_are_masked_by_name_by_value_and_by_form(home: Path) -> None:
    from maid_lab.model.redaction import Redactor

    key = "maid_live_0123456789_" + "S3CRETPART" * 3 + "AB"
    detail = {
        "password": "canary-1", "headers": [{"Authorization": "Bearer canary-2"}], "text": f"used {key}", "url": "http://u:canary-3@h/",
        "query": "a=1&token=canary-4", "nested": {"note": "canary-5"}, "said": "Bearer canary-6", "key_id": "0123456789", "nan": float("nan"),
    }  # fmt: skip
    entry = AuditLog(home, redactor=Redactor(["canary-5"])).write(ALICE, "config.change", f"token=canary-7 {key}", detail)
    text = (home / "audit.jsonl").read_text()
    assert not re.findall(r"canary-\d|S3CRETPART", text)
    assert "0123456789" in text
    assert json.loads(entry.detail)["password"] == "***"
    assert AuditLog(home).verify().is_whole


def test_a_detail_without_measure_is_cut(home: Path) -> None:
    AuditLog(home).write(ALICE, "config.change", "s" * 10_000, {"text": "x" * 5_000_000})
    assert (home / "audit.jsonl").stat().st_size < 50_000
    AuditLog(home).write(ALICE, "config.change", "next")
    assert AuditLog(home).verify().entries == 2


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def refusals(home: Path) -> list[tuple[str, int]]:
    found = [json.loads(line) for line in lines(home)]
    return [(entry["actor"]["id"], entry["detail"]["count"]) for entry in found if entry["action"] == "access.refused"]


@pytest.mark.parametrize("ending", ["flush", "next", "other"])
def test_refusals_of_one_actor_are_one_entry_a_minute(home: Path, ending: str) -> None:
    clock = Clock()
    log = AuditLog(home, clock=clock)
    for _ in range(50):
        log.refused(ALICE, "GET keys", {"reason": "scope"})
    log.refused(LOCAL, "GET keys")
    assert refusals(home) == [("alice", 1), ("local", 1)]
    actions: dict[str, Callable[[], object]] = {
        "flush": log.flush, "next": lambda: log.refused(ALICE, "GET keys"), "other": lambda: log.write(LOCAL, "run.start", "x"),
    }  # fmt: skip
    clock.now += 61
    actions[ending]()
    assert refusals(home)[2] == ("alice", 49)
    assert sum(count for _, count in refusals(home)) == 51 + (ending == "next")
