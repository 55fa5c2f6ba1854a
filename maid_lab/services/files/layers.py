"""The lists that keep files out: the protected core, and what `.maidignore` files say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from pathspec import GitIgnoreSpec

from maid_lab.model.errors import Conflict

__all__ = ["CORE", "NAME", "TEMPLATE", "Rule", "deciding_rule", "write_template"]

NAME: Final = ".maidignore"
#: Kept out everywhere, whatever a file says.
CORE: Final = (
    ".env", ".env.*", "!.env.example", "secrets.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.kdbx", "id_rsa*", "id_ed25519*", ".ssh/", ".aws/",
    ".gnupg/", ".kube/", "**/.docker/config.json", ".netrc", ".pypirc", ".npmrc", ".git/", "jupyter_cookie_secret", "jpserver-*.json",
    "jpserver-*.html", "jupyter_*_config.py", "jupyter_*_config.json",
)  # fmt: skip
#: Folders of the home that recipes may read.
_OPEN_AT_HOME: Final = ("recipes", "prompts", "runs")
_MOST_BYTES: Final = 256 * 1024

TEMPLATE: Final = """\
# Files that MAID Lab does not read, in the syntax of .gitignore.
# This is a guard against accidents and over-reach, not a sandbox: code that a person runs in a kernel or a Python scenario reads what it likes.
#
# Credentials are kept out whatever stands here: .env, *.pem, *.key, .ssh/, .git/ and others; see docs/policy.md.
# A test certificate that a recipe needs is named in the setting files_certificates.
#
# customers-real.csv
# exports/
# !exports/sample.csv
#
# Keep out what git ignores, too:
# #include .gitignore
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line that decided about a path.

    Attributes
    ----------
    layer : str
        `core`, `user`, `root` or `nested`.
    file : str
        The file that it stands in, empty for the core.
    is_kept_out : bool
        False for a line with `!`.
    """

    layer: str
    file: str
    line: int
    pattern: str
    is_kept_out: bool

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.file else "the protected core"
        return f"{self.pattern} ({self.layer}, {where})" if self.file else f"{self.pattern} ({where})"


def write_template(folder: Path) -> Path:
    """Write a commented list into a folder and return its path.

    Raises
    ------
    Conflict
        If there is one already.
    """
    path = folder / NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise Conflict(f"{path} is there already.", hint="Edit it.") from None
    return path


def deciding_rule(real: Path, root: Path, *, home: Path, user_file: Path, own_places: tuple[Path, ...]) -> Rule | None:
    """Return the line that decides about a file below a root, None when no line names it.

    Parameters
    ----------
    home : Path
        The home folder, real path.
    user_file : Path
        The person's own list.
    own_places : tuple of Path
        Folders of Jupyter that hold tokens and configuration.
    """
    core = _core_rule(real, home, own_places)
    if core is not None:
        return core
    found: Rule | None = None
    for layer, file, base in _lists(real, root, user_file):
        found = _last(layer, file, real.relative_to(base)) or found
    return found


def _core_rule(real: Path, home: Path, own_places: tuple[Path, ...]) -> Rule | None:
    def kept(pattern: str, line: int = 0) -> Rule:
        return Rule(layer="core", file="", line=line, pattern=pattern, is_kept_out=True)

    # In lower case: on a disk without case `.ENV` is `.env`.
    answer = _core().check_file(real.as_posix().lstrip("/").lower())
    if answer.include and answer.index is not None:
        return kept(CORE[answer.index], answer.index + 1)
    if real.is_relative_to(home) and real.relative_to(home).parts[:1] not in [(name,) for name in _OPEN_AT_HOME]:
        return kept("MAID_HOME but recipes/, prompts/ and runs/")
    # The home may lie in Jupyter's own folders: what is open there was decided above.
    if not real.is_relative_to(home):
        place = next((place for place in own_places if real.is_relative_to(place)), None)
        if place is not None:
            return kept(f"{place.name}/ of Jupyter")
    return None


@lru_cache(maxsize=1)
def _core() -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(CORE)


def _lists(real: Path, root: Path, user_file: Path) -> list[tuple[str, Path, Path]]:
    """Return layer, file and folder that its lines are relative to, in the order in which they count."""
    folders = [root]
    for part in real.relative_to(root).parts[:-1]:
        folders.append(folders[-1] / part)
    nested = [("root" if folder == root else "nested", folder / NAME, folder) for folder in folders]
    return [(layer, file, base) for layer, file, base in [("user", user_file, root), *nested] if file.is_file() or file.is_symlink()]


def _last(layer: str, file: Path, path: Path) -> Rule | None:
    lines = _lines(layer, file)
    if isinstance(lines, Rule):
        return lines
    answer = GitIgnoreSpec.from_lines([text for _, _, text in lines]).check_file(path.as_posix())
    if answer.include is None or answer.index is None:
        return None
    source, line, pattern = lines[answer.index]
    return Rule(layer=layer, file=str(source), line=line, pattern=pattern, is_kept_out=answer.include)


def _lines(layer: str, file: Path, *, is_included: bool = False) -> list[tuple[Path, int, str]] | Rule:
    """Return file, line and text of the patterns of a list; one that cannot be read keeps everything out."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MOST_BYTES + 1)
        text = raw.decode("utf-8")
    except FileNotFoundError:
        if is_included:
            return []
        return Rule(layer=layer, file=str(file), line=0, pattern="(the list leads nowhere)", is_kept_out=True)
    except (OSError, ValueError) as error:
        return Rule(layer=layer, file=str(file), line=0, pattern=f"(the list cannot be read: {error})", is_kept_out=True)
    if len(raw) > _MOST_BYTES:
        return Rule(layer=layer, file=str(file), line=0, pattern="(the list is too large)", is_kept_out=True)
    found: list[tuple[Path, int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.split() == ["#include", ".gitignore"] and not is_included:
            more = _lines(layer, file.with_name(".gitignore"), is_included=True)
            if isinstance(more, Rule):
                return more
            found += more
        elif line.strip() and not line.startswith("#"):
            found.append((file, number, line))
    return found
