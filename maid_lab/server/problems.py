"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from tornado.web import HTTPError

from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, MaidError, Missing, Refused, TooMany, Unauthorized

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["Fault", "Finding", "Problem", "invalid", "problem_of"]

#: Code of an error → status; codes that others add carry their own `http_status`.
_STATUS: Final[dict[type[MaidError], int]] = {
    InvalidInput: 422, Unauthorized: 401, Refused: 403, TooMany: 429, Conflict: 409, Missing: 404, EngineFailure: 503,
}  # fmt: skip


class Finding(BaseModel):
    """One finding about what was sent."""

    model_config = ConfigDict(extra="ignore")

    code: str
    severity: str
    pointer: str = Field(default="", description="JSON pointer of the place.")
    line: int = 0
    column: int = 0
    message: str
    hint: str = ""
    fix: list[dict[str, Any]] | None = None


class Problem(BaseModel):
    """What every answer with an error holds."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong, and the remedy.")
    code: str = Field(description="Stable word for the kind of error.")
    hint: str = ""
    diagnostics: list[Finding] = []
    request_id: str = Field(description="Stands in the server's log as well.")


class Fault(MaidError):
    """An error of the exchange itself, with its own status.

    Parameters
    ----------
    status : int
        HTTP status.
    code : str
        Stable word for the kind of error.
    """

    def __init__(self, status: int, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.http_status = status
        self.word = code


def problem_of(error: BaseException, *, request_id: str) -> tuple[Problem, dict[str, str]]:
    """Return the problem that tells of an error, and headers for it; what was not raised on purpose is told without its text.

    Returns
    -------
    Problem, dict
        The problem; headers such as Retry-After.
    """
    headers: dict[str, str] = {}
    if isinstance(error, MaidError):
        status = getattr(error, "http_status", 0) or next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        code, detail, hint = str(getattr(error, "word", error.code)), error.message, error.hint
        retry = getattr(error, "retry_after_s", None)
        if retry is not None:
            headers["Retry-After"] = str(max(1, round(retry)))
    elif isinstance(error, HTTPError):
        status, hint = error.status_code, ""
        code = {401: "unauthorized", 403: "refused", 404: "missing", 405: "method-not-allowed", 413: "too-large"}.get(status, "error")
        detail = error.log_message % error.args if error.log_message and error.args else error.log_message or _phrase(status)
    else:
        status, code, hint = 500, "internal", "The server's log has more under this request id."
        detail = "the server failed to answer; this is a fault of MAID Lab."
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="maid"'
    findings = [Finding.model_validate(each.to_json()) for each in getattr(error, "diagnostics", ())]
    problem = Problem(
        title=_phrase(status), status=status, detail=detail, code=code, hint=hint, diagnostics=findings, request_id=request_id
    )
    return problem, headers


def invalid(error: ValidationError, place: str) -> InvalidInput:
    """Return the error for values that a model refused.

    Parameters
    ----------
    place : str
        Where they stood: `body` or `query`.
    """
    from maid_lab.model.diagnostics import Diagnostic

    findings = tuple(
        Diagnostic(
            code="E104",
            severity="error",
            message=f"{place}: {'.'.join(str(part) for part in each['loc']) or 'value'}: {each['msg']}.",
            pointer="".join(f"/{part}" for part in each["loc"]),
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:20]
    )
    return InvalidInput(findings[0].message, hint="openapi.json tells what can be sent.", diagnostics=findings)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
