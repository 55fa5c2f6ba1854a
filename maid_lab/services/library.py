"""Where recipes are found by name: the built-in ones, a person's own, and files by path."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from maid_lab.model.errors import Missing, Refused
from maid_lab.model.files import FOLDER_ONLY, FileProblem, Files

__all__ = ["RecipeLibrary", "RecipeSource", "command_line_files", "shipped_recipes"]

_SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSource:
    """A recipe that was found: its file, or its text when it has none."""

    origin: Literal["builtin", "user", "file", "text"]
    path: Path | None = None
    text: str = ""
    files: Files = field(default=FOLDER_ONLY, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Id for recipes of the library, path for files."""
        if self.path is None:
            return "recipe text"
        return str(self.path) if self.origin == "file" else self.path.stem.partition("@")[0]


class RecipeLibrary:
    """Finds recipes.

    Parameters
    ----------
    home : Path
        Home folder; a person's own recipes are in its `recipes/`.
    shipped : Path, optional
        Folder of the built-in recipes.
    files : Files, optional
        What opens recipes and what they name; by default the gate of the home folder.
    """

    def __init__(self, home: Path, shipped: Path | None = None, *, files: Files | None = None) -> None:
        self.files = files or command_line_files(home, shipped)
        self._folders: tuple[tuple[Literal["user", "builtin"], Path], ...] = (
            ("user", home / "recipes"),
            ("builtin", shipped or shipped_recipes()),
        )

    def sources(self) -> tuple[RecipeSource, ...]:
        """Return all recipes of the library by id; a person's own hides the built-in one of the same id."""
        found: dict[str, RecipeSource] = {}
        for origin, folder in self._folders:
            for path in self.files.list(folder):
                if path.suffix in _SUFFIXES:
                    source = RecipeSource(origin=origin, path=path, files=self.files)
                    found.setdefault(source.name, source)
        return tuple(found[name] for name in sorted(found))

    def find(self, reference: str) -> RecipeSource:
        """Return the recipe for an id, a path, or the text of a recipe itself.

        Raises
        ------
        Missing
            If there is none; the hint names those that are spelled alike.
        """
        if "\n" in reference:
            return RecipeSource(origin="text", text=reference, files=self.files)
        path = Path(reference).expanduser()
        if path.suffix in _SUFFIXES or len(path.parts) > 1:
            return self._file(path)
        known = {source.name: source for source in self.sources()}
        if reference in known:
            return known[reference]
        raise Missing(
            f"there is no recipe {reference!r}.",
            hint=_near(reference, list(known)) or "maid recipes list shows all; a file needs its suffix.",
        )

    def _file(self, path: Path) -> RecipeSource:
        try:
            self.files.stat(path.name, path.parent)
        except FileProblem as problem:
            if problem.code in ("E304", "E305") and not path.is_dir():
                raise Refused(f"{problem.code} recipe file {path}: {problem}.", hint=problem.hint) from None
            beside = [file.name for file in self.files.list(path.parent) if file.suffix in _SUFFIXES]
            raise Missing(f"recipe file {path} is not there.", hint=_near(path.name, beside) or "Check the path.") from None
        return RecipeSource(origin="file", path=path, files=self.files)


def command_line_files(home: Path, shipped: Path | None = None) -> Files:
    """Return the gate for a person at a terminal: the current folder, the built-in recipes, and the folder of each recipe that is named."""
    from maid_lab.services.files.gate import FileGate
    from maid_lab.services.settings import load_settings

    return FileGate.load(home, load_settings(home), Path.cwd(), shipped or shipped_recipes())


def shipped_recipes() -> Path:
    """Return the folder of the built-in recipes: in the wheel, or at the top of a source checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_shipped" / "recipes"
    return shipped if shipped.is_dir() else package.parent / "recipes"


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else ""
