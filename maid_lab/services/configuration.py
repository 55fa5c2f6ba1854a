"""The configuration: what is in force and why, and changes of it by people."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.services.access.principal import Principal, Scope
from maid_lab.services.catalogue import opened
from maid_lab.services.settings import Settings, load_settings
from maid_lab.store.folders import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Configuration"]

_FILE: Final = "config.runtime.json"
#: Read once, when the lab is opened.
_AT_OPENING: Final = ("access_", "agent_", "files_")
#: Beyond these a setting that names a file to be written lets its owner write files.
_FOR_PEOPLE: Final = re.compile(r"(access|agent|files)_.*|.*_log|baseline_file")
_ID: Final = re.compile(r"[0-9a-f-]{36}")
_MOST: Final = 500


class Configuration:
    """Settings of a home folder.

    Parameters
    ----------
    home : Path
        The home folder.
    flags : mapping, optional
        Flags that the program was started with; they win.
    audit : callable, optional
        `audit(who, action, subject, detail)`: keeps what is about to be changed; what cannot be kept is not changed.
    """

    def __init__(
        self,
        home: Path,
        *,
        flags: Mapping[str, Any] | None = None,
        audit: Callable[[Principal, str, str, Mapping[str, Any]], object] | None = None,
    ) -> None:
        self._home = home
        self._flags = dict(flags or {})
        self._audit = audit

    def current(self) -> list[dict[str, Any]]:
        """Return each setting: `name`, `value` in force, `layer` it comes from, `default`, `description`, `needs_restart`, `for_people`."""
        settings = load_settings(self._home, flags=self._flags)
        values = settings.model_dump(mode="json")
        usual = Settings().model_dump(mode="json")
        return [
            {
                "name": name, "value": values[name], "layer": settings.layer(name), "default": usual[name],
                "description": str(spec.description or ""), "needs_restart": name.startswith(_AT_OPENING),
                "for_people": _FOR_PEOPLE.fullmatch(name) is not None,
            }
            for name, spec in Settings.model_fields.items()
        ]  # fmt: skip

    @staticmethod
    def schema() -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of the settings, with defaults and descriptions."""
        schema = Settings.model_json_schema()
        usual = Settings().model_dump(mode="json")
        for name, part in schema["properties"].items():
            part.setdefault("default", usual[name])
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

    def change(self, values: Mapping[str, Any], *, by: Principal) -> dict[str, Any]:
        """Change settings for all faces from the next run on; None takes a change back.

        Returns
        -------
        dict
            `changed`, the names whose stored value is another now; `overruled`, those of them that the environment or a flag wins over;
            `needs_restart`, those that a running server reads only when it is started.

        Raises
        ------
        Refused
            Without the scope, or when only a person may change one of them.
        InvalidInput
            If a setting is unknown or its value breaks its rule; nothing is changed then.
        """
        by.require(Scope.ADMIN)
        reserved = sorted(name for name in values if _FOR_PEOPLE.fullmatch(name))
        if reserved and not by.is_interactive:
            raise Refused(
                f"{', '.join(reserved)}: changed by a person only, not by keys and tokens.", hint="Use the settings page or a terminal."
            )
        with self._locked():
            before = self._read()
            after = {name: value for name, value in {**before, **values}.items() if value is not None}
            settings = self._tried(after, values)
            changed = sorted(name for name in values if before.get(name) != after.get(name))
            if changed:
                told = ({name: stored.get(name) for name in changed} for stored in (before, after))
                old, new = next(told), next(told)
                if self._audit is not None:
                    self._audit(by, "config.change", ", ".join(changed), {"before": old, "after": new})
                self._write(after)
                try:
                    with opened(self._home) as store:
                        store.config_changes.add(by.id, old, new)
                except BaseException:
                    self._write(before)
                    raise
        return {
            "changed": changed,
            "overruled": [name for name in changed if settings.layer(name) in ("environment", "flag")],
            "needs_restart": [name for name in changed if name.startswith(_AT_OPENING)],
        }

    def changes(self, *, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
        """Return changes, newest first: `items`, `next_cursor`, `total`.

        Raises
        ------
        InvalidInput
            If the limit or the cursor cannot be used.
        """
        if not 1 <= limit <= _MOST:
            raise InvalidInput(f"a page of {limit} changes is not possible.", hint=f"Ask for 1 to {_MOST}.")
        if cursor is not None and not _ID.fullmatch(cursor):
            raise InvalidInput("that is no cursor of the changes.", hint="Give next_cursor of the page before.")
        with opened(self._home) as store:
            found, total = store.config_changes.newest(limit=limit + 1, before=cursor), store.config_changes.count()
        items = found[:limit]
        return {"items": items, "next_cursor": items[-1]["id"] if len(found) > limit else None, "total": total}

    # ---- parts

    def _tried(self, after: Mapping[str, Any], values: Mapping[str, Any]) -> Settings:
        """Return the settings as they would be; they are judged alone first, so that no winning layer hides what is wrong."""
        unknown = sorted(set(values) - set(Settings.model_fields))
        if unknown:
            from maid_lab.model.nearest import did_you_mean

            raise InvalidInput(
                f"there is no setting {unknown[0]!r}.", hint=did_you_mean(unknown[0], list(Settings.model_fields)) or "maid config show"
            )
        try:
            Settings(**after)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            raise InvalidInput(
                f"setting {name}: {first['msg']}, got {after.get(name)!r}.", hint=str(Settings.model_fields[name].description)
            ) from None
        return load_settings(self._home, flags=self._flags, runtime=after)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((self._home / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{self._home / _FILE} cannot be read: {error}.", hint="Mend it or remove it.") from None
        return found if isinstance(found, dict) else {}

    def _write(self, values: Mapping[str, Any]) -> None:
        write_atomically(self._home / _FILE, json.dumps(values, indent=2, ensure_ascii=False) + "\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one change after the other read and write the file, whichever process it comes from."""
        with (self._home / "config.lock").open("a") as file:
            (self._home / "config.lock").chmod(0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
