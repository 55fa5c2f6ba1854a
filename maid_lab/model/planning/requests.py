"""HTTP requests of a recipe as those of a plan: defaults of the target merged in, what is not run yet refused."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from maid_lab.model import plan as out
from maid_lab.model.files import Files
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.planning.addresses import is_ip
from maid_lab.model.planning.certificates import certificate_problem
from maid_lab.model.planning.checks import plan_check, plan_extract
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.files import file_below
from maid_lab.model.planning.leaves import Leaves
from maid_lab.model.planning.overrides import Overrides
from maid_lab.model.planning.streams import plan_stream
from maid_lab.model.recipe.steps import METHODS, HttpCall, StepBase
from maid_lab.model.recipe.target import Auth, Defaults, Timeouts, TlsOptions
from maid_lab.model.rows import Outcome
from maid_lab.model.templates import is_template, parse_template
from maid_lab.model.units import parse_duration

__all__ = ["RequestPlanner"]

#: Longest wait for a token, seconds.
_TOKEN_S: Final = 30.0
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_TLS_VERSIONS: Final = ("", "1.2", "1.3")
_STATUS: Final = re.compile(r"[1-5](?:xx|\d\d)")
_OUTCOMES: Final = tuple(outcome.word for outcome in Outcome if outcome.is_sent and outcome is not Outcome.OK)


class RequestPlanner:
    """Plans the requests of one scope.

    Parameters
    ----------
    leaves : Leaves
        What expressions may read there.
    base_dir : Path or None
        Folder of the recipe, for bodies and certificates.
    files : Files
        What opens them.
    defaults : Defaults
        Of the target; what a request says itself wins.
    overrides : Overrides
        `timeout` and `gzip` of the caller, which win over both.
    """

    def __init__(self, leaves: Leaves, *, base_dir: Path | None, files: Files, defaults: Defaults, overrides: Overrides) -> None:
        self._leaves = leaves
        self._context: Context = leaves.context
        self._base_dir = base_dir
        self._files = files
        self._defaults = defaults
        self._overrides = overrides

    def plan(self, step: StepBase, call: HttpCall, *, method: str, label: int, place: str, pointer: str) -> out.HttpStep:
        """Return the request of a step.

        Parameters
        ----------
        place, pointer : str
            Pointers of the call and of the step.
        """
        self._refuse_fields(call, place)
        if method.lower() not in METHODS:
            self._context.add("E104", f"{method!r} is not a method", did_you_mean(method.lower(), METHODS), f"{place}/method")
        run, context, defaults = self._leaves.tree, self._context, self._defaults
        stream = plan_stream(call.sse, self._leaves, f"{place}/sse")
        self._check_stream(step, call, stream, place, pointer)
        headers = self._merged(defaults.headers, call.headers, f"{place}/headers", fold_case=True)
        if stream is not None and "accept" not in {name.lower() for name, _ in headers}:
            headers = (*headers, ("Accept", "text/event-stream"))
        return out.HttpStep(
            label=label,
            method=method,
            url=self._url(call.url, place),
            params=self._params(call, place),
            headers=headers,
            cookies=self._merged(defaults.cookies, call.cookies, f"{place}/cookies", fold_case=False),
            body=self._body(call, place),
            timeouts=self._timeouts(step, call, place),
            redirects=_first(call.redirects, defaults.redirects, 10),
            gzip=self._flag("gzip", call, place, default=True),
            sticky=self._flag("sticky", call, place, default=False),
            reuse=_first(call.reuse, defaults.reuse, "user"),
            trace=self._flag("trace", call, place, default=False),
            auth=self._auth(*self._chosen("auth", call, place)),
            token=self._token(call, place),
            tls=self._tls(*self._chosen("tls", call, place)),
            proxy=self._proxy(*self._chosen("proxy", call, place)),
            source_addresses=self._sources(*self._chosen("source_addresses", call, place)),
            is_http2=self._chosen("http_version", call, place)[0] == "2",
            extract=tuple(plan_extract(each, run, context, f"{pointer}/extract/{i}") for i, each in enumerate(step.extract)),
            check=tuple(
                plan_check(each, run, context, f"{pointer}/check/{i}", base_dir=self._base_dir, files=self._files)
                for i, each in enumerate(step.check)
            ),
            retry=self._retry(step, pointer),
            when=self._leaves.expression(step.when, f"{pointer}/when"),
            on_error=step.on_error,
            sse=stream,
        )

    def awaited(self, request: out.HttpStep, *, status: int, timeout_s: float) -> out.HttpStep:
        """Return the request as `wait_for` repeats it: only the status decides, a miss is no error, none outlasts the waiting."""
        check = out.Check(kind="status", op="in", value=[status], text=f"status {status}")
        limit = min(request.timeouts.total_s, timeout_s)
        return replace(request, check=(*request.check, check), on_error="continue", timeouts=replace(request.timeouts, total_s=limit))

    def _check_stream(self, step: StepBase, call: HttpCall, stream: out.EventStream | None, place: str, pointer: str) -> None:
        if stream is not None and call.page not in (None, False):
            self._context.add("E105", "page and sse exclude each other: an answer is a page or a stream", "Leave one out.", f"{place}/sse")
        for index, check in enumerate(step.check):
            while check.kind == "not":
                check = check.value
            if check.kind == "messages" and stream is None:
                self._context.add("E105", "messages belongs to steps with sse", "Add sse: true.", f"{pointer}/check/{index}")

    def _refuse_fields(self, call: HttpCall, place: str) -> None:
        if call.dns is not None:
            self._context.add("E105", "dns holds for the whole test", "Write it in target.defaults.", f"{place}/dns")
        for source, where in ((call, place), (self._defaults, "/target/defaults")):
            if source.http_version not in (None, "auto", "1.1", "2"):
                message = f"http_version {source.http_version} is not known"
                self._context.add("E104", message, "Write auto, '1.1' or '2'.", f"{where}/http_version")

    # ---- what is sent

    def _url(self, url: str, place: str) -> str:
        text = self._leaves.text(url, place)
        scheme = _SCHEME.match(text)
        if scheme is not None and scheme.group(1).lower() not in ("http", "https"):
            self._context.add("E104", f"{text!r} is not an HTTP address", "Write a path, or http://host:port/path.", place)
        return text

    def _params(self, call: HttpCall, place: str) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        for key, value in call.params.items():
            for item in value if isinstance(value, list) else [value]:
                pairs.append((key, self._leaves.tree(item, f"{place}/params/{key}")))
        return tuple(pairs)

    def _merged(self, low: Mapping[str, str], high: Mapping[str, str], place: str, *, fold_case: bool) -> tuple[tuple[str, str], ...]:
        merged: dict[str, tuple[str, str]] = {}
        for name, value in (*low.items(), *high.items()):
            if _TOKEN.fullmatch(name) is None:
                self._context.add("E104", f"{name!r} cannot be the name of a header or cookie", "Use letters, digits and dashes.", place)
            merged[name.lower() if fold_case else name] = (name, self._leaves.text(value, f"{place}/{name}"))
        return tuple(merged.values())

    def _body(self, call: HttpCall, place: str) -> out.Body | None:
        if "json_body" in call.model_fields_set:
            return out.Body(kind="json", value=self._leaves.tree(call.json_body, f"{place}/json"))
        if call.form is not None:
            return out.Body(kind="form", value=self._leaves.tree(call.form, f"{place}/form"))
        if call.multipart is not None:
            return out.Body(kind="multipart", value=self._parts(call.multipart, f"{place}/multipart"))
        if call.body is not None:
            return out.Body(kind="text", value=self._leaves.text(call.body, f"{place}/body"))
        return self._file_body(call.body_file, f"{place}/body_file") if call.body_file is not None else None

    def _parts(self, given: Any, place: str) -> list[dict[str, Any]]:
        """Return the parts of a multipart body, in the order of the recipe; a list is a field that stands several times."""
        if not isinstance(given, dict) or not given:
            self._context.add("E103", "multipart is a mapping of field names to values or files", "Write multipart: {field: value}.", place)
            raise PlanningError
        parts = []
        for name, values in given.items():
            for value in values if isinstance(values, list) else [values]:
                parts.append({"name": name, "filename": "", "type": "", **self._part_of(value, f"{place}/{name}")})
        return parts

    def _part_of(self, value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            return {"value": self._leaves.tree(value, place)}
        unknown = sorted(set(value) - {"file", "filename", "content_type", "value"})
        if unknown or ("file" in value) == ("value" in value):
            self._context.add("E103", "a part is a value, or {file: path, filename, content_type}", "Write file: data/picture.png.", place)
            raise PlanningError
        kind = self._leaves.text(value.get("content_type", ""), f"{place}/content_type")
        if "value" in value:
            return {"value": self._leaves.tree(value["value"], f"{place}/value"), "type": kind}
        file = file_below(value["file"], self._base_dir, self._files, self._context, f"{place}/file")
        guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        named = self._leaves.text(value.get("filename", file.name), f"{place}/filename")
        return {"file": str(file), "filename": named, "type": kind or guessed}

    def _file_body(self, name: str, place: str) -> out.Body:
        return out.Body(kind="file", value=str(file_below(name, self._base_dir, self._files, self._context, place)))

    # ---- how it is sent

    def _timeouts(self, step: StepBase, call: HttpCall, place: str) -> out.Timeouts:
        chosen = _first(self._overrides.timeout, call.timeout, step.timeout, self._defaults.timeout)
        if chosen is None:
            return out.Timeouts()
        if not isinstance(chosen, Timeouts):
            return out.Timeouts(total_s=self._context.value(chosen, parse_duration, f"{place}/timeout"))

        def seconds(value: Any, default: float) -> float:
            return default if value is None else self._context.value(value, parse_duration, f"{place}/timeout")

        return out.Timeouts(connect_s=seconds(chosen.connect, 0.0), read_s=seconds(chosen.read, 0.0), total_s=seconds(chosen.total, 60.0))

    def _chosen(self, name: str, call: HttpCall, place: str) -> tuple[Any, str]:
        """Return a field of the request, else of the target's defaults, with its pointer."""
        value = getattr(call, name)
        if value is not None:
            return value, f"{place}/{name}"
        return getattr(self._defaults, name), f"/target/defaults/{name}"

    def _flag(self, name: str, call: HttpCall, place: str, *, default: bool) -> bool:
        value = _first(getattr(self._overrides, name, None), getattr(call, name), getattr(self._defaults, name), default)
        return self._context.value(value, _boolean, f"{place}/{name}")

    def _auth(self, auth: Auth | None, place: str) -> tuple[str, ...]:
        if auth is None:
            return ()
        if auth.basic is not None:
            pair = (auth.basic.user, auth.basic.password)
            return ("basic", *(self._part(text, f"{place}/basic") for text in pair))
        if auth.digest is not None:
            return ("digest", self._leaves.text(auth.digest.user, f"{place}/digest/user"), self._leaves.text(auth.digest.password, place))
        if auth.bearer is not None:
            return ("bearer", self._leaves.text(auth.bearer.token, place))
        return ("oauth2",)

    def _token(self, call: HttpCall, place: str) -> out.HttpStep | None:
        """Return the request that fetches a token (RFC 6749, section 4.4); its rows are none of the scenario's."""
        auth, where = self._chosen("auth", call, place)
        if auth is None or auth.oauth2 is None:
            return None
        given, place_of_auth = auth.oauth2, f"{where}/oauth2"
        url = self._url(given.token_url, f"{place_of_auth}/token_url")
        form = {"grant_type": "client_credentials"}
        if given.scope is not None:
            form["scope"] = self._leaves.text(given.scope, f"{place_of_auth}/scope")
        label = out.Label(scenario="", transaction="", name="oauth2 token", kind="http", method="POST", url=url, section="setup")
        return out.HttpStep(
            label=self._context.label(label),
            method="POST",
            url=url,
            headers=(("Accept", "application/json"),),
            body=out.Body(kind="form", value=form),
            auth=(
                "basic",
                self._part(given.client_id, f"{place_of_auth}/client_id"),
                self._part(given.client_secret, f"{place_of_auth}/client_secret"),
            ),
            timeouts=out.Timeouts(total_s=_TOKEN_S),
            tls=self._tls(*self._chosen("tls", call, place)),
            proxy=self._proxy(*self._chosen("proxy", call, place)),
            extract=(
                out.Extract(name="access_token", source="json", expr="$.access_token"),
                out.Extract(name="expires_in", source="json", expr="$.expires_in", has_default=True, default=0, required=False),
            ),
        )

    def _part(self, text: str, place: str) -> str:
        """Return one of the pair of basic auth: the engine encodes the pair as one, so each is a constant or one expression."""
        found = self._leaves.text(text, place)
        if is_template(found) and not parse_template(found).is_native:
            self._context.refuse(
                "text around an expression in basic auth", place, "Put the whole text into one variable, by set or a parameter."
            )
        return found

    def _tls(self, tls: TlsOptions | None, place: str) -> out.Tls:
        if self._overrides.verify is not None:
            tls = (tls or TlsOptions()).model_copy(update={"verify": self._overrides.verify})
        if tls is None:
            return out.Tls()
        if not tls.verify:
            self._context.add("W313", "certificates are not checked", "Give ca: FILE instead of verify: false.", place)
        ca, cert, key = (self._file_of(getattr(tls, name), f"{place}/{name}") for name in ("ca", "cert", "key"))
        name = self._context.value(tls.server_name, str, f"{place}/server_name") if tls.server_name else ""
        version = self._context.value(tls.min_version, str, f"{place}/min_version") if tls.min_version else ""
        if version not in _TLS_VERSIONS:
            self._context.add("E104", f"TLS {version} cannot be a minimum", "Write '1.2' or '1.3'.", f"{place}/min_version")
        found = out.Tls(verify=tls.verify, ca=ca, cert=cert, key=key, server_name=name, min_version=version)
        problem = certificate_problem(found)
        if problem is not None:
            field, text, hint = problem
            self._context.add("E104", text, hint, f"{place}/{field}")
        return found

    def _proxy(self, given: str | None, place: str) -> str:
        """Return the address of a proxy: only what stands before its host may come from secrets."""
        if not given:
            return ""
        text = self._leaves.text(given, place)
        scheme, _, rest = text.partition("://")
        host, _, port = rest.rpartition("@")[2].rstrip("/").rpartition(":")
        if scheme.lower() != "http" or not host or not port.isdigit() or set("{}/?#") & set(host):
            hint = "Write http://host:port, or http://user:{{ secrets.password }}@host:port."
            self._context.add("E104", "the address of the proxy cannot be read", hint, place)
        return text

    def _sources(self, given: list[str] | None, place: str) -> tuple[str, ...]:
        addresses = tuple(self._context.value(text, str, f"{place}/{index}") for index, text in enumerate(given or ()))
        for index, address in enumerate(addresses):
            if not is_ip(address):
                self._context.add("E104", f"{address!r} is not an IP address", "Write one of this machine's.", f"{place}/{index}")
        return addresses

    def _file_of(self, value: str | None, place: str) -> str:
        if not value:
            return ""
        return str(file_below(value, self._base_dir, self._files, self._context, place, is_certificate=True))

    def _retry(self, step: StepBase, pointer: str) -> out.Retry | None:
        if step.retry is None:
            return None
        for index, word in enumerate(map(str, step.retry.on)):
            if word not in _OUTCOMES and _STATUS.fullmatch(word) is None:
                hint = did_you_mean(word, _OUTCOMES)
                self._context.add("E104", f"{word!r} is neither an outcome nor a status", hint, f"{pointer}/retry/on/{index}")
        wait = self._context.value(step.retry.wait, parse_duration, f"{pointer}/retry/wait")
        return out.Retry(times=step.retry.times, wait_s=wait, on=tuple(map(str, step.retry.on)))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError(f"{value!r} is neither true nor false")
