"""The exception tree.

```
MaidError
├── InvalidInput        recipe, flag or field; carries diagnostics with line and column
├── Unauthorized        a credential that is none; says no more than that to who sent it
├── Refused             policy or scope; names the rule
├── TooMany             a limit of a key is reached; says when it is worth trying again
├── Conflict            slot taken, store held; names who holds it
├── Missing             a part, run or recipe is not there; names the command that brings it
└── EngineFailure       worker lost, disk full; names the run and what was kept
```

Each class has a stable `code`, used alike by REST, the command line and the notebook. All of them pickle, so that they cross process
boundaries whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.model.diagnostics import Diagnostic

__all__ = ["Conflict", "EngineFailure", "InvalidInput", "MaidError", "Missing", "Refused", "TooMany", "Unauthorized"]


class MaidError(Exception):
    """Base of all errors that MAID Lab raises on purpose.

    Parameters
    ----------
    message : str
        One sentence that names the thing and the place.
    hint : str
        The remedy, as a sentence; empty when there is none.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        # Exception's own __reduce__ would call the constructor with `args` only and lose keyword-only state.
        return _restore, (type(self), self.message, self.__dict__.copy())


class InvalidInput(MaidError):
    """A recipe, flag or field is wrong; `diagnostics` say where and how to mend it."""

    code = "invalid-input"
    exit_code = 2

    def __init__(self, message: str, *, hint: str = "", diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = tuple(diagnostics)


class Refused(MaidError):
    """A policy or a missing scope forbids it; the message names the rule."""

    code = "refused"
    exit_code = 3


class Unauthorized(MaidError):
    """A credential does not prove who asks.

    Parameters
    ----------
    message : str
        What the one who sent it may know.
    reason : str
        What the audit log is told besides; never shown to who sent it.
    """

    code = "unauthorized"
    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class TooMany(MaidError):
    """A limit is reached; the message names it.

    Parameters
    ----------
    retry_after_s : float
        Seconds after which it is worth trying again.
    """

    code = "too-many"
    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float = 60.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Conflict(MaidError):
    """Somebody else holds the run slot or the store; the message names who."""

    code = "conflict"


class Missing(MaidError):
    """A run, recipe, file or installable part is not there; the hint brings it."""

    code = "missing"
    exit_code = 2


class EngineFailure(MaidError):
    """The engine could not go on; the message names the run and what was kept."""

    code = "engine-failure"


def _restore(kind: type[MaidError], message: str, state: dict[str, object]) -> MaidError:
    error = kind(message)
    error.__dict__.update(state)
    return error
