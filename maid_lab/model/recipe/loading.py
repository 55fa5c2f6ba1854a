"""From a file or text to a recipe with all that is to be said about it: levels L0 to L2."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from maid_lab.model.diagnostics import Diagnostic, has_errors
from maid_lab.model.files import FOLDER_ONLY, FileProblem, Files, read_all
from maid_lab.model.recipe.document import Document, parse_document
from maid_lab.model.recipe.semantics import check_meaning
from maid_lab.model.recipe.top import Fragment, Recipe
from maid_lab.model.recipe.translate import translate

__all__ = ["Loaded", "load_recipe", "parse_recipe"]

T = TypeVar("T", bound=BaseModel)

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A recipe as it was read.

    Attributes
    ----------
    recipe : Recipe or None
        None when its form is wrong.
    diagnostics : tuple of Diagnostic
        Errors first.
    fragments : dict
        Included fragments by the name of their include.
    files : Files
        What opens the files that it names.
    """

    recipe: Recipe | None
    diagnostics: tuple[Diagnostic, ...]
    document: Document
    text: str
    source: str = ""
    base_dir: Path | None = None
    fragments: dict[str, Fragment] = field(default_factory=dict)
    fragment_hashes: tuple[str, ...] = ()
    files: Files = field(default=FOLDER_ONLY, compare=False, repr=False)

    @property
    def is_valid(self) -> bool:
        """Whether there is no error."""
        return self.recipe is not None and not has_errors(self.diagnostics)


def load_recipe(path: Path | str, *, files: Files = FOLDER_ONLY) -> Loaded:
    """Read and validate a recipe file; what is wrong is in the diagnostics. `files` opens it and what it names."""
    file = Path(path)
    try:
        raw = read_all(files.open(file.name, file.parent), str(file))
    except FileProblem as problem:
        return _unreadable(str(file), problem.code, str(problem), problem.hint)
    if file.suffix not in SUFFIXES:
        return _unreadable(str(file), "E001", f"{file} does not end in {', '.join(SUFFIXES)}", "Rename the file.")
    return parse_recipe(raw, source=str(path), base_dir=file.parent.resolve(), files=files)


def parse_recipe(text: str | bytes, *, source: str = "", base_dir: Path | None = None, files: Files = FOLDER_ONLY) -> Loaded:
    """Validate the text of a recipe.

    Parameters
    ----------
    text : str or bytes
        YAML or JSON.
    source : str
        Name shown in diagnostics.
    base_dir : Path, optional
        Folder below which data files and fragments are looked for.
    files : Files
        What opens them.
    """
    document = parse_document(text, source=source)
    diagnostics = list(document.diagnostics)
    recipe: Recipe | None = None
    fragments: dict[str, Fragment] = {}
    hashes: tuple[str, ...] = ()
    if not has_errors(diagnostics):
        recipe = _validated(Recipe, document, diagnostics)
    if recipe is not None:
        fragments, hashes = _Includes(base_dir, files, document, diagnostics).load(recipe)
        diagnostics += check_meaning(recipe, document, base_dir, files)
    diagnostics.sort(key=lambda item: (item.severity != "error", item.line, item.column))
    shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return Loaded(
        recipe=recipe, diagnostics=tuple(diagnostics), document=document, text=shown, source=source, base_dir=base_dir, fragments=fragments,
        fragment_hashes=hashes, files=files,
    )  # fmt: skip


def _validated(model: type[T], document: Document, diagnostics: list[Diagnostic]) -> T | None:
    if not isinstance(document.data, dict):
        diagnostics.append(
            Diagnostic(
                code="E103",
                severity="error",
                message="the file is not a mapping",
                line=1,
                column=1,
                source=document.source,
                hint="A recipe begins with schema: maid.recipe/v1, id, title, description, load and scenarios.",
            )
        )
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        diagnostics += translate(error, document, model)
        return None


class _Includes:
    def __init__(self, base_dir: Path | None, files: Files, document: Document, diagnostics: list[Diagnostic]) -> None:
        self._base_dir = base_dir
        self._files = files
        self._document = document
        self._diagnostics = diagnostics

    def load(self, recipe: Recipe) -> tuple[dict[str, Fragment], tuple[str, ...]]:
        fragments: dict[str, Fragment] = {}
        hashes: list[str] = []
        for index, include in enumerate(recipe.include):
            pointer = f"/include/{index}"
            if include.path is None:
                self._say("E401", "including another recipe is not available here", "Include a fragment file by path.", pointer)
                continue
            raw = self._read(include.path, pointer)
            if raw is None:
                continue
            document = parse_document(raw, source=include.path)
            self._diagnostics += document.diagnostics
            if has_errors(document.diagnostics):
                continue
            fragment = _validated(Fragment, document, self._diagnostics)
            if fragment is not None:
                if _uses(document.data):
                    self._say("E222", f"fragment {include.path} includes others", "Put the inner steps into it.", pointer)
                fragments[include.name] = fragment
                hashes.append(hashlib.sha256(raw).hexdigest())
        return fragments, tuple(hashes)

    def _read(self, path: str, pointer: str) -> bytes | None:
        if self._base_dir is None:
            self._say("E305", "a recipe without a folder includes no files", "Save the recipe beside its fragments.", pointer)
            return None
        try:
            return read_all(self._files.open(path, self._base_dir), f"fragment {path}")
        except FileProblem as problem:
            self._say(problem.code, str(problem), problem.hint, pointer)
            return None

    def _say(self, code: str, message: str, hint: str, pointer: str) -> None:
        line, column = self._document.place(pointer)
        self._diagnostics.append(
            Diagnostic(
                code=code,
                severity="error",
                message=message,
                hint=hint,
                pointer=pointer,
                line=line,
                column=column,
                source=self._document.source,
            )
        )


def _uses(tree: Any) -> bool:
    if isinstance(tree, dict):
        return "use" in tree or any(map(_uses, tree.values()))
    return isinstance(tree, list) and any(map(_uses, tree))


def _unreadable(source: str, code: str, message: str, hint: str) -> Loaded:
    diagnostic = Diagnostic(code=code, severity="error", message=message, hint=hint, source=source)
    return Loaded(recipe=None, diagnostics=(diagnostic,), document=Document(source=source), text="", source=source)
