"""Files that a recipe names: found below its folder, read at plan time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from maid_lab.model.planning.context import Context, PlanningError

__all__ = ["file_below", "read_schema"]

_MOST_BYTES: Final = 1024 * 1024


def file_below(name: str, base_dir: Path | None, context: Context, place: str) -> Path:
    """Return a file of the recipe's folder.

    Raises
    ------
    PlanningError
        If it is outside (E305) or missing (E306); the finding is noted.
    """
    path = context.value(name, str, place)
    folder = base_dir.resolve() if base_dir is not None else None
    file = (folder / path).resolve() if folder is not None else None
    if file is None or folder is None or not file.is_relative_to(folder):
        context.add("E305", f"{path} is outside the recipe's folder", "Put the file beside the recipe.", place)
        raise PlanningError
    if not file.is_file():
        context.add("E306", f"{path} is missing", "Check the path.", place)
        raise PlanningError
    return file


def read_schema(name: str, base_dir: Path | None, context: Context, place: str) -> str:
    """Return a JSON Schema as text.

    Raises
    ------
    PlanningError
        If it cannot be read, or is no JSON Schema (E104); the finding is noted.
    """
    import jsonschema

    file = file_below(name, base_dir, context, place)
    try:
        schema = _json_of(file)
        jsonschema.validators.validator_for(schema).check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        reason = error.message if isinstance(error, jsonschema.SchemaError) else str(error)
        context.add("E104", f"{name} is no JSON Schema: {reason}", "Mend the file.", place)
        raise PlanningError from None
    return json.dumps(schema)


def _json_of(file: Path) -> Any:
    if file.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES // 1024} KiB")
    schema = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(schema, dict | bool):
        raise ValueError("a schema is an object")  # noqa: TRY004 - a file's content
    return schema
