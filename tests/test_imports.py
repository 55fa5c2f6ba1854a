"""The public surface: what is exported, how light its import is, one version."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

import maid_lab._version

PACKAGE: Final = Path(__file__).parent.parent / "maid_lab"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))

HEAVY: Final = {
    "IPython", "aiohttp", "altair", "dask", "distributed", "duckdb", "grpc", "ipywidgets", "jupyter_server", "mcp", "pandas", "polars",
    "pyarrow", "pydantic_ai", "scipy", "sentence_transformers", "torch", "tornado", "typer", "vl_convert", "voila",
}  # fmt: skip
#: A worker starts with every run, so it pays for what it makes load with and for nothing else.
HEAVY_FOR_A_WORKER: Final = HEAVY | {"pydantic", "pydantic_settings", "rich", "yaml"}
IMPORT_LIMIT_S: Final = 0.1


def loaded_by(module: str) -> set[str]:
    """Top-level packages in `sys.modules` of a fresh interpreter after the import; this one has imported them all."""
    code = f"import sys, {module}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_package_imports_nothing_heavy() -> None:
    assert not loaded_by("maid_lab") & HEAVY


def test_a_worker_imports_nothing_heavy() -> None:
    assert not loaded_by("maid_lab.engine.worker") & HEAVY_FOR_A_WORKER


def test_the_package_imports_in_a_tenth_of_a_second() -> None:
    code = "import time; start = time.perf_counter(); import maid_lab; print(time.perf_counter() - start)"
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    assert min(times) < IMPORT_LIMIT_S


def test_the_version_is_written_once() -> None:
    assert version("maid-lab") == maid_lab._version.__version__
    written = [path for path in MODULES if re.search(r"^__version__ *=", path.read_text(encoding="utf-8"), re.MULTILINE)]
    assert written == [PACKAGE / "_version.py"]


def exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def defined(tree: ast.Module) -> set[str]:
    """Functions and classes of the module that carry no underscore; a command registered with `app` is reached through that."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    return {node.name for node in found if not any(ast.unparse(each).startswith("app.") for each in node.decorator_list)}


def bound(tree: ast.Module) -> set[str]:
    """All names that the module's top level binds, also inside `if`, `try` and `with`."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names | defined(tree)


def in_order(names: list[str]) -> list[str]:
    """Constants, classes, the rest; each by name, numbers in it by value: the order of ruff's RUF022."""
    return sorted(names, key=lambda name: (_rank(name), [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]))


def _rank(name: str) -> int:
    if name.isupper():
        return 0
    return 1 if name[0].isupper() else 2


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_all_names_the_public_surface(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = exported(tree)
    if names is None:
        assert path.name in {"__init__.py", "__main__.py", "_version.py"} or not defined(tree), "a module with public names has `__all__`"
        return
    lazy = "__getattr__" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert names == in_order(names)
    assert defined(tree) - {"__getattr__", "__dir__"} <= set(names)
    assert lazy or set(names) <= bound(tree)
