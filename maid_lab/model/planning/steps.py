"""Steps of a recipe as steps of a plan: labels allocated, defaults merged, names qualified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from maid_lab.model import plan as out
from maid_lab.model.functions import text_of
from maid_lab.model.planning.checks import check_css
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.leaves import Leaves
from maid_lab.model.planning.overrides import Overrides
from maid_lab.model.planning.requests import RequestPlanner
from maid_lab.model.recipe import steps as tree
from maid_lab.model.recipe.loading import Loaded
from maid_lab.model.recipe.scopes import Names, defined_in
from maid_lab.model.recipe.semantics import request_name
from maid_lab.model.recipe.target import Defaults
from maid_lab.model.templates import is_template
from maid_lab.model.units import parse_duration, parse_percent

#: Suffixes of the parts of a page that have a name of their own.
_ASSETS: Final = (
    ".css", ".js", ".mjs", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".woff2",
)  # fmt: skip

__all__ = ["StepPlanner", "fragment_names", "think_step"]


class StepPlanner:
    """Plans the steps of one scenario, setup or teardown.

    Parameters
    ----------
    leaves : Leaves
        What expressions may read here, values and findings.
    loaded : Loaded
        Fragments and the recipe's folder.
    scenario, section : str
        Where the rows belong.
    defaults : Defaults
        Of the target.
    overrides : Overrides
        Of the caller.
    """

    def __init__(
        self,
        leaves: Leaves,
        loaded: Loaded,
        *,
        scenario: str,
        section: str,
        defaults: Defaults,
        overrides: Overrides,
        tags: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self._leaves = leaves
        self._context: Context = leaves.context
        self._loaded = loaded
        self._scenario = scenario
        self._section = section
        self._defaults = defaults
        self._overrides = overrides
        self._tags = tags
        self._requests = RequestPlanner(leaves, base_dir=loaded.base_dir, files=loaded.files, defaults=defaults, overrides=overrides)
        self._transactions: list[str] = []
        self._paths: set[str] = set()

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
        if isinstance(step, tree.DriverAction) and step.action == "form_submit":
            return self._form(step, f"{pointer}/form_submit", pointer)
        if isinstance(step, tree.DriverAction):
            self._context.refuse(f"the action {step.action}", f"{pointer}/{step.action}")
            raise PlanningError
        makers: dict[type, Any] = {
            tree.Think: self._think,
            tree.Transaction: self._transaction,
            tree.Loop: self._loop,
            tree.While: self._while,
            tree.If: self._if,
            tree.Switch_: self._switch,
            tree.RandomChoice: self._random,
            tree.Parallel: self._parallel,
            tree.Set: self._set,
            tree.Log: self._log,
            tree.Use: self._use,
            tree.WaitFor: self._wait_for,
        }
        result: out.Step = makers[type(step)](step, pointer, self._when(step, pointer))
        return result

    def _think(self, step: tree.Think, pointer: str, when: str) -> out.Step:
        return think_step(step.think, self._leaves, f"{pointer}/think", when=when)

    def _transaction(self, step: tree.Transaction, pointer: str, when: str) -> out.Step:
        self._transactions.append(step.transaction)
        path = " / ".join(self._transactions)
        if path in self._paths:
            self._context.add("E220", f"the transaction {path!r} stands twice", "Give each its own name.", f"{pointer}/transaction")
        self._paths.add(path)
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
            over = self._leaves.expression(options.over, f"{pointer}/loop/over")
            return out.LoopStep(steps=inner, over=over, name=options.as_ or "", when=when)
        count = self._leaves.number(options.count, f"{pointer}/loop/count")
        if not (isinstance(count, str) and is_template(count)):
            count = self._context.value(count, _whole, f"{pointer}/loop/count")
        return out.LoopStep(steps=inner, count=count, when=when)

    def _while(self, step: tree.While, pointer: str, when: str) -> out.Step:
        condition = self._leaves.expression(step.while_, f"{pointer}/while")
        return out.WhileStep(condition=condition, steps=self.steps(step.steps, f"{pointer}/steps"), limit=step.max, when=when)

    def _if(self, step: tree.If, pointer: str, when: str) -> out.Step:
        condition = self._leaves.expression(step.if_, f"{pointer}/if")
        then = self.steps(step.then, f"{pointer}/then")
        return out.IfStep(condition=condition, then=then, otherwise=self.steps(step.else_ or [], f"{pointer}/else"), when=when)

    def _switch(self, step: tree.Switch_, pointer: str, when: str) -> out.Step:
        cases = tuple((text, self.steps(steps, f"{pointer}/cases/{text}")) for text, steps in step.cases.items())
        default = self.steps(step.default or [], f"{pointer}/default")
        expression = self._leaves.expression(step.switch, f"{pointer}/switch")
        return out.SwitchStep(expression=expression, cases=cases, default=default, when=when)

    def _parallel(self, step: tree.Parallel, pointer: str, when: str) -> out.Step:
        branches = tuple(self.steps(list(branch), f"{pointer}/branches/{index}") for index, branch in enumerate(step.branches))
        return out.ParallelStep(branches=branches, limit=step.parallel.max, when=when)

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
        values = tuple((name, self._leaves.tree(value, f"{pointer}/set/{name}")) for name, value in step.set_.items())
        return out.SetStep(values=values, keep=step.keep, when=when)

    def _log(self, step: tree.Log, pointer: str, when: str) -> out.Step:
        sample = self._context.value(step.sample, parse_percent, f"{pointer}/sample")
        return out.LogStep(text=self._leaves.tree(step.log, f"{pointer}/log"), level=step.level, sample=sample, when=when)

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
        planned = tuple((name, self._leaves.tree(value, f"{pointer}/use")) for name, value in values.items())
        return out.UseStep(steps=inner.steps(fragment.steps, pointer), values=planned, when=when)

    def _for_fragment(self, values: Mapping[str, Any]) -> StepPlanner:
        """Inside a fragment its own parameters are the names, as variables."""
        own, outer = frozenset(values), self._leaves.names
        names = Names(
            params=outer.params - own,
            secrets=outer.secrets - own,
            variables=outer.variables | own | fragment_names(self._loaded),
            row=None if outer.row is None else outer.row - own,
            data=outer.data,
        )
        inner = StepPlanner(
            Leaves(self._context, names, self._leaves.fixed - own),
            self._loaded,
            scenario=self._scenario,
            section=self._section,
            defaults=self._defaults,
            overrides=self._overrides,
            tags=self._tags,
        )
        inner._transactions, inner._paths = self._transactions, self._paths
        return inner

    def _wait_for(self, step: tree.WaitFor, pointer: str, when: str) -> out.Step:
        options = step.wait_for
        if options.get is None:
            self._context.refuse("wait_for of another protocol than HTTP", f"{pointer}/wait_for")
            raise PlanningError
        timeout = self._context.value(options.timeout, parse_duration, f"{pointer}/wait_for/timeout")
        request = self._http(step, options.get, "GET", f"{pointer}/wait_for/get", pointer)
        request = self._requests.awaited(request, status=options.status, timeout_s=timeout)
        every = self._context.value(options.every, parse_duration, f"{pointer}/wait_for/every")
        return out.WaitForStep(request=request, status=options.status, timeout_s=timeout, every_s=every, when=when)

    # ---- labels

    def _http(self, step: tree.StepBase, call: tree.HttpCall, method: str, place: str, pointer: str) -> out.HttpStep:
        name = step.name or request_name(method, call.url)
        kind = "http" if call.sse in (None, False) else "sse"
        label = self._label(name=name, kind=kind, method=method, url=call.url, tags=self._tag_values(step.tags, f"{pointer}/tags"))
        request = self._requests.plan(step, call, method=method, label=label, place=place, pointer=pointer)
        page = self._page(call.page, f"{place}/page")
        return request if page is None else replace(request, page=page)

    def _page(self, given: Any, place: str) -> out.Page | None:
        """Return what a page loads besides itself; each kind of part has a label of its own."""
        if given is None or given is False:
            return None
        options = {"assets": True} if given is True else given
        if not isinstance(options, dict) or set(options) - {"assets", "parallel"}:
            self._context.add("E103", "page is {assets: true, parallel: 6}", "Write page: {assets: true}.", place)
            raise PlanningError
        if not self._context.value(options.get("assets", False), bool, f"{place}/assets"):
            return None
        limit = self._context.value(options.get("parallel", 6), int, f"{place}/parallel")
        if limit < 1:
            self._context.add("E104", f"page loads {limit} parts at a time", "Write 1 or more.", f"{place}/parallel")
            raise PlanningError
        names = {suffix: f"asset {suffix}" for suffix in _ASSETS} | {"other": "asset other"}
        labels = tuple((kind, self._label(name=name, kind="http", method="GET")) for kind, name in names.items())
        return out.Page(labels=labels, parallel=limit)

    def _form(self, step: tree.DriverAction, place: str, pointer: str) -> out.Step:
        given = step.form_submit
        if not isinstance(given, dict) or set(given) - {"form", "fields"} or not isinstance(given.get("fields", {}), dict):
            self._context.add(
                "E103", "form_submit is {form: css or index, fields: {name: value}}", "Write form_submit: {fields: {…}}.", place
            )
            raise PlanningError
        form = given.get("form", 0)
        if isinstance(form, bool) or not isinstance(form, int | str):
            self._context.add(
                "E103", f"form is a CSS selector or an index, not {form!r}", "Write form: 0, or form: form.login.", f"{place}/form"
            )
            raise PlanningError
        if isinstance(form, str):
            check_css(form, self._context, f"{place}/form")
        name = step.name or f"submit {form if isinstance(form, str) else f'form {form}'}"
        label = self._label(name=name, kind="http", method="POST")
        call = tree.HttpCall(url="/")
        request = self._requests.plan(step, call, method="POST", label=label, place=place, pointer=pointer)
        fields = tuple((key, self._leaves.tree(value, f"{place}/fields/{key}")) for key, value in given.get("fields", {}).items())
        return out.FormStep(request=request, form=form, fields=fields, when=request.when)

    def _label(
        self, *, name: str, kind: str, method: str = "", url: str = "", transaction: str = "", tags: Mapping[str, str] | None = None
    ) -> int:
        return self._context.label(
            out.Label(
                scenario=self._scenario,
                transaction=transaction or " / ".join(self._transactions),
                name=name,
                kind=kind,
                method=method,
                url=url,
                section=self._section,
                tags=tuple(sorted({**dict(self._tags), **(tags or {})}.items())),
            )
        )

    def _tag_values(self, tags: Mapping[str, str], place: str) -> dict[str, str]:
        return {key: self._context.value(value, text_of, f"{place}/{key}") for key, value in tags.items()}

    def _when(self, step: tree.StepBase, pointer: str) -> str:
        return self._leaves.expression(step.when, f"{pointer}/when")


def fragment_names(loaded: Loaded) -> frozenset[str]:
    """Return the variables that the steps of included fragments define."""
    trees = [fragment.model_dump(by_alias=True, exclude_unset=True) for fragment in loaded.fragments.values()]
    return frozenset(defined_in(trees))


def think_step(think: Any, leaves: Leaves, pointer: str, *, when: str = "") -> out.ThinkStep:
    """Return a think time as a step: bounds in seconds, or expressions that give them."""
    context = leaves.context

    def bound(value: Any) -> Any:
        folded = leaves.number(value, pointer)
        return folded if isinstance(folded, str) and is_template(folded) else context.value(folded, parse_duration, pointer)

    if isinstance(think, tree.ThinkSpread):
        middle = context.value(think.middle, parse_duration, pointer)
        spread = context.value(think.spread, parse_percent, pointer)
        return out.ThinkStep(low=middle * (1 - spread), high=middle * (1 + spread), dist="uniform", when=when)
    if isinstance(think, tree.ThinkRange):
        low = bound(think.min)
        if think.max is None and think.dist in ("uniform", "normal"):
            context.add("E102", f"think time with dist: {think.dist} lacks 'max'", "Add max, or write dist: constant.", pointer)
        high = bound(think.max) if think.max is not None else 0.0 if think.dist == "exponential" else low
        if think.max is not None and isinstance(low, float) and isinstance(high, float) and low > high:
            context.add("E104", f"think time: min {low:g} s is above max {high:g} s", "Swap them.", pointer)
        return out.ThinkStep(low=low, high=high, dist=think.dist, when=when)
    value = bound(think)
    return out.ThinkStep(low=value, high=value, when=when)


def _whole(value: Any) -> int:
    number = float(value)
    if number != int(number) or number < 0:
        raise ValueError(f"{value!r} is not a whole number from 0 on")
    return int(number)
