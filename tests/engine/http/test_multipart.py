"""Bodies of several parts, read back by the standard library's e-mail parser."""

from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from maid_lab.engine.http.multipart import Part, boundary_for, encoded
from maid_lab.model.plan import Body, HttpStep
from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import load_recipe
from tests.engine.running import plan_of, requests, run_shard
from tests.model.recipes import changed
from tests.support.hostile import HostileServer
from tests.support.wire import Send, reply

names = st.text(ascii_letters + digits + " ._-[]'", min_size=1, max_size=20).filter(str.strip)
contents = st.one_of(st.binary(max_size=200), st.just(b"\r\n--"), st.just(b"--\r\n\r\n"))


def read_back(body: bytes, boundary: str) -> list[tuple[str, str, str, bytes]]:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode() + body)
    found = []
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        name = part.get_param("name", header="content-disposition")
        found.append((str(name), part.get_filename() or "", part.get_content_type() if "content-type" in part else "", payload))
    return found


@given(st.lists(st.tuples(names, contents), min_size=1, max_size=5))
def test_any_parts_come_back(fields: list[tuple[str, bytes]]) -> None:
    parts = [Part(name=name, content=content, filename="f.bin", content_type="application/octet-stream") for name, content in fields]
    boundary = boundary_for(parts)
    body = encoded(parts, boundary)
    # The parser normalises line ends of what it takes for text, so contents are found by their place in the bytes.
    assert body.count(f"--{boundary}".encode()) == len(parts) + 1
    pieces = body.split(f"--{boundary}".encode())[1:-1]
    assert [piece.partition(b"\r\n\r\n")[2][:-2] for piece in pieces] == [content for _, content in fields]
    assert [name for name, *_ in read_back(body, boundary)] == [name for name, _ in fields]


async def test_fields_and_files_reach_the_server(hostile: HostileServer, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x00")
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request)
        return (Send(reply()),)

    hostile.answer("/up", answer)
    parts = [
        {"name": "title", "value": "user {{ vu.id }}", "filename": "", "type": ""},
        {"name": "tag", "value": "x", "filename": "", "type": ""},
        {"name": "picture", "file": str(tmp_path / "a.png"), "filename": "a.png", "type": "image/png"},
    ]
    step = HttpStep(label=2, method="POST", url="/up", body=Body(kind="multipart", value=parts))
    (folder := tmp_path / "run").mkdir()
    rows = requests(await run_shard(plan_of(hostile.url, (step,), ("up",), load={"users": 2.0}), folder))
    assert [row.outcome for row in rows] == ["ok", "ok"]
    head, body = seen[0].head.decode(), seen[0].body
    boundary = head.split("boundary=")[1].split("\r\n")[0]
    assert f"Content-Length: {len(body)}" in head
    found = read_back(body, boundary)
    assert [(name, filename, kind) for name, filename, kind, _ in found] == [
        ("title", "", ""),
        ("tag", "", ""),
        ("picture", "a.png", "image/png"),
    ]
    assert b"\x89PNG\r\n\x00" in body
    assert {request.body.split(b"\r\n\r\n")[1].split(b"\r\n")[0] for request in seen} == {b"user 0", b"user 1"}


def test_a_recipe_s_parts_are_planned(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("hello")
    path = tmp_path / "r.yaml"
    step = "      - post: {url: /up, multipart: {a: [1, 2], doc: {file: p.txt}, raw: {value: '{}', content_type: application/json}}}\n"
    path.write_text(changed("      - get: /\n", step), encoding="utf-8")
    result = make_plan(load_recipe(path))
    assert result.plan is not None, result.diagnostics
    (planned,) = result.plan.scenarios[0].steps
    assert isinstance(planned, HttpStep)
    assert planned.body is not None
    assert [(part["name"], part.get("value"), part["filename"], part["type"]) for part in planned.body.value] == [
        ("a", 1, "", ""), ("a", 2, "", ""), ("doc", None, "p.txt", "text/plain"), ("raw", "{}", "", "application/json"),
    ]  # fmt: skip
