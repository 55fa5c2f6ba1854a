"""Which logs are wanted: by settings and flags, refused before a run starts when they cannot be."""

from __future__ import annotations

import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maid_lab.model.capture import CaptureOptions
from maid_lab.model.errors import InvalidInput
from maid_lab.services.logs.fields import FLAGS, FORMAT_SETTINGS, LOGS

if TYPE_CHECKING:
    from maid_lab.services.settings import Settings

__all__ = ["LogChoice", "LogFile"]

#: Setting that means nothing without a log, and that log.
_NEEDS: tuple[tuple[str, str], ...] = (
    ("log_level", "program"),
    *((FORMAT_SETTINGS[kind], kind) for kind in LOGS),
    ("request_body", "request"),
    ("no_debug_body", "debug"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One log: its kind, where it goes, and how it is written."""

    kind: str
    path: str
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChoice:
    """The logs of a run.

    Attributes
    ----------
    level : int
        Of the program log: 0 warnings and errors, 1 information, 2 and above all.
    request_body : bool
        Whether request lines hold headers and bodies, which workers then have to keep.
    debug_body : bool
        Whether debug lines hold bodies.
    rows : bool
        Whether workers keep rows at all; logs are made of them.
    """

    files: tuple[LogFile, ...] = ()
    level: int = 0
    request_body: bool = False
    debug_body: bool = True
    rows: bool = True

    @classmethod
    def of(cls, settings: Settings, *, layer: str = "") -> LogChoice:
        """Return what the settings ask for, only the files of one layer when it is named.

        Raises
        ------
        InvalidInput
            If a flag is given that means nothing without another; names both.
        """
        for name, kind in _NEEDS:
            if settings.layer(name) == "flag" and getattr(settings, name) and not getattr(settings, LOGS[kind]):
                flag = f"--{name.replace('_', '-')}"
                raise InvalidInput(
                    f"{flag} means nothing without {FLAGS[kind]}.", hint=f"Say where with {FLAGS[kind]} FILE, or leave {flag} out."
                )
        files = tuple(
            LogFile(
                kind=kind,
                path=str(Path.cwd() / Path(getattr(settings, name)).expanduser()),
                format=getattr(settings, FORMAT_SETTINGS[kind]),
            )
            for kind, name in LOGS.items()
            if getattr(settings, name) and layer in ("", settings.layer(name))
        )
        return cls(
            files=files,
            level=settings.log_level,
            request_body=settings.request_body and bool(settings.request_log),
            debug_body=not settings.no_debug_body,
            rows=not settings.no_metrics,
        )

    def check(self) -> None:
        """Make sure that each file can be written, without changing one that is there.

        Raises
        ------
        InvalidInput
            If one cannot, or two logs go to one file.
        """
        seen: dict[str, LogFile] = {}
        for file in self.files:
            real = os.path.realpath(file.path)
            other = seen.setdefault(real, file)
            if other is not file and not _is_device(real):
                raise InvalidInput(
                    f"{FLAGS[other.kind]} and {FLAGS[file.kind]} both name {file.path}.", hint="Give each log a file of its own."
                )
            _check_writable(file)

    @property
    def capture(self) -> CaptureOptions:
        """What workers must keep for these logs."""
        wants_debug = any(file.kind == "debug" for file in self.files)
        return CaptureOptions(rows=self.rows, requests=self.request_body, debug=wants_debug, debug_body=self.debug_body)

    def to_json(self) -> dict[str, Any]:
        """Return the choice as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LogChoice:
        """Return the choice that `to_json` gave."""
        return cls(**{**data, "files": tuple(LogFile(**file) for file in data["files"])})


def _is_device(path: str) -> bool:
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def _check_writable(file: LogFile) -> None:
    path = Path(file.path)
    is_new = not path.exists()
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if is_new:
            path.unlink()
    except OSError as error:
        raise InvalidInput(
            f"{FLAGS[file.kind]} {file.path} cannot be written: {error.strerror or error}.",
            hint="Name a file in a folder that exists and that you may write to.",
        ) from None
