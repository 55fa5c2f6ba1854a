"""The base of all REST handlers: who asks, whether it may, what it sent, and how it is answered."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from jupyter_server.utils import ensure_async
from pydantic import BaseModel, ValidationError
from tornado.web import HTTPError

from maid_lab.model.errors import InvalidInput, MaidError, Refused, Unauthorized
from maid_lab.server.idempotency import StoredAnswer
from maid_lab.server.operations import Answer
from maid_lab.server.problems import Fault, invalid, problem_of
from maid_lab.services.access.principal import CredentialKind, Principal

if TYPE_CHECKING:
    from maid_lab.lab import Lab
    from maid_lab.server.extension import Extension
    from maid_lab.server.operations import Operation

__all__ = ["CredentialMixin", "MaidHandler"]

log = logging.getLogger(__name__)

_LARGEST_BODY: Final = 4 * 2**20
_JSON_TYPES: Final = ("application/json", "")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class CredentialMixin(ExtensionHandlerMixin):
    """Takes our credentials beside Jupyter's own, on our routes only; first in the order of bases.

    Skipping the checks of XSRF token and origin is safe only because a browser never attaches these headers by itself: no credential of ours is ever
    read from a cookie or from the query.

    Attributes
    ----------
    principal : Principal or None
        Who asks; None when nobody proved who they are.
    """

    principal: Principal | None = None
    _by_header = False

    @property
    def app(self) -> Extension:
        """The extension."""
        return cast("Extension", self.extensionapp)

    def check_xsrf_cookie(self) -> None:
        """Ask for the XSRF token unless a header of ours was sent, or nobody is there to be protected."""
        # Tornado asks once before `prepare`, when nobody is known yet; Jupyter asks again when it knows.
        if not self._by_header and getattr(self, "_jupyter_current_user", None) is not None:
            super().check_xsrf_cookie()  # type: ignore[misc]

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Let any origin in with a header of ours."""
        return True if self._by_header else bool(super().check_origin(origin_to_satisfy_tornado))  # type: ignore[misc]

    async def identify(self) -> None:
        """Look at our headers, before Jupyter looks at its own.

        Raises
        ------
        MaidError
            If there is a credential of ours that is wrong: it is never taken for an anonymous request.
        """
        request = self.request  # type: ignore[attr-defined]
        self.principal = await self.app.credentials.from_headers(
            request.headers, address=request.remote_ip or "", client=request.headers.get("User-Agent", "")[:120]
        )
        self._by_header = self.principal is not None

    def note_wrong_credential(self, error: MaidError) -> None:
        """Have the audit log told of a credential that proves nobody, with the reason that its sender is not told."""
        if isinstance(error, Unauthorized):
            request = self.request  # type: ignore[attr-defined]
            nobody = Principal(
                kind=CredentialKind.KEY, id="", address=request.remote_ip or "", client=request.headers.get("User-Agent", "")[:120]
            )
            self.app.credentials.note_refusal(nobody, f"{request.method} {request.path}", error.reason or error.message)

    def adopt_user(self) -> None:
        """Take over who Jupyter says is there, or tell it who we found."""
        if self.principal is not None:
            self.current_user: Any = self.app.credentials.as_user(self.principal)
        elif self.current_user is not None:
            request = self.request  # type: ignore[attr-defined]
            self.principal = self.app.credentials.from_jupyter(
                self.current_user,
                self.identity_provider,  # type: ignore[attr-defined]
                address=request.remote_ip or "",
                client=request.headers.get("User-Agent", "")[:120],
            )


class MaidHandler(CredentialMixin, APIHandler):
    """Base of the REST handlers; verbs are declared with `operation`."""

    request_id = ""

    async def prepare(self) -> None:  # type: ignore[override]
        """Find out who asks; whoever it is, the operation decides."""
        self.request_id = secrets.token_hex(8)
        self.set_header("X-Request-Id", self.request_id)
        try:
            await self.identify()
        except MaidError as error:
            self.note_wrong_credential(error)
            self._refuse(error)
            return
        await super().prepare()
        self.adopt_user()
        verb = getattr(self, (self.request.method or "").lower(), None)
        if self.request.method != "OPTIONS" and getattr(verb, "operation", None) is None:
            self._refuse(
                Fault(405, "method-not-allowed", f"{self.request.method} is not offered here.", hint="openapi.json tells what is.")
            )

    @property
    def lab(self) -> Lab:
        """The lab.

        Raises
        ------
        MaidError
            If it is not open: why not.
        """
        return self.app.open_lab()

    @property
    def caller(self) -> Principal:
        """Who asks.

        Raises
        ------
        Fault
            If nobody proved who they are.
        """
        if self.principal is None:
            raise Fault(401, "unauthorized", "this needs a credential.", hint="Log in to Jupyter, or send an API key in X-MAID-Key.")
        return self.principal

    async def perform(self, spec: Operation, method: Callable[..., Awaitable[Any]], path: tuple[str, ...]) -> None:
        """Authorise, parse, carry out and answer; every error becomes a problem."""
        try:
            await self._authorise(spec)
            given = self._parsed(spec)
            key = self.request.headers.get("Idempotency-Key") if self.request.method not in _SAFE else None
            if key is not None:
                await self._once(key, lambda: method(*path, **given))
            else:
                self._answer(await method(*path, **given))
        except Exception as error:
            self._refuse(error)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write what went wrong outside of an operation as a problem as well."""
        error = kwargs.get("exc_info", (None, None, None))[1] or HTTPError(status_code)
        self._refuse(error)

    # ---- steps

    async def _authorise(self, spec: Operation) -> None:
        if spec.is_public:
            return
        caller = self.caller
        self.app.credentials.admit(caller)
        reason = self._lacks(caller, spec) or await self._refused_by_jupyter(spec)
        if reason:
            self.app.credentials.note_refusal(caller, f"{self.request.method} {self.request.path}", reason)
            raise Refused(reason, hint="Ask an administrator for a key or role that may.")

    @staticmethod
    def _lacks(caller: Principal, spec: Operation) -> str:
        try:
            if spec.scope is not None:
                caller.require(spec.scope)
        except Refused as error:
            return error.message
        if spec.interactive_only and not caller.is_interactive:
            return "this needs a person who is logged in to Jupyter; keys and tokens may not."
        return ""

    async def _refused_by_jupyter(self, spec: Operation) -> str:
        """Ask Jupyter's authorizer too, with the operation's own words: its decorator would remember those of another."""
        allowed = await ensure_async(self.authorizer.is_authorized(self, self.current_user, spec.action, spec.resource))
        return "" if allowed else f"the authorizer of this Jupyter server refuses {spec.action} of {spec.resource}."

    def _parsed(self, spec: Operation) -> dict[str, BaseModel]:
        given: dict[str, BaseModel] = {}
        if spec.query is not None:
            given["query"] = _validated(spec.query, self._query(spec.query), "query")
        elif self.request.query_arguments:
            # Jupyter's own credential and cache busters may stand in any query.
            foreign = set(self.request.query_arguments) - {"token", "_", "_xsrf", "no_track_activity"}
            if foreign:
                raise InvalidInput(f"query: there is no parameter {min(foreign)!r} here.", hint="openapi.json tells what can be sent.")
        if len(self.request.body) > _LARGEST_BODY:
            raise Fault(413, "too-large", f"the body has {len(self.request.body)} bytes; at most {_LARGEST_BODY} are taken.")
        if spec.body is not None:
            given["body"] = _validated(spec.body, self._body(), "body")
        elif self.request.body and self.request.method not in _SAFE:
            raise InvalidInput("no body is taken here.", hint="Send none.")
        return given

    def _query(self, model: type[BaseModel]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, raw in self.request.query_arguments.items():
            if name in ("token", "_", "no_track_activity") and name not in model.model_fields:
                continue
            try:
                texts = [each.decode() for each in raw]
            except UnicodeDecodeError:
                raise InvalidInput(f"query: {name} is not UTF-8.", hint="Encode it as UTF-8.") from None
            values[name] = texts if _takes_many(model, name) or len(texts) > 1 else texts[0]
        return values

    def _body(self) -> Any:
        media = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media not in _JSON_TYPES:
            raise Fault(415, "unsupported-media-type", f"a body of type {media} is not taken.", hint="Send application/json.")
        if not self.request.body:
            return {}
        try:
            return json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise InvalidInput("body: it is not JSON.", hint='Send an object such as {"recipe_id": "hello"}.') from None

    async def _once(self, key: str, act: Callable[[], Awaitable[Any]]) -> None:
        answers = self.app.answers
        owner = (str(self.caller.kind), self.caller.key_id or self.caller.id, self.request.method or "", self.request.path)
        stored = answers.begin(owner, key, self.request.query.encode() + b"\0" + self.request.body)
        if stored is not None:
            self.set_status(stored.status)
            for name, value in stored.headers.items():
                self.set_header(name, value)
            self.set_header("Idempotent-Replayed", "true")
            self.finish(stored.body)
            return
        try:
            result = await act()
        except BaseException:
            answers.end(owner, key, None)
            raise
        status, body, headers = _rendered(result)
        # Only after it is kept: a client that was cut off while it read asks again.
        answers.end(owner, key, StoredAnswer(status=status, body=body, headers=headers))
        self._answer(result)

    def _answer(self, result: Any) -> None:
        if result is None:
            return  # the method wrote it, piece by piece
        status, body, headers = _rendered(result)
        self.set_status(status)
        for name, value in headers.items():
            self.set_header(name, value)
        if body or status not in (204, 304):
            self.finish(body)
        else:
            self.clear_header("Content-Type")
            self.finish()

    def _refuse(self, error: BaseException) -> None:
        problem, headers = problem_of(error, request_id=self.request_id)
        if problem.status == 500:
            log.error("request %s %s %s failed", self.request_id, self.request.method, self.request.path, exc_info=error)
        if self._headers_written:
            # A part was sent: only a connection that breaks tells that the rest is missing.
            connection: Any = self.request.connection
            connection.close()
            return
        self.clear()
        self.set_header("X-Request-Id", self.request_id)
        self.set_status(problem.status)
        for name, value in headers.items():
            self.set_header(name, value)
        self.finish_as(problem.model_dump_json().encode(), "application/problem+json")

    def finish_as(self, body: bytes, media: str) -> None:
        """End the answer with a body of a media type; `finish` of Jupyter's handlers writes its own."""
        self.update_api_activity()
        super(APIHandler, self).set_header("Content-Type", media)
        super(APIHandler, self).finish(body)

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """End the answer; the media type is what was set, else JSON."""
        self.update_api_activity()
        return super(APIHandler, self).finish(*args, **kwargs)

    def compute_etag(self) -> str | None:
        """Give no entity tag: answers tell of a moment."""
        return None


def _validated(model: type[BaseModel], value: Any, place: str) -> BaseModel:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error, place) from None


def _takes_many(model: type[BaseModel], name: str) -> bool:
    spec = model.model_fields.get(name)
    return spec is not None and str(spec.annotation).startswith(("list", "tuple", "set", "frozenset"))


def _rendered(result: Any) -> tuple[int, bytes, Mapping[str, str]]:
    answer = result if isinstance(result, Answer) else Answer(body=result)
    if answer.body is None:
        return answer.status, b"", answer.headers
    body = answer.body if isinstance(answer.body, bytes) else answer.body.model_dump_json(by_alias=True).encode()
    return answer.status, body, {"Content-Type": answer.media, **answer.headers}
