"""The rooms of the package and what may not be found in them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(__file__).parent.parent / "maid_lab"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))

#: A room imports from lower floors only. `client` offers what `lab` offers, over REST, so it stands beside it.
FLOOR: Final = {
    "model": 1, "engine": 2, "store": 2, "analysis": 2, "search": 2, "services": 3, "components": 4, "lab": 5, "client": 5,
    "running": 6, "finding": 7, "server": 7, "notebook": 7, "cli": 7, "mcp": 7,
}  # fmt: skip
#: On no floor: the public face is lazy and reaches everywhere, the version is a constant, the demo stands apart.
APART: Final = {"__init__", "__main__", "_version", "demo"}

#: `demo:<name>` addresses start a bundled target as a process of its own. How such a process is started is known to `demo.launch`, which
#: imports none of the targets; nothing else of the demo may be reached from production code, and that not before it is asked for.
DEMO_DOOR: Final = ("services", "maid_lab.demo.launch")

#: The engine's own rooms, ground floor first: what is imported at run time lies below. The supervisor is another process than the worker.
ENGINE_FLOOR: Final = {
    "wire": 0, "timers": 0, "recording": 1, "supervision": 2, "users": 2, "http": 3, "http2": 3, "scripts": 4, "python": 5, "loads": 5, "shard": 6, "worker": 7,
}  # fmt: skip

#: Library → rooms that may import it.
HOMES: Final = {
    "tornado": {"server"},
    "IPython": {"notebook"},
    "duckdb": {"store", "demo"},
    "sqlite3": {"store", "demo"},
    "typer": {"cli"},
}
#: Drivers of the engine speak the protocols under test: their SQL and their database libraries are load, not history.
DRIVERS: Final = re.compile(r"maid_lab/engine/(drivers/)?sql")

SQL: Final = re.compile(
    r"\s*(select\b.+\bfrom\b|insert\s+into\b|update\s+\w+\s+set\b|delete\s+from\b|(create|alter|drop)\s+(or\s+replace\s+)?"
    r"(table|view|index|sequence|macro|schema)\b|attach\s+'|copy\s*\()",
    re.IGNORECASE | re.DOTALL,
)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_in(tree: ast.AST) -> Iterator[str]:
    """Names imported anywhere in the tree, in functions and under TYPE_CHECKING too; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms_in(tree: ast.AST) -> set[str]:
    return {name.split(".")[1] for name in imports_in(tree) if name.startswith("maid_lab.")}


def climbs(room: str, tree: ast.AST) -> list[str]:
    return sorted(other for other in rooms_in(tree) if room in FLOOR and other in FLOOR and other != room and FLOOR[other] >= FLOOR[room])


def statements_in(tree: ast.Module) -> list[str]:
    """String constants that begin like SQL, docstrings left out."""
    docs = {id(node.body[0].value) for node in ast.walk(tree) if _has_docstring(node)}  # type: ignore[attr-defined]
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs and SQL.match(node.value)
    ]


def _has_docstring(node: ast.AST) -> bool:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, holders) and bool(node.body) and isinstance(node.body[0], ast.Expr)


def in_package(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in MODULES} <= FLOOR.keys() | APART


@pytest.mark.parametrize("path", MODULES, ids=in_package)
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    assert not climbs(room, tree_of(path)), f"{in_package(path)}: {room} (floor {FLOOR.get(room)}) imports a room that is not below it"


def at_run_time(tree: ast.AST) -> Iterator[str]:
    """Names imported anywhere but under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield from (
            imports_in(ast.Module(body=[node], type_ignores=[])) if isinstance(node, ast.Import | ast.ImportFrom) else at_run_time(node)
        )


@pytest.mark.parametrize("path", sorted((PACKAGE / "engine").rglob("*.py")), ids=in_package)
def test_imports_go_down_inside_the_engine(path: Path) -> None:
    room = path.relative_to(PACKAGE / "engine").parts[0].removesuffix(".py")
    if room == "__init__":
        return
    reached = {name.split(".")[2] for name in at_run_time(tree_of(path)) if name.startswith("maid_lab.engine.")} - {room}
    above = sorted(other for other in reached if ENGINE_FLOOR[other] >= ENGINE_FLOOR[room])
    assert not above, f"{in_package(path)} imports {above}, which are not below engine/{room}"


@pytest.mark.parametrize("path", MODULES, ids=in_package)
def test_the_demo_is_imported_by_no_production_room(path: Path) -> None:
    if room_of(path) == "demo":
        return
    tree = tree_of(path)
    reached = {name for name in imports_in(tree) if name.startswith("maid_lab.demo")}
    room, door = DEMO_DOOR
    if room_of(path) == room:
        at_the_top = set(imports_in(ast.Module(body=[n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], type_ignores=[])))
        reached = {name for name in reached if not name.startswith(door) or name in at_the_top}
    assert not reached, f"{in_package(path)} imports the demo; only {room}/ may use {door}, inside a function"


@pytest.mark.parametrize("path", MODULES, ids=in_package)
def test_libraries_stay_at_home(path: Path) -> None:
    if DRIVERS.match(in_package(path)):
        return
    strays = {
        name for name in imports_in(tree_of(path)) if name.partition(".")[0] in HOMES and room_of(path) not in HOMES[name.partition(".")[0]]
    }
    assert not strays, f"{in_package(path)} imports {strays}; these belong to {HOMES}"


@pytest.mark.parametrize("path", MODULES, ids=in_package)
def test_sql_is_written_in_the_store_only(path: Path) -> None:
    if room_of(path) in {"store", "demo"} or DRIVERS.match(in_package(path)):
        return
    assert not statements_in(tree_of(path)), f"{in_package(path)} holds SQL; move it into maid_lab/store/"


def test_the_checks_see_what_they_are_for() -> None:
    code = 'import maid_lab.store\nfrom maid_lab.cli import app\ndef f():\n    "select x from y"\n    return "SELECT a\\n FROM b"'
    assert climbs("engine", ast.parse(code)) == ["cli", "store"]
    assert statements_in(ast.parse(code)) == ["SELECT a\n FROM b"]
