"""T06 and T07: files that a recipe may not reach."""

import ast
import os
import threading
from pathlib import Path

import pytest

from maid_lab.model.errors import MaidError
from maid_lab.model.files import FileProblem, read_planned
from maid_lab.services.files.gate import FileGate
from maid_lab.services.library import RecipeLibrary
from maid_lab.services.planning import Planner
from maid_lab.services.settings import load_settings

CANARY = "canary-7f3a91"
PACKAGE = Path(__file__).parents[2] / "maid_lab"
#: Modules that meet paths from a recipe; `engine.python` and `code` import what a person wrote.
GUARDED = [
    *sorted((PACKAGE / "model").rglob("*.py")), PACKAGE / "engine" / "http" / "request.py", PACKAGE / "engine" / "http" / "multipart.py",
    *(PACKAGE / "services" / f"{name}.py" for name in ("datasets", "recordings", "library", "planning", "tables", "code_data", "code_mix")),
]  # fmt: skip
#: The gate's own hands, and certificates, whose paths have passed it: the TLS library takes only paths.
APART = {"model/files.py", "model/planning/certificates.py"}
READS = {"open", "read_text", "read_bytes", "iterdir", "glob", "rglob", "scandir", "listdir", "walk"}


def ungated(source: str) -> list[str]:
    """Return the calls that read files without the gate."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if name in READS and owner.rpartition(".")[2].lstrip("_") != "files":
            found.append(f"{node.lineno}: {ast.unparse(node.func)}")
    return found


@pytest.mark.parametrize("path", GUARDED, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_that_meet_paths_of_recipes_read_through_the_gate(path: Path) -> None:
    if str(path.relative_to(PACKAGE)) not in APART:
        assert ungated(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    ["open(name)", "Path(name).open()", "path.read_text()", "(a / b).read_bytes()", "os.listdir(x)", "folder.glob('*')", "os.open(p, 0)"],
)
def test_a_planted_read_is_found(planted: str) -> None:
    assert len(ungated(f"def read(name):\n    return {planted}\n")) == 1
    assert ungated("def read(files):\n    return files.open('x', None), self._files.list(y)\n") == []


HEAD = """schema: maid.recipe/v1
id: small
title: R
description: D
target: {base_url: 'http://127.0.0.1:9'}
load: {profile: constant-users, users: 1, duration: 1s}
"""
STEPS = "scenarios: [{name: s, steps: [{get: /}]}]\n"
#: Field of a recipe that takes a path → the rest of the recipe.
FIELDS = {
    "include": "include: [{name: f, path: 'PATH'}]\n" + STEPS,
    "data": "data: [{name: d, path: 'PATH', format: csv}]\nscenarios: [{name: s, data: d, steps: [{get: '/{{ row.x }}'}]}]\n",
    "replay": STEPS,
    "body_file": "scenarios: [{name: s, steps: [{post: {url: /, body_file: 'PATH'}}]}]\n",
    "upload": "scenarios: [{name: s, steps: [{post: {url: /, multipart: {a: {file: 'PATH'}}}}]}]\n",
    "schema": "scenarios: [{name: s, steps: [{get: /, check: [{schema: 'PATH'}]}]}]\n",
    "ca": "scenarios: [{name: s, steps: [{get: {url: /, tls: {ca: 'PATH'}}}]}]\n",
    "cert": "scenarios: [{name: s, steps: [{get: {url: /, tls: {cert: 'PATH'}}}]}]\n",
    "key": "scenarios: [{name: s, steps: [{get: {url: /, tls: {cert: 'PATH', key: 'PATH'}}}]}]\n",
}
PROTECTED = (".env", "id_rsa", "server.pem", ".git/config", "../home/secrets/jwt.key", "../outside.csv", "link-to-env.csv", "link-out.csv")


def said(folder: Path, home: Path, field: str, path: str) -> str:
    """Return all that planning a recipe with a path says."""
    head = HEAD.replace("constant-users, users: 1, duration: 1s", f"replay, path: '{path}', max_users: 1") if field == "replay" else HEAD
    recipe = folder / "r.yaml"
    recipe.write_text(head + FIELDS[field].replace("PATH", path))
    settings = load_settings(home)
    files = FileGate.load(home, settings, folder)
    try:
        planned = Planner(RecipeLibrary(home, files=files), settings, {}).plan(str(recipe), {}, {})
    except MaidError as error:
        return f"{error!r} {error} {[str(each) for each in getattr(error, 'diagnostics', ())]}"
    return repr(planned)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    folder, home = tmp_path / "work", tmp_path / "home"
    for name in (".env", "id_rsa", "server.pem", ".git/config", "../home/secrets/jwt.key", "../outside.csv"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(os.path.normpath(path)).parent.mkdir(parents=True, exist_ok=True)
        Path(os.path.normpath(path)).write_text(f"{CANARY},b\n1,2\n")
    (folder / "link-to-env.csv").symlink_to(".env")
    (folder / "link-out.csv").symlink_to(tmp_path / "outside.csv")
    home.chmod(0o700)
    return folder, home


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("path", PROTECTED)
def test_t07_no_field_of_a_recipe_reads_a_protected_file(field: str, path: str, places: tuple[Path, Path]) -> None:
    folder, home = places
    (folder / ".maidignore").write_text("!*\n!.env\n!*.pem\n")
    told = said(folder, home, field, path)
    assert CANARY not in told
    assert "E304" in told or "E305" in told
    told = said(folder, home, field, str((folder / path).absolute()))
    assert CANARY not in told
    assert "E304" in told or "E305" in told


@pytest.mark.parametrize("field", ["data", "body_file", "schema", "include"])
def test_t06_devices_and_pipes_are_refused_without_waiting(field: str, places: tuple[Path, Path]) -> None:
    folder, home = places
    os.mkfifo(folder / "pipe.csv")
    assert "E305" in said(folder, home, field, "pipe.csv")
    assert "E305" in said(folder, home, field, "/dev/zero")


def test_t06_what_is_outside_is_refused_alike_whether_it_is_there_or_not(places: tuple[Path, Path]) -> None:
    folder, home = places
    there, gone = (said(folder, home, "data", f"../{name}.csv").replace(f"{name}.csv", "NAME") for name in ("outside", "nowhere"))
    assert there == gone


def test_t06_a_link_that_is_swapped_all_the_time_gains_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text(CANARY)
    (folder / "good.csv").write_text("good")
    link, spare = folder / "link.csv", folder / "spare"
    link.symlink_to("good.csv")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for target in (tmp_path / "secret.csv", folder / "good.csv"):
                spare.symlink_to(target)
                spare.replace(link)

    swapper = threading.Thread(target=swap)
    swapper.start()
    gate, seen = FileGate(tmp_path / "home"), set()
    try:
        for _ in range(2000):
            try:
                with gate.open("link.csv", folder) as file:
                    seen.add(file.read().decode())
            except FileProblem as problem:
                seen.add(problem.code)
    finally:
        stop.set()
        swapper.join(10)
    assert seen <= {"good", "E305"}
    assert seen == {"good", "E305"}, "the link was never swapped in time: the test proved nothing"


def test_t06_a_worker_does_not_follow_a_link_that_came_after_the_plan(tmp_path: Path) -> None:
    planned, other = tmp_path / "body.bin", tmp_path / "other.bin"
    planned.write_text("body")
    other.write_text(CANARY)
    assert read_planned(str(planned)) == b"body"
    planned.unlink()
    planned.symlink_to(other)
    with pytest.raises(FileProblem, match="leads to another file"):
        read_planned(str(planned))
