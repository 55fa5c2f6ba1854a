"""The checkout around the code: what may stand in it and what must agree."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from typer.main import get_command

from tests.benchmarks.__main__ import BENCHMARKS

TOP: Final = Path(__file__).parent.parent
LIMIT_BYTES: Final = 1_000_000
#: The order of the house; a new thing at the top is a decision, not an accident.
TOP_LEVEL: Final = {
    ".ci", ".gitignore", "LICENSE", "Makefile", "README.md", "docs", "jupyter-config", "maid_lab", "notebooks", "pyproject.toml", "recipes",
    "tests", "voila_dashboards",
}  # fmt: skip
#: Folders of tests that mirror neither a room nor a folder at the top, such as `recipes`.
NO_ROOM: Final = {"benchmarks", "browser", "support", "security"}

# Put together here, so that this file does not hold what it looks for.
MACHINE_PATH: Final = re.compile(r"(?:^|[^A-Za-z0-9_.~-])/(?:" + "|".join(("work", "root", "home/[a-z]+", "Users/[A-Za-z]+")) + ")/")
OUTSIDE_HOST: Final = re.compile("|".join(("jsdel" + "ivr", "unp" + r"kg\.com", "cdn" + "js", r"esm\.s" + "h/", r"fonts\.google" + "apis")))
REGISTRY: Final = re.compile(
    "|".join(("python" + r"hosted\.org", "registry.npm" + "js", r"download\.py" + "torch", r"pypi\.or" + "g/simple"))
)


@cache
def tracked() -> tuple[Path, ...]:
    """Files of the project: tracked ones, and new ones that are not ignored, so that a fault shows before it is committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return tuple(path for name in done.stdout.split("\0") if name and (path := TOP / name).is_file())


@cache
def texts() -> dict[str, str]:
    found = {}
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            found[path.relative_to(TOP).as_posix()] = content.decode("utf-8")
    return found


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts().items()
        if not name.endswith(".svg")
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", texts()["Makefile"], re.MULTILINE))


def test_no_file_is_larger_than_a_megabyte() -> None:
    assert not [path.name for path in tracked() if path.stat().st_size > LIMIT_BYTES]


def test_no_path_of_a_machine_is_written_down() -> None:
    assert not lines_with(MACHINE_PATH)


def test_nothing_is_loaded_from_a_host_outside() -> None:
    assert not lines_with(OUTSIDE_HOST)


def test_no_registry_host_is_named() -> None:
    assert not lines_with(REGISTRY)


def test_the_top_level_is_as_decided() -> None:
    assert {path.relative_to(TOP).parts[0] for path in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("page", ["README.md", "docs/development.md", "docs/benchmarks.md", ".ci/run"])
def test_make_commands_in_the_text_exist(page: str) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", texts()[page], re.MULTILINE))
    assert named <= targets(), f"{page} names targets that the Makefile lacks"


def test_maid_commands_in_the_readme_exist() -> None:
    from maid_lab.cli.app import app

    named = set(re.findall(r"^maid ([a-z]+)", texts()["README.md"], re.MULTILINE))
    assert named
    assert named <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_recipe_in_the_readme_has_no_findings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from maid_lab.cli.entry import call

    (recipe,) = re.findall(r"```yaml\n(.+?)```", texts()["README.md"], re.DOTALL)
    path = tmp_path / "first.yaml"
    path.write_text(recipe, encoding="utf-8")
    code = call(["validate", str(path), "--json"])
    assert (code, json.loads(capfd.readouterr().out)) == (0, [])


def test_every_benchmark_is_documented() -> None:
    documented = re.findall(r"^\| `([a-z0-9-]+)` \|", texts()["docs/benchmarks.md"], re.MULTILINE)
    assert documented == list(BENCHMARKS)


def test_the_readme_names_the_two_commands() -> None:
    assert {"make demo", "make test"} <= set(re.findall(r"make [a-z]+", texts()["README.md"]))


def test_every_page_of_the_documentation_is_linked() -> None:
    pages = {name.removeprefix("docs/") for name in texts() if re.fullmatch(r"docs/.+\.md", name)} - {"index.md"}
    assert pages == set(re.findall(r"\]\(([\w/-]+\.md)\)", texts()["docs/index.md"]))


@pytest.mark.parametrize("page", sorted(name for name in texts() if re.fullmatch(r"README\.md|docs/.+\.md", name)))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", texts()[page]) if "://" not in link]
    assert not [link for link in links if not ((TOP / page).parent / link).exists()]


def test_folders_of_tests_mirror_the_rooms() -> None:
    rooms = {path.stem for path in (TOP / "maid_lab").iterdir()} | {path.name for path in TOP.iterdir()}
    folders = {name.split("/")[1] for name in texts() if name.startswith("tests/") and name.count("/") > 1}
    assert folders - NO_ROOM <= rooms


def test_every_room_with_code_has_tests() -> None:
    rooms = {name.split("/")[1] for name in texts() if re.fullmatch(r"maid_lab/\w+/.+\.py", name) and texts()[name].strip()}
    assert rooms <= {name.split("/")[1] for name in texts() if re.fullmatch(r"tests/\w+/.*test_\w+\.py", name)}


def test_a_folder_of_tests_is_a_package() -> None:
    folders = {Path(name).parent.as_posix() for name in texts() if name.startswith("tests/") and name.endswith(".py")}
    assert not [folder for folder in sorted(folders) if f"{folder}/__init__.py" not in texts()]
