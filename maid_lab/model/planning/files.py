"""Files that a recipe names: found below its folder, read at plan time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from maid_lab.model.files import FileProblem, Files, read_all
from maid_lab.model.planning.context import Context, PlanningError

__all__ = ["file_below", "read_schema"]

_MOST_BYTES: Final = 1024 * 1024


def file_below(name: str, base_dir: Path | None, files: Files, context: Context, place: str, *, is_certificate: bool = False) -> Path:
    """Return the real path of a file that a recipe names and may read.

    Raises
    ------
    PlanningError
        If it is outside (E305), kept out (E304) or missing (E306); the finding is noted.
    """
    path = context.value(name, str, place)
    try:
        return files.stat(path, base_dir, is_certificate=is_certificate)
    except FileProblem as problem:
        context.add(problem.code, str(problem), problem.hint, place)
        raise PlanningError from None


def read_schema(name: str, base_dir: Path | None, files: Files, context: Context, place: str) -> str:
    """Return a JSON Schema as text.

    Raises
    ------
    PlanningError
        If it cannot be read, or is no JSON Schema (E104); the finding is noted.
    """
    import jsonschema

    path = context.value(name, str, place)
    try:
        schema = _json_of(read_all(files.open(path, base_dir), path, _MOST_BYTES))
        jsonschema.validators.validator_for(schema).check_schema(schema)
    except FileProblem as problem:
        context.add(problem.code, str(problem), problem.hint, place)
        raise PlanningError from None
    except (ValueError, jsonschema.SchemaError) as error:
        reason = error.message if isinstance(error, jsonschema.SchemaError) else str(error)
        context.add("E104", f"{name} is no JSON Schema: {reason}", "Mend the file.", place)
        raise PlanningError from None
    return json.dumps(schema)


def _json_of(raw: bytes) -> Any:
    schema = json.loads(raw.decode("utf-8"))
    if not isinstance(schema, dict | bool):
        raise ValueError("a schema is an object")  # noqa: TRY004 - a file's content
    return schema
