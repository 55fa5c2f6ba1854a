"""The catalogue made anew from what lies in the folders, and copied while it is used."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from maid_lab.model.errors import EngineFailure, InvalidInput
from maid_lab.store.audit import AuditRepository
from maid_lab.store.audit_file import AUDIT_FILES, AuditFile
from maid_lab.store.catalogue import COMMITS, FILE, Catalogue
from maid_lab.store.catalogue_file import put_aside, wal_of
from maid_lab.store.recipe_files import adopt_recipes
from maid_lab.store.recovery import adopt
from maid_lab.store.runs import RunRepository
from maid_lab.store.salvage import carry_over

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["backup", "rebuild"]

log = logging.getLogger(__name__)

#: Keys and settings stay out: a copy may be given away.
_KEPT_FOLDERS = ("runs", "recipes", "prompts")


def rebuild(home: Path) -> int:
    """Make the catalogue anew from run folders and recipes, keeping the old file beside it, and return the number of runs.

    What only the catalogue holds (users, keys, approvals, audit …) is carried over from the old file as far as that can still be read.

    Raises
    ------
    Conflict
        If another process holds the catalogue.
    """
    path = home / FILE
    old: Path | None = None
    if path.exists():
        Catalogue.probe(path)
        old = put_aside(path, "before-rebuild")
        if wal_of(path).exists():
            wal_of(path).rename(wal_of(old))
    (home / COMMITS).unlink(missing_ok=True)
    catalogue = Catalogue.open(home)
    try:
        if old is not None:
            carry_over(catalogue, old)
        adopt(catalogue, home)
        adopt_recipes(catalogue, home)
        AuditRepository(catalogue, home).catch_up(whole=True)
        catalogue.checkpoint()
        return RunRepository(catalogue).count()
    finally:
        catalogue.close()


def backup(catalogue: Catalogue, directory: Path) -> Path:
    """Copy the catalogue with all runs, recipes and prompts, consistent even while a test runs, and return the copy's folder.

    A run that is under way is copied as far as it is written; in the copy it is an orphan and is closed when the copy is first opened.

    Raises
    ------
    InvalidInput
        If the directory lies inside the store, or is a file.
    EngineFailure
        If the copy cannot be written; what was written of it is removed.
    """
    home, target = catalogue.path.parent, directory.resolve()
    if target.is_relative_to(home.resolve()) or target.is_file():
        raise InvalidInput(f"{directory} cannot take the backup.", hint="Name a folder outside of MAID_HOME.")
    copy = target / f"maid-backup-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    try:
        copy.mkdir(mode=0o700, parents=True)
        catalogue.copy_to(copy / FILE)
        _copy_present(home, copy)
    except OSError as error:
        shutil.rmtree(copy, ignore_errors=True)
        message = f"the backup cannot be written to {copy}: {error.strerror or error}."
        raise EngineFailure(message, hint="Make room, or name another folder.") from error
    except EngineFailure:
        shutil.rmtree(copy, ignore_errors=True)
        raise
    return copy


def _copy_present(home: Path, copy: Path) -> None:
    for name in _KEPT_FOLDERS:
        if (home / name).is_dir():
            shutil.copytree(home / name, copy / name, ignore=_passing, copy_function=_copy_file)
    # Behind the catalogue's copy: what is appended meanwhile is caught up when the copy is first opened.
    with AuditFile(home).locked():
        for name in AUDIT_FILES:
            if (home / name).exists():
                shutil.copy2(home / name, copy / name)


def _passing(_folder: str, names: Sequence[str]) -> set[str]:
    """Name the files that exist for a moment only, beside the file that they replace."""
    return {name for name in names if name.startswith(".") and name.endswith(".tmp")}


def _copy_file(source: str, target: str) -> None:
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        # A run ended meanwhile: its spool became Parquet, or it was trimmed.
        log.info("%s went while it was being copied", source)
