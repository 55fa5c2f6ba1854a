"""The OpenAPI 3.1 document, from the declarations of the operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from maid_lab._version import __version__
from maid_lab.server.operations import Operation, operations_of
from maid_lab.server.problems import Problem

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["document"]

_SECURITY: Final = {
    "jupyter": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Jupyter's token: `token …`."},
    "key": {"type": "apiKey", "in": "header", "name": "X-MAID-Key", "description": "An API key: `maid_live_…`."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a token of `auth/token`."},
}
_PATH_PARAMETERS: Final = {
    "run_id": {"type": "string", "pattern": "^([0-9a-fA-F-]{4,36}|last)$", "description": "Id of a run, or `last`."},
    "key_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$", "description": "Public id of a key."},
}


def document(routes: Mapping[str, type], *, base: str) -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    routes : mapping of str to handler
        Paths as OpenAPI writes them.
    base : str
        What stands before the paths.
    """
    declared = [(path, verb, spec) for path, handler in routes.items() for verb, spec in operations_of(handler).items()]
    models = {model: None for _, _, spec in declared for model in _models(spec)}
    schemas, definitions = models_json_schema(
        [(Problem, "serialization"), *((model, _mode(model, declared)) for model in models)], ref_template="#/components/schemas/{model}"
    )
    references: dict[Any, Any] = {model: schema for (model, _), schema in schemas.items()}
    paths: dict[str, dict[str, Any]] = {}
    for path, verb, spec in declared:
        paths.setdefault(path, {})[verb] = _operation(path, verb, spec, references, definitions.get("$defs", {}))
    return {
        "openapi": "3.1.0",
        "info": {"title": "MAID Lab", "version": __version__, "description": "Load tests: plans, runs, results, keys, policies, audit."},
        "servers": [{"url": base}],
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {}), "securitySchemes": _SECURITY},
    }


def _models(spec: Operation) -> list[type[BaseModel]]:
    return [model for model in (spec.query, spec.body, *spec.answers.values()) if model is not None]


def _mode(model: type[BaseModel], declared: list[tuple[str, str, Operation]]) -> Any:
    """Models that are parsed are described as they are sent to us, the others as they are sent by us."""
    return "validation" if any(model in (spec.query, spec.body) for _, _, spec in declared) else "serialization"


def _operation(path: str, verb: str, spec: Operation, references: Mapping[Any, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": f"{verb}{re.sub(r'[^A-Za-z0-9]+', '_', path).rstrip('_')}",
        "summary": spec.summary,
        "description": _rights(spec),
        "parameters": _parameters(path, spec, references, definitions),
        "responses": _responses(spec, references),
        "x-maid-scope": None if spec.scope is None else str(spec.scope),
        "x-maid-resource": f"{spec.action} {spec.resource}",
    }
    if not spec.is_public:
        found["security"] = [{name: []} for name in _SECURITY]
    if spec.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": references[spec.body]}}}
    if verb != "get":
        found["parameters"].append(
            {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "minLength": 1, "maxLength": 255}}
        )
    return found


def _rights(spec: Operation) -> str:
    if spec.is_public:
        return "Open to anybody."
    who = "Any valid credential." if spec.scope is None else f"Needs the scope `{spec.scope}`."
    return f"{who} Only a person who is logged in to Jupyter." if spec.interactive_only else who


def _parameters(path: str, spec: Operation, references: Mapping[Any, Any], definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [{"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]} for name in re.findall(r"\{(\w+)\}", path)]
    if spec.query is not None:
        schema = definitions[str(references[spec.query]["$ref"]).rpartition("/")[2]]
        required = schema.get("required", ())
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": part, "description": str(part.get("description", ""))}
            for name, part in schema.get("properties", {}).items()
        ]
    return found


def _responses(spec: Operation, references: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, model in spec.answers.items():
        content = {"application/json": {"schema": references[model]}} if model is not None else {media: {} for media in spec.media}
        found[str(status)] = {"description": HTTPStatus(status).phrase, **({"content": content} if content else {})}
    problem = {"application/problem+json": {"schema": references[Problem]}}
    for status in sorted({*_usual(spec), *spec.errors}):
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return found


def _usual(spec: Operation) -> set[int]:
    """Return the statuses of problems that follow from what is declared."""
    found = {405, 413, 422}
    if not spec.is_public:
        found |= {401, 403, 423, 429, 503}
    if spec.body is not None:
        found |= {415}
    if not spec.is_public and spec.action != "read":
        found |= {409}
    return found
