"""Steps of a recipe as steps of a plan: labels allocated, defaults merged, names qualified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from maid_lab.model import plan as out
from maid_lab.model.planning.checks import plan_check, plan_extract
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.recipe import steps as tree
from maid_lab.model.recipe.loading import Loaded
from maid_lab.model.recipe.scopes import Names
from maid_lab.model.recipe.semantics import request_name
from maid_lab.model.recipe.target import Auth, Defaults, Timeouts, TlsOptions
from maid_lab.model.units import parse_duration, parse_percent

__all__ = ["StepPlanner", "think_step"]

#: Fields of a request that are part of the schema and not run yet.
_NOT_YET: Final = ("multipart", "proxy", "source_addresses", "dns", "page", "sse", "trace")


class StepPlanner:
    """Plans the steps of one scenario, setup or teardown.

    Parameters
    ----------
    context : Context
        Labels and findings.
    loaded : Loaded
        Fragments and the recipe's folder.
    names : Names
        What expressions may read here.
    fixed : frozenset of str
        Variables that nothing changes while running.
    scenario, section : str
        Where the rows belong.
    overrides : mapping
        `timeout` and `gzip` of the caller.
    """

    def __init__(
        self,
        context: Context,
        loaded: Loaded,
        *,
        names: Names,
        fixed: frozenset[str],
        scenario: str,
        section: str,
        defaults: Defaults,
        overrides: Mapping[str, Any],
        tags: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self._context = context
        self._loaded = loaded
        self._names = names
        self._fixed = fixed
        self._scenario = scenario
        self._section = section
        self._defaults = defaults
        self._overrides = overrides
        self._tags = tags
        self._transactions: list[str] = []

    def steps(self, steps: list[Any], pointer: str) -> tuple[out.Step, ...]:
        """Return the planned steps; one that cannot be planned is left out and its finding noted."""
        planned: list[out.Step] = []
        for index, step in enumerate(steps):
            try:
                planned.append(self._step(step, f"{pointer}/{index}"))
            except PlanningError:
                continue
        return tuple(planned)

    # ---- kinds of steps

    def _step(self, step: Any, pointer: str) -> out.Step:
        if isinstance(step, tree.HttpAction):
            return self._http(step, step.call, step.method, f"{pointer}/{step.action}", pointer)
        if isinstance(step, tree.DriverAction):
            self._context.refuse(f"the action {step.action}", f"{pointer}/{step.action}")
            raise PlanningError
        if isinstance(step, tree.Parallel):
            self._context.refuse("parallel", f"{pointer}/parallel")
            raise PlanningError
        makers: dict[type, Any] = {
            tree.Think: self._think,
            tree.Transaction: self._transaction,
            tree.Loop: self._loop,
            tree.While: self._while,
            tree.If: self._if,
            tree.Switch_: self._switch,
            tree.RandomChoice: self._random,
            tree.Set: self._set,
            tree.Log: self._log,
            tree.Use: self._use,
            tree.WaitFor: self._wait_for,
        }
        result: out.Step = makers[type(step)](step, pointer, self._when(step))
        return result

    def _think(self, step: tree.Think, pointer: str, when: str) -> out.Step:
        return think_step(step.think, self._context, self._names, self._fixed, f"{pointer}/think", when=when)

    def _transaction(self, step: tree.Transaction, pointer: str, when: str) -> out.Step:
        self._transactions.append(step.transaction)
        path = " / ".join(self._transactions)
        label = self._label(name=path, kind="transaction", transaction=path)
        inner = self.steps(step.steps, f"{pointer}/steps")
        self._transactions.pop()
        return out.TransactionStep(
            label=label, steps=inner, include_think=step.include_think, weight=step.weight, sequence=step.sequence, when=when
        )

    def _loop(self, step: tree.Loop, pointer: str, when: str) -> out.Step:
        options = step.loop
        inner = self.steps(step.steps, f"{pointer}/steps")
        if options.over is not None:
            return out.LoopStep(steps=inner, over=self._context.expression(options.over, self._names), name=options.as_ or "", when=when)
        return out.LoopStep(steps=inner, count=self._run(options.count, f"{pointer}/loop/count"), when=when)

    def _while(self, step: tree.While, pointer: str, when: str) -> out.Step:
        condition = self._context.expression(step.while_, self._names)
        return out.WhileStep(condition=condition, steps=self.steps(step.steps, f"{pointer}/steps"), limit=step.max, when=when)

    def _if(self, step: tree.If, pointer: str, when: str) -> out.Step:
        condition = self._context.expression(step.if_, self._names)
        then = self.steps(step.then, f"{pointer}/then")
        return out.IfStep(condition=condition, then=then, otherwise=self.steps(step.else_ or [], f"{pointer}/else"), when=when)

    def _switch(self, step: tree.Switch_, pointer: str, when: str) -> out.Step:
        cases = tuple((text, self.steps(steps, f"{pointer}/cases/{text}")) for text, steps in step.cases.items())
        default = self.steps(step.default or [], f"{pointer}/default")
        return out.SwitchStep(expression=self._context.expression(step.switch, self._names), cases=cases, default=default, when=when)

    def _random(self, step: tree.RandomChoice, pointer: str, when: str) -> out.Step:
        branches = []
        for index, branch in enumerate(step.random):
            place = f"{pointer}/random/{index}"
            weight = self._context.value(branch.weight, float, f"{place}/weight")
            branches.append((weight, self.steps(branch.steps, f"{place}/steps")))
        if not any(weight > 0 for weight, _ in branches):
            self._context.add("E232", "all branches have weight 0", "Give at least one a weight.", f"{pointer}/random")
            raise PlanningError
        return out.RandomStep(branches=tuple(branches), when=when)

    def _set(self, step: tree.Set, pointer: str, when: str) -> out.Step:
        values = tuple((name, self._run(value, f"{pointer}/set/{name}")) for name, value in step.set_.items())
        return out.SetStep(values=values, keep=step.keep, when=when)

    def _log(self, step: tree.Log, pointer: str, when: str) -> out.Step:
        sample = self._context.value(step.sample, parse_percent, f"{pointer}/sample")
        return out.LogStep(text=self._run(step.log, f"{pointer}/log"), level=step.level, sample=sample, when=when)

    def _use(self, step: tree.Use, pointer: str, when: str) -> out.Step:
        recipe = self._loaded.recipe
        include = next((item for item in recipe.include if item.name == step.use), None) if recipe is not None else None
        fragment = self._loaded.fragments.get(step.use)
        if include is None or fragment is None:
            raise PlanningError
        given = {parameter.key: parameter.default for parameter in fragment.parameters if "default" in parameter.model_fields_set}
        values = {**given, **include.values}
        missing = [parameter.key for parameter in fragment.parameters if parameter.key not in values]
        if missing:
            self._context.add("E408", f"fragment {step.use} needs {', '.join(missing)}", "Give it in include.values.", f"{pointer}/use")
            raise PlanningError
        inner = self._for_fragment(values)
        planned = tuple((name, self._run(value, f"{pointer}/use")) for name, value in values.items())
        return out.UseStep(steps=inner.steps(fragment.steps, pointer), values=planned, when=when)

    def _for_fragment(self, values: Mapping[str, Any]) -> StepPlanner:
        """Inside a fragment its own parameters are the names, as variables."""
        from maid_lab.model.recipe.scopes import defined_in

        own = frozenset(values)
        names = Names(
            params=self._names.params - own,
            secrets=self._names.secrets - own,
            variables=self._names.variables | own | frozenset(defined_in(self._loaded.document.data)),
            row=None if self._names.row is None else self._names.row - own,
            data=self._names.data,
        )
        inner = StepPlanner(
            self._context, self._loaded, names=names, fixed=self._fixed - own, scenario=self._scenario, section=self._section,
            defaults=self._defaults, overrides=self._overrides, tags=self._tags,
        )  # fmt: skip
        inner._transactions = self._transactions
        return inner

    def _wait_for(self, step: tree.WaitFor, pointer: str, when: str) -> out.Step:
        options = step.wait_for
        if options.get is None:
            self._context.refuse("wait_for of another protocol than HTTP", f"{pointer}/wait_for")
            raise PlanningError
        request = self._http(step, options.get, "GET", f"{pointer}/wait_for/get", pointer, on_error="continue", status=options.status)
        timeout = self._context.value(options.timeout, parse_duration, f"{pointer}/wait_for/timeout")
        every = self._context.value(options.every, parse_duration, f"{pointer}/wait_for/every")
        return out.WaitForStep(request=request, status=options.status, timeout_s=timeout, every_s=every, when=when)

    # ---- requests

    def _http(
        self, step: tree.StepBase, call: tree.HttpCall, method: str, place: str, pointer: str, *, on_error: Any = None, status: int = 0
    ) -> out.HttpStep:
        self._refuse_fields(call, place)
        defaults = self._defaults
        name = step.name or request_name(method, call.url)
        label = self._label(name=name, kind="http", method=method, url=call.url, tags=step.tags)
        checks = [plan_check(check, self._run, self._context, f"{pointer}/check/{i}") for i, check in enumerate(step.check)]
        if status:
            checks.append(out.Check(kind="status", op="in", value=[status], text=f"status {status}"))
        extracts = [plan_extract(extract, self._run, self._context, f"{pointer}/extract/{i}") for i, extract in enumerate(step.extract)]
        return out.HttpStep(
            label=label,
            method=method,
            url=self._text(call.url, place),
            params=self._params(call, place),
            headers=self._merged(defaults.headers, call.headers, place, fold_case=True),
            cookies=self._merged(defaults.cookies, call.cookies, place, fold_case=False),
            body=self._body(call, place),
            timeouts=self._timeouts(step, call, place),
            redirects=_first(call.redirects, defaults.redirects, 10),
            gzip=self._flag("gzip", call, place, default=True),
            sticky=self._flag("sticky", call, place, default=False),
            reuse=_first(call.reuse, defaults.reuse, "user"),
            auth=self._auth(call.auth or defaults.auth, f"{place}/auth"),
            tls=self._tls(call.tls or defaults.tls, f"{place}/tls"),
            extract=tuple(extracts),
            check=tuple(checks),
            retry=self._retry(step, pointer),
            when=self._when(step),
            on_error=on_error or step.on_error,
        )

    def _refuse_fields(self, call: tree.HttpCall, place: str) -> None:
        for source, where in ((call, place), (self._defaults, "/target/defaults")):
            for field in _NOT_YET:
                if getattr(source, field, None) not in (None, False):
                    self._context.refuse(f"{field} of HTTP requests", f"{where}/{field}")
            version = source.http_version
            if version not in (None, "auto", "1.1"):
                self._context.refuse(f"http_version {version}", f"{where}/http_version")
        if self._flag("sticky", call, place, default=False):
            self._context.refuse("sticky", f"{place}/sticky")
        if call.reuse == "iteration" or (call.reuse is None and self._defaults.reuse == "iteration"):
            self._context.refuse("reuse: iteration", f"{place}/reuse")

    def _params(self, call: tree.HttpCall, place: str) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        for key, value in call.params.items():
            for item in value if isinstance(value, list) else [value]:
                pairs.append((key, self._run(item, f"{place}/params/{key}")))
        return tuple(pairs)

    def _merged(self, low: Mapping[str, str], high: Mapping[str, str], place: str, *, fold_case: bool) -> tuple[tuple[str, str], ...]:
        merged: dict[str, tuple[str, str]] = {}
        for name, value in (*low.items(), *high.items()):
            merged[name.lower() if fold_case else name] = (name, self._text(value, f"{place}/headers/{name}"))
        return tuple(merged.values())

    def _body(self, call: tree.HttpCall, place: str) -> out.Body | None:
        given = call.model_fields_set
        if "json_body" in given:
            return out.Body(kind="json", value=self._run(call.json_body, f"{place}/json"))
        if call.form is not None:
            return out.Body(kind="form", value=self._run(call.form, f"{place}/form"))
        if call.body is not None:
            return out.Body(kind="text", value=self._text(call.body, f"{place}/body"))
        return self._file_body(call.body_file, f"{place}/body_file") if call.body_file is not None else None

    def _file_body(self, name: str, place: str) -> out.Body:
        path = self._context.value(name, str, place)
        folder = self._loaded.base_dir
        file = (folder / path).resolve() if folder is not None else None
        if file is None or folder is None or not file.is_relative_to(folder):
            self._context.add("E305", f"{path} is outside the recipe's folder", "Put the file beside the recipe.", place)
            raise PlanningError
        if not file.is_file():
            self._context.add("E306", f"{path} is missing", "Check the path.", place)
            raise PlanningError
        return out.Body(kind="file", value=str(file))

    def _timeouts(self, step: tree.StepBase, call: tree.HttpCall, place: str) -> out.Timeouts:
        override = self._overrides.get("timeout")
        chosen = override if override is not None else _first(call.timeout, step.timeout, self._defaults.timeout)
        if chosen is None:
            return out.Timeouts()
        if not isinstance(chosen, Timeouts):
            return out.Timeouts(total_s=self._context.value(chosen, parse_duration, f"{place}/timeout"))

        def seconds(value: Any, default: float) -> float:
            return default if value is None else self._context.value(value, parse_duration, f"{place}/timeout")

        return out.Timeouts(connect_s=seconds(chosen.connect, 0.0), read_s=seconds(chosen.read, 0.0), total_s=seconds(chosen.total, 60.0))

    def _flag(self, name: str, call: tree.HttpCall, place: str, *, default: bool) -> bool:
        override = self._overrides.get(name)
        value = _first(override, getattr(call, name), getattr(self._defaults, name), default)
        return bool(self._context.value(value, _boolean, f"{place}/{name}"))

    def _auth(self, auth: Auth | None, place: str) -> tuple[str, ...]:
        if auth is None:
            return ()
        if auth.basic is not None:
            return ("basic", self._text(auth.basic.user, place), self._text(auth.basic.password, place))
        if auth.bearer is not None:
            return ("bearer", self._text(auth.bearer.token, place))
        self._context.refuse("digest" if auth.digest is not None else "oauth2", place)
        return ()

    def _tls(self, tls: TlsOptions | None, place: str) -> out.Tls:
        if tls is None:
            return out.Tls()
        if not tls.verify:
            self._context.add("W313", "certificates are not checked", "Give ca: FILE instead of verify: false.", place)

        def path(value: str | None, key: str) -> str:
            return self._file_of(value, f"{place}/{key}") if value else ""

        name = self._text(tls.server_name, place) if tls.server_name else ""
        return out.Tls(verify=tls.verify, ca=path(tls.ca, "ca"), cert=path(tls.cert, "cert"), key=path(tls.key, "key"), server_name=name)

    def _file_of(self, value: str, place: str) -> str:
        from pathlib import Path

        text = self._context.value(value, str, place)
        file = Path(text) if Path(text).is_absolute() or self._loaded.base_dir is None else self._loaded.base_dir / text
        if not file.is_file():
            self._context.add("E306", f"{text} is missing", "Check the path.", place)
            raise PlanningError
        return str(file.resolve())

    def _retry(self, step: tree.StepBase, pointer: str) -> out.Retry | None:
        if step.retry is None:
            return None
        wait = self._context.value(step.retry.wait, parse_duration, f"{pointer}/retry/wait")
        return out.Retry(times=step.retry.times, wait_s=wait, on=tuple(map(str, step.retry.on)))

    # ---- small things

    def _label(
        self, *, name: str, kind: str, method: str = "", url: str = "", transaction: str = "", tags: Mapping[str, str] | None = None
    ) -> int:
        values = {key: str(self._context.value(value, str, "")) for key, value in (tags or {}).items()}
        return self._context.label(
            out.Label(
                scenario=self._scenario,
                transaction=transaction or " / ".join(self._transactions),
                name=name,
                kind=kind,
                method=method,
                url=url,
                section=self._section,
                tags=tuple(sorted({**dict(self._tags), **values}.items())),
            )
        )

    def _when(self, step: tree.StepBase) -> str:
        return self._context.expression(step.when, self._names)

    def _run(self, value: Any, pointer: str) -> Any:
        return self._context.folded(value, self._names, self._fixed, pointer)

    def _text(self, value: str, pointer: str) -> str:
        from maid_lab.model.functions import text_of

        return text_of(self._run(value, pointer))


def think_step(think: Any, context: Context, names: Names, fixed: frozenset[str], pointer: str, *, when: str = "") -> out.ThinkStep:
    """Return a think time as a step: bounds in seconds, or expressions that give them."""

    def bound(value: Any) -> Any:
        folded = context.folded(value, names, fixed, pointer)
        return folded if isinstance(folded, str) and "{{" in folded else context.value(folded, parse_duration, pointer)

    if isinstance(think, tree.ThinkSpread):
        middle = context.value(think.middle, parse_duration, pointer)
        spread = context.value(think.spread, parse_percent, pointer)
        return out.ThinkStep(low=middle * (1 - spread), high=middle * (1 + spread), dist="uniform", when=when)
    if isinstance(think, tree.ThinkRange):
        low = bound(think.min)
        return out.ThinkStep(
            low=low, high=low if think.max is None and think.dist != "exponential" else bound(think.max or 0), dist=think.dist, when=when
        )
    value = bound(think)
    return out.ThinkStep(low=value, high=value, when=when)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError(f"{value!r} is neither true nor false")
