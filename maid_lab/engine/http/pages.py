"""Pages as a browser takes them: the parts that a page links to, and the forms that it offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

from maid_lab.engine.http.links import base_of, page_parts
from maid_lab.engine.http.multipart import Part, boundary_for, encoded
from maid_lab.engine.http.operation import HttpOperation
from maid_lab.engine.http.request import Request, RequestTemplate
from maid_lab.engine.users.parallel import flock_of
from maid_lab.model.errors import MaidError
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from maid_lab.engine.http.links import PagePart
    from maid_lab.engine.http.response import Response
    from maid_lab.engine.users.parallel import Branch
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import FormStep, HttpStep

__all__ = ["FormOperation", "PageLoad", "keep_page"]


def keep_page(response: Response, user: VirtualUser) -> str:
    """Keep an HTML page for the form or the parts that are taken from it; works as an extract that never misses."""
    if "html" in (response.header("content-type") or "").lower():
        user.page = response
    return ""


class PageLoad:
    """Loads the parts of the page that was just answered, several at a time; each is a row of the label of its kind.

    Parameters
    ----------
    step : HttpStep
        The step of the page; its parts are fetched with its headers, limits and TLS.
    uses_last : bool
        As for `HttpOperation`.
    """

    def __init__(self, step: HttpStep, *, uses_last: bool) -> None:
        page = step.page
        assert page is not None
        self._limit = page.parallel
        self._route = step.route
        self._operations = {kind: _AssetOperation(step, label, uses_last=uses_last) for kind, label in page.labels}
        self._foreign: set[str] = set()

    def begin(self, user: VirtualUser) -> Any:
        """Load the parts; the user goes on when all are there or have failed."""
        page = user.page
        try:
            linked = page_parts(page) if page is not None else []
        except ValueError:
            linked = []
        parts = [self._part(part) for part in linked if self._is_ours(part.url, user)]
        return flock_of(user).run(parts, self._limit) if parts else True

    def _part(self, part: PagePart) -> Callable[[Branch], Generator[Any, Any, None]]:
        operation = self._operations.get(_kind(part.url)) or self._operations["other"]

        def play(branch: Branch) -> Generator[Any, Any, None]:
            branch.asset = part
            # A part that fails is a row of its own; the page goes on, as in a browser.
            yield operation

        return play

    def _is_ours(self, url: str, user: VirtualUser) -> bool:
        """Whether the plan may send there; what stands elsewhere is left out, and said so once."""
        try:
            user.shard.origins.base(url, self._route)
        except MaidError:
            host = urlsplit(url).netloc
            if host not in self._foreign:
                self._foreign.add(host)
                user.shard.log("info", f"parts of pages on {host} are not loaded: it is no target of the plan")
            return False
        return True


class _AssetOperation(HttpOperation):
    """The request for one part of a page."""

    __slots__ = ()

    def __init__(self, step: HttpStep, label: int, *, uses_last: bool) -> None:
        super().__init__(_bare(step, label), uses_last=uses_last)
        self._template = _AssetTemplate(_bare(step, label))
        self.is_simple = False


class _AssetTemplate(RequestTemplate):
    def __init__(self, step: HttpStep) -> None:
        super().__init__(step)
        self.is_constant = False

    def render(self, user: VirtualUser) -> Request:
        part: PagePart = user.asset  # type: ignore[attr-defined]  # only branches of a page load run this
        page = user.page.url if user.page is not None else part.url
        return self.request_to(user, part.url, "GET", b"", page=page, accept=part.accept)


class FormOperation(HttpOperation):
    """Submits a form of the last HTML page of the iteration, with the fields that the page itself fills in.

    Parameters
    ----------
    step : FormStep
        Which form, and the fields that are set.
    """

    __slots__ = ()

    def __init__(self, step: FormStep, *, uses_last: bool) -> None:
        super().__init__(step.request, uses_last=uses_last)
        self._template = _FormTemplate(step)
        self.also(keep_page)


class _FormTemplate(RequestTemplate):
    def __init__(self, step: FormStep) -> None:
        super().__init__(step.request)
        self._form = step.form
        self._fields = [(name, compile_value(value)) for name, value in step.fields]
        self.is_constant = False

    def render(self, user: VirtualUser) -> Request:
        page = user.page
        if page is None:
            raise ValueError("there is no HTML page of this iteration whose form could be submitted")
        form = self._found(page)
        given = [(name, value(user.scope) if callable(value) else value) for name, value in self._fields]
        names = {name for name, _ in given}
        values = [(str(name), str(value)) for name, value in form.form_values() if name not in names]
        values += [(name, value if isinstance(value, str) else str(value)) for name, value in given]
        action = urljoin(base_of(page), form.action or page.url)
        if (form.method or "GET").upper() == "GET":
            bare = urldefrag(action).url.partition("?")[0]
            return self.request_to(user, f"{bare}?{urlencode(values)}", "GET", b"", page=page.url)
        if form.get("enctype", "").lower() == "multipart/form-data":
            parts = [Part(name=name, content=value.encode()) for name, value in values]
            boundary = boundary_for(parts)
            body, kind = encoded(parts, boundary), f"multipart/form-data; boundary={boundary}"
        else:
            body, kind = urlencode(values).encode(), "application/x-www-form-urlencoded"
        return self.request_to(user, urldefrag(action).url, "POST", body, content_type=kind, page=page.url)

    def _found(self, page: Response) -> Any:
        document = page.document
        if isinstance(self._form, int):
            forms = document.forms
            if not -len(forms) <= self._form < len(forms):
                raise ValueError(f"the page has {len(forms)} forms, not number {self._form}")
            return forms[self._form]
        forms = [element for element in document.cssselect(self._form) if element.tag == "form"]
        if not forms:
            raise ValueError(f"the page has no form {self._form}")
        return forms[0]


def _kind(url: str) -> str:
    """Return the suffix of an address's path in lower case, with its dot; empty for none."""
    match = re.search(r"\.[A-Za-z0-9]{1,5}$", urlsplit(url).path)
    return match.group().lower() if match else ""


def _bare(step: HttpStep, label: int) -> HttpStep:
    """Return the step of a page without what belongs to the page alone."""
    return replace(step, label=label, method="GET", params=(), body=None, extract=(), check=(), retry=None, page=None, on_error="continue")
