"""The home folder: where history, settings and policies of a person live."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maid_lab.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["home_folder", "jupyter_places", "open_home"]


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the home folder: `MAID_HOME`, else `<jupyter data dir>/maid`; nothing is created.

    The Jupyter data folder follows the rules of jupyter_core, which is not imported because it costs a tenth of a second at each command.
    """
    given = environ.get("MAID_HOME", "").strip()
    if given:
        return Path(given).expanduser().absolute()
    return _jupyter_data(environ) / "maid"


def open_home(path: Path) -> Path:
    """Create the home folder with mode 0700 when it is not there, and return it.

    An empty folder that others may read is closed to them; one that already holds something is refused, because what it held may have been
    read or planted by others.

    Raises
    ------
    Refused
        If the folder is open to other users; the hint is the command that mends it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            _close_to_others(path, mode)
    except OSError as error:
        raise Refused(
            f"the home folder {path} cannot be used: {error.strerror or error}.", hint="Set MAID_HOME to a folder that you may write to."
        ) from None
    return path


def jupyter_places(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the folders of Jupyter that hold tokens, the cookie secret and the server's configuration."""
    runtime = environ.get("JUPYTER_RUNTIME_DIR") or _jupyter_data(environ) / "runtime"
    config = environ.get("JUPYTER_CONFIG_DIR") or Path.home() / ".jupyter"
    return Path(runtime).absolute(), Path(config).absolute()


def _close_to_others(path: Path, mode: int) -> None:
    if any(path.iterdir()):
        raise Refused(f"the home folder {path} is open to other users (mode {mode:04o}).", hint=f"Close it: chmod 700 {path}")
    path.chmod(0o700)


def _jupyter_data(environ: Mapping[str, str]) -> Path:
    if environ.get("JUPYTER_DATA_DIR"):
        return Path(environ["JUPYTER_DATA_DIR"]).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Jupyter"
    if os.name == "nt":
        return Path(environ.get("APPDATA") or Path.home() / ".jupyter" / "data") / "jupyter"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "jupyter"
