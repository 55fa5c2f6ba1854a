"""The file gate: roots, the protected core, and lists of persons and folders."""

import os
from pathlib import Path

import pytest

from maid_lab.model.files import FileProblem
from maid_lab.services.files.gate import FileGate
from maid_lab.services.files.layers import TEMPLATE
from maid_lab.services.settings import load_settings

CORE_NAMES = (
    ".env", ".env.local", "secrets.yaml", "a.pem", "a.key", "a.p12", "a.pfx", "a.kdbx", "id_rsa", "id_rsa.pub", "id_ed25519", ".ssh/config",
    ".aws/credentials", ".gnupg/x", ".kube/config", ".docker/config.json", ".netrc", ".pypirc", ".npmrc", ".git/config", "deep/er/.git/config",
    "jupyter_cookie_secret", "jpserver-1.json", "jupyter_server_config.py", ".ENV", "A.PEM",
)  # fmt: skip


class Place:
    """A folder with a recipe, a home and a person's configuration."""

    def __init__(self, tmp: Path, *, is_free: bool = True) -> None:
        self.folder, self.home, self.config = tmp / "work", tmp / "home", tmp / "config"
        for path in (self.folder, self.home, self.config / "maid"):
            path.mkdir(parents=True)
        self.environ = {"XDG_CONFIG_HOME": str(self.config), "JUPYTER_CONFIG_DIR": str(tmp / "jc"), "JUPYTER_RUNTIME_DIR": str(tmp / "jr")}
        self.gate = self.made(is_free=is_free)

    def made(self, *roots: Path, is_free: bool = True, certificates: tuple[Path, ...] = ()) -> FileGate:
        return FileGate(self.home, roots, environ=self.environ, is_recipe_folder_root=is_free, certificates=certificates)

    def write(self, name: str, text: str = "canary") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def says(self, name: str | Path, gate: FileGate | None = None, *, is_certificate: bool = False) -> str:
        try:
            with (gate or self.gate).open(name, self.folder, is_certificate=is_certificate) as file:
                return file.read().decode()
        except FileProblem as problem:
            return f"{problem.code} {problem}"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("name", CORE_NAMES)
def test_the_core_cannot_be_opened_again(name: str, place: Place) -> None:
    place.write(name)
    place.write(".maidignore", "!*\n!.*\n!**/*\n")
    (place.config / "maid" / ".maidignore").write_text("!*\n")
    assert place.says(name).startswith("E304 ")
    assert "the protected core" in place.says(name)


def test_the_example_of_an_environment_is_no_secret(place: Place) -> None:
    place.write(".env.example")
    assert place.says(".env.example") == "canary"


@pytest.mark.parametrize("name", ["secrets/jwt.key", "maid.duckdb", "config.json", "targets.yaml"])
def test_of_the_home_only_recipes_prompts_and_runs_are_read(name: str, place: Place) -> None:
    gate = place.made(place.home)
    (place.home / "secrets").mkdir()
    for each in (place.home / name, place.home / "recipes" / "a.csv"):
        each.parent.mkdir(exist_ok=True)
        each.write_text("canary")
    assert place.says(place.home / name, gate).startswith("E304 ")
    assert place.says(place.home / "recipes" / "a.csv", gate) == "canary"


def test_the_folders_of_jupyter_are_kept_out(place: Place, tmp_path: Path) -> None:
    for folder in ("jc", "jr"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kernel.json").write_text("canary")
        assert place.says(tmp_path / folder / "kernel.json", place.made(tmp_path)).startswith("E304 ")


def test_the_last_line_that_names_a_file_wins_and_a_refusal_says_where_it_stands(place: Place) -> None:
    for name in ("a.csv", "b.csv", "data/c.csv", "data/d.csv"):
        place.write(name)
    (place.config / "maid" / ".maidignore").write_text("*.csv\n")
    place.write(".maidignore", "# open again\n!b.csv\n!data/*\n")
    place.write("data/.maidignore", "\n/d.csv\n")
    assert [place.says(name)[:6] for name in ("a.csv", "b.csv", "data/c.csv", "data/d.csv")] == ["E304 a", "canary", "canary", "E304 d"]
    assert place.says("a.csv") == f"E304 a.csv is kept out by *.csv (user, {place.config}/maid/.maidignore:1)"
    assert place.says("data/d.csv").endswith(f"/d.csv (nested, {place.folder}/data/.maidignore:2)")


def test_what_git_ignores_counts_only_when_it_is_included(place: Place) -> None:
    place.write("a.csv")
    place.write(".gitignore", "*.csv\n")
    assert place.says("a.csv") == "canary"
    place.write(".maidignore", "#include .gitignore\n")
    assert place.says("a.csv").endswith(f"(root, {place.folder}/.gitignore:1)")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x\n" * 200_000])
def test_a_list_that_cannot_be_read_keeps_everything_out(content: bytes, place: Place) -> None:
    place.write("a.csv")
    (place.folder / ".maidignore").write_bytes(content)
    assert place.says("a.csv").startswith("E304 ")
    (place.folder / ".maidignore").unlink()
    (place.folder / ".maidignore").symlink_to(place.folder / "nowhere")
    assert place.says("a.csv").startswith("E304 ")


def test_lists_of_the_outermost_root_count_too(place: Place) -> None:
    place.write("inner/a.csv")
    place.write(".maidignore", "inner/\n")
    inner = place.folder / "inner"
    assert place.made().stat("a.csv", inner) == inner / "a.csv"
    with pytest.raises(FileProblem, match=r"kept out by inner/ \(root"):
        place.made(place.folder).stat("a.csv", inner)


def test_a_server_does_not_take_the_folder_of_a_recipe_for_a_root(tmp_path: Path) -> None:
    place = Place(tmp_path, is_free=False)
    place.write("a.csv")
    assert place.says("a.csv").startswith("E305 ")
    assert place.says("a.csv", place.made(place.folder, is_free=False)) == "canary"


def test_a_certificate_that_is_named_in_the_settings_is_read_as_one_and_as_nothing_else(place: Place) -> None:
    path = place.write("test.pem")
    gate = place.made(certificates=(path,))
    assert place.says("test.pem", gate, is_certificate=True) == "canary"
    assert place.says("test.pem", gate).startswith("E304 ")


def test_roots_come_from_the_settings(place: Place, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "a.csv").write_text("canary")
    settings = load_settings(place.home, flags={"files_roots": os.pathsep.join([str(tmp_path / "shared"), str(tmp_path / "none")])})
    assert place.says("../shared/a.csv", FileGate.load(place.home, settings)) == "canary"
    assert place.says("../shared/a.csv").startswith("E305 ")


def test_a_folder_lists_what_may_be_read(place: Place) -> None:
    for name in ("b.yaml", "a.yaml", ".env", "kept.yaml", "sub/x.yaml"):
        place.write(name)
    place.write(".maidignore", "kept.yaml\n")
    assert [path.name for path in place.gate.list(place.folder)] == [".maidignore", "a.yaml", "b.yaml"]
    assert place.gate.list(place.folder / "none") == ()


def test_a_path_is_explained_even_when_it_is_not_there(place: Place, tmp_path: Path) -> None:
    place.write(".maidignore", "*.log\n")
    told = [place.gate.explain(name, place.folder) for name in ("a.csv", "x.log", ".env", tmp_path / "x")]
    assert [(each["decision"], each["code"]) for each in told] == [
        ("allowed", ""),
        ("refused", "E304"),
        ("refused", "E304"),
        ("refused", "E305"),
    ]
    assert told[1]["rule"] == f"*.log (root, {place.folder}/.maidignore:1)"


def test_the_template_says_what_it_is_and_keeps_nothing_out(place: Place) -> None:
    place.write("a.csv")
    place.write(".maidignore", TEMPLATE)
    assert "not a sandbox" in TEMPLATE.splitlines()[1]
    assert place.says("a.csv") == "canary"
