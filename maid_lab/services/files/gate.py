"""The file gate: opens what a recipe, page or tool names, unless it is outside of the roots or kept out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from maid_lab.model.files import FileProblem, open_real
from maid_lab.services.files.layers import Rule, deciding_rule
from maid_lab.services.home import jupyter_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from maid_lab.services.settings import Settings

__all__ = ["FileGate"]


class FileGate:
    """Decides which files MAID Lab itself reads; a guard against accidents and over-reach, not a sandbox.

    Parameters
    ----------
    home : Path
        The home folder; its `recipes/` is a root.
    roots : iterable of Path
        Folders below which files may be read.
    certificates : iterable of Path
        Files that may be read as certificates although the core protects their kind; exact paths.
    is_recipe_folder_root : bool
        Whether the folder of a recipe is a root, wherever it lies: so on the command line, where a person named the recipe.
    environ : mapping
        Where the folders of Jupyter and of the person's configuration are named.
    """

    def __init__(
        self,
        home: Path,
        roots: Iterable[Path] = (),
        *,
        certificates: Iterable[Path] = (),
        is_recipe_folder_root: bool = True,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._home = home.resolve()
        self._roots = tuple(dict.fromkeys(root.resolve() for root in (*roots, home / "recipes")))
        self._certificates = frozenset(path.resolve() for path in certificates)
        self._is_recipe_folder_root = is_recipe_folder_root
        self._own_places = tuple(path.resolve() for path in jupyter_places(environ))
        self._user_file = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "maid" / ".maidignore"

    @classmethod
    def load(cls, home: Path, settings: Settings, *roots: Path, is_recipe_folder_root: bool = True) -> FileGate:
        """Return the gate of a home folder: these roots and those of the settings `files_roots` and `files_certificates`."""
        more, certificates = (_paths(text) for text in (settings.files_roots, settings.files_certificates))
        return cls(home, (*roots, *more), certificates=certificates, is_recipe_folder_root=is_recipe_folder_root)

    def open(self, path: str | Path, base_dir: Path | None, *, is_certificate: bool = False) -> IO[bytes]:
        """Open a file that may be read; its `name` is the real path.

        Raises
        ------
        FileProblem
            If it is outside of the roots or no regular file (E305), kept out by a list (E304), or missing (E306).
        """
        shown = str(path)
        if base_dir is None and not Path(path).is_absolute():
            raise FileProblem(
                "E305", "a recipe without a folder reads no files; save it beside its data", "Save the recipe beside its files."
            )

        def judge(real: Path) -> None:
            self._judge(real, base_dir, shown, is_certificate=is_certificate)

        return open_real(Path(path) if base_dir is None else base_dir / path, judge, shown=shown)

    def stat(self, path: str | Path, base_dir: Path | None, *, is_certificate: bool = False) -> Path:
        """Return the real path of a file that may be read; raises as `open` does."""
        with self.open(path, base_dir, is_certificate=is_certificate) as file:
            return Path(file.name)

    def list(self, folder: Path) -> tuple[Path, ...]:
        """Return the files of a folder that may be read, in order."""
        try:
            paths = sorted(folder.iterdir())
        except OSError:
            return ()
        return tuple(path for path in paths if self._may_list(path, folder))

    def explain(self, path: str | Path, base_dir: Path | None = None) -> dict[str, Any]:
        """Return what would be said of a path: `decision`, `rule`, `source` and `code`. The file need not be there."""
        given = Path(path).expanduser()
        real = Path(os.path.realpath(given if base_dir is None else base_dir / given))
        folder = base_dir if base_dir is not None else real.parent if self._is_recipe_folder_root else None
        root = self._root_of(real, folder)
        if root is None:
            return {
                "path": str(real),
                "decision": "refused",
                "code": "E305",
                "rule": "outside of the allowed folders",
                "source": self._names(),
            }
        rule = self._rule(real, root)
        if rule is not None and rule.is_kept_out and real not in self._certificates:
            return {"path": str(real), "decision": "refused", "code": "E304", "rule": str(rule), "source": rule.file or "core"}
        said = str(rule) if rule is not None and not rule.is_kept_out else "named in files_certificates" if rule else "no list names it"
        return {"path": str(real), "decision": "allowed", "code": "", "rule": said, "source": str(root)}

    def _judge(self, real: Path, base_dir: Path | None, shown: str, *, is_certificate: bool) -> None:
        if is_certificate and real in self._certificates:
            return
        root = self._root_of(real, base_dir)
        if root is None:
            message = f"{shown} is outside the recipe's folder and the other folders that may be read"
            raise FileProblem("E305", message, "Put the file beside the recipe, or its folder into the setting files_roots.")
        rule = self._rule(real, root)
        if rule is not None and rule.is_kept_out:
            hint = "Choose another file; a test certificate is named in the setting files_certificates." if rule.layer == "core" else (
                "Choose another file, or change that list."
            )  # fmt: skip
            raise FileProblem("E304", f"{shown} is kept out by {rule}", hint)

    def _may_list(self, path: Path, folder: Path) -> bool:
        try:
            self._judge(Path(os.path.realpath(path)), folder, str(path), is_certificate=False)
        except FileProblem:
            return False
        return path.is_file()

    def _rule(self, real: Path, root: Path) -> Rule | None:
        return deciding_rule(real, root, home=self._home, user_file=self._user_file, own_places=self._own_places)

    def _root_of(self, real: Path, base_dir: Path | None) -> Path | None:
        """Return the outermost root that the file is in: so the most lists are asked."""
        roots = (*self._roots, base_dir.resolve()) if base_dir is not None and self._is_recipe_folder_root else self._roots
        return min((root for root in roots if real.is_relative_to(root)), key=lambda root: len(root.parts), default=None)

    def _names(self) -> str:
        return os.pathsep.join(map(str, self._roots))


def _paths(text: str) -> list[Path]:
    return [Path(part).expanduser() for part in text.split(os.pathsep) if part.strip()]
