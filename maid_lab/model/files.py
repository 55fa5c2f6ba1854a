"""Files that a recipe names, as planning sees them: asked of a gate, which opens a file first and judges what it has opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Final, Protocol

__all__ = ["FOLDER_ONLY", "FileProblem", "Files", "FolderFiles", "open_real", "read_all", "read_planned", "real_path"]

_MOST_BYTES: Final = 256 * 1024 * 1024


class FileProblem(ValueError):
    """A file that is not read.

    Attributes
    ----------
    code : str
        E304 kept out by a list, E305 outside of the allowed folders or no file, E306 missing, E402 too large.
    hint : str
        The remedy.
    """

    def __init__(self, code: str, message: str, hint: str = "Check the path.") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class Files(Protocol):
    """What opens files for planning. `base_dir` is the folder of the recipe, None for a recipe without one."""

    def open(self, path: str | Path, base_dir: Path | None, *, is_certificate: bool = False) -> IO[bytes]:
        """Open a file; its `name` is the real path.

        Raises
        ------
        FileProblem
            If it may not or cannot be read.
        """

    def list(self, folder: Path) -> tuple[Path, ...]:
        """Return the files of a folder that may be read, in order; none when the folder is not there."""

    def stat(self, path: str | Path, base_dir: Path | None, *, is_certificate: bool = False) -> Path:
        """Return the real path of a file that may be read; raises as `open` does."""


class FolderFiles:
    """Reads below the folder of a recipe and nowhere else: what holds where no policy was given."""

    def open(self, path: str | Path, base_dir: Path | None, *, is_certificate: bool = False) -> IO[bytes]:
        """Open a file below the folder."""
        if base_dir is None:
            raise FileProblem(
                "E305", "a recipe without a folder reads no files; save it beside its data", "Save the recipe beside its files."
            )

        def judge(real: Path) -> None:
            if not is_certificate and not real.is_relative_to(base_dir.resolve()):
                raise FileProblem("E305", f"{path} is outside the recipe's folder", "Put the file beside the recipe.")

        return open_real(base_dir / path, judge, shown=str(path))

    def list(self, folder: Path) -> tuple[Path, ...]:
        """Return the files of a folder."""
        return tuple(sorted(path for path in folder.iterdir() if path.is_file())) if folder.is_dir() else ()

    def stat(self, path: str | Path, base_dir: Path | None, *, is_certificate: bool = False) -> Path:
        """Return the real path of a file."""
        with self.open(path, base_dir, is_certificate=is_certificate) as file:
            return Path(file.name)


FOLDER_ONLY: Final = FolderFiles()


class _Judge(Protocol):
    def __call__(self, real: Path, /) -> None: ...


def open_real(path: Path, judge: _Judge, *, shown: str) -> IO[bytes]:
    """Open a file, then judge the path of what was opened: a link that is swapped meanwhile gains nothing.

    Raises
    ------
    FileProblem
        If it is missing, no regular file, or the judge says so.
    """
    try:
        kind = path.stat().st_mode
        # A device is not even opened; a pipe put there meanwhile must not block.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)) if stat.S_ISREG(kind) else -1
    except (OSError, ValueError) as error:
        # What stands outside is refused as such, so that nobody learns whether it is there.
        judge(Path(os.path.realpath(path)) if "\0" not in str(path) else path)
        reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise FileProblem("E306", f"{shown} {reason}") from None
    if descriptor < 0:
        judge(Path(os.path.realpath(path)))
        raise _no_file(shown, kind)
    try:
        real = real_path(descriptor, path)
        judge(real)
        kind = os.fstat(descriptor).st_mode
        _require_file(shown, kind)
        return open(real, "rb", opener=lambda _name, _flags: descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _require_file(shown: str, kind: int) -> None:
    if not stat.S_ISREG(kind):
        raise _no_file(shown, kind)


def _no_file(shown: str, kind: int) -> FileProblem:
    if stat.S_ISDIR(kind):
        return FileProblem("E306", f"{shown} is a folder, not a file")
    return FileProblem("E305", f"{shown} is a device, pipe or socket", "Name a file; nothing else is read.")


def real_path(descriptor: int, path: Path) -> Path:
    """Return the real path of an open file.

    Raises
    ------
    FileProblem
        If the system cannot tell it of a descriptor, and `path` is another file by now.
    """
    told = Path(f"/proc/self/fd/{descriptor}")
    if told.is_symlink():
        return told.readlink()
    real = Path(os.path.realpath(path))
    if not os.path.samestat(os.fstat(descriptor), real.stat()):
        raise FileProblem("E305", f"{path} changed while it was opened", "Try again.")
    return real


def read_planned(path: str) -> bytes:
    """Return the content of a file that a plan names by its real path, as workers do.

    Raises
    ------
    FileProblem
        If the path leads elsewhere by now (E305).
    OSError
        If it cannot be read.
    """
    file = Path(path)
    with file.open("rb") as opened:
        if real_path(opened.fileno(), file) != file:
            raise FileProblem("E305", f"{path} leads to another file than when it was planned", "Plan again.")
        return opened.read()


def read_all(file: IO[bytes], shown: str, most: int = _MOST_BYTES) -> bytes:
    """Read an open file and close it.

    Raises
    ------
    FileProblem
        If it is larger than `most` bytes (E402) or cannot be read (E306).
    """
    with file:
        try:
            raw = file.read(most + 1)
        except OSError as error:
            raise FileProblem("E306", f"{shown} cannot be read: {error.strerror or error}") from None
    if len(raw) > most:
        size = f"{most // 2**20} MiB" if most >= 2**20 else f"{most // 1024} KiB"
        raise FileProblem("E402", f"{shown} is larger than {size}", "Make it smaller.")
    return raw
