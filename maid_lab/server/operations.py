"""Operations: what each verb of each route takes, answers and wants of its caller, declared where the verb is written.

A verb without a declaration is refused by the base handler, so nothing is open by mistake. The same declarations make the OpenAPI document.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from jupyter_server.auth.decorator import allow_unauthenticated
from pydantic import BaseModel

from maid_lab.services.access.principal import Scope

__all__ = ["Answer", "Operation", "operation", "operations_of"]

VERBS: Final = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One verb of one route.

    Attributes
    ----------
    scope : Scope or None
        What a credential needs; None only for `is_public` and `any_credential` operations.
    action, resource : str
        What Jupyter's authorizer is asked, literally.
    query, body : type of BaseModel or None
        What is parsed; None takes none.
    answers : mapping of int to type of BaseModel or None
        Answer by status; None for other media types, which `media` names.
    errors : tuple of int
        Statuses of problems beyond those that every operation may give.
    """

    summary: str
    scope: Scope | None
    action: Literal["read", "write", "execute"]
    resource: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    media: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    is_public: bool = False
    any_credential: bool = False
    interactive_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with a status or headers of its own, or with bytes."""

    body: BaseModel | bytes | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"


def operation(
    *,
    summary: str,
    scope: Scope | None = None,
    action: Literal["read", "write", "execute"] = "read",
    resource: str,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    answers: Mapping[int, type[BaseModel] | None],
    media: tuple[str, ...] = (),
    errors: tuple[int, ...] = (),
    is_public: bool = False,
    any_credential: bool = False,
    interactive_only: bool = False,
) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[None]]]:
    """Declare a verb method of a handler.

    The method is called with the parts of the path, and with `query` and `body` as keywords when it declares them; it returns a model, an
    `Answer`, or None when it has written the answer itself.

    Raises
    ------
    TypeError
        If it declares neither a scope nor that it needs none.
    """
    if (scope is None) is not (is_public or any_credential):
        raise TypeError(f"{resource}: an operation declares a scope, or that it is public or for any credential")
    spec = Operation(
        summary=summary, scope=scope, action=action, resource=resource, query=query, body=body, answers=dict(answers), media=media,
        errors=errors, is_public=is_public, any_credential=any_credential, interactive_only=interactive_only,
    )  # fmt: skip

    def declare(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[None]]:
        @functools.wraps(method)
        async def verb(self: Any, *path: str) -> None:
            await self.perform(spec, functools.partial(method, self), path)

        verb.operation = spec  # type: ignore[attr-defined]
        # Jupyter's strict mode asks for its own login before ours is looked at; the base handler refuses whoever has neither.
        return cast("Callable[..., Awaitable[None]]", allow_unauthenticated(verb))

    return declare


def operations_of(handler: type) -> dict[str, Operation]:
    """Return the declared operations of a handler by verb.

    Raises
    ------
    TypeError
        If the handler has a verb that declares nothing.
    """
    found: dict[str, Operation] = {}
    for verb in VERBS:
        method = next(
            (vars(base)[verb] for base in handler.__mro__ if verb in vars(base) and base.__module__.startswith("maid_lab.")), None
        )
        if method is None:
            continue
        spec = getattr(method, "operation", None)
        if spec is None:
            raise TypeError(f"{handler.__name__}.{verb} declares no operation")
        found[verb] = spec
    return found
