"""What all parts of planning share: the scope of plan-time expressions, the labels, the findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from maid_lab.model.diagnostics import Diagnostic, Severity
from maid_lab.model.expressions import MAX_LENGTH, NAMESPACES, Expression, Scope, parse_expression
from maid_lab.model.functions import RANDOM
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.plan import Label, Segment
from maid_lab.model.planning.walks import has_dollar
from maid_lab.model.recipe.document import Document
from maid_lab.model.recipe.scopes import Names
from maid_lab.model.shapes import Shape, shape_segments
from maid_lab.model.templates import Template, escaped, is_template, parse_template

__all__ = ["Context", "PlanningError", "where"]

T = TypeVar("T")


class PlanningError(Exception):
    """Planning cannot go on; the findings say why."""


class Context:
    """State of one planning.

    Parameters
    ----------
    document : Document
        For places.
    parameters : mapping
        Typed values of parameters that are not secret.
    secrets : frozenset of str
        Keys of the secret parameters.
    shapes : mapping of str to Shape
        Custom load shapes by name.
    """

    def __init__(
        self,
        document: Document,
        parameters: Mapping[str, Any],
        secrets: frozenset[str] = frozenset(),
        shapes: Mapping[str, Shape] | None = None,
    ) -> None:
        self._document = document
        self.shapes = dict(shapes or {})
        self.parameters = dict(parameters)
        self.secrets = secrets
        self.used_secrets: set[str] = set()
        self.variables: dict[str, Any] = {}
        self.found: list[Diagnostic] = []
        self.labels: list[Label] = [Label(scenario="", transaction="", name="users", kind="users")]
        self._label_ids: dict[Label, int] = {}

    @property
    def data(self) -> dict[str, Any]:
        """The recipe as it was parsed."""
        return self._document.data if isinstance(self._document.data, dict) else {}

    def shape(self, name: str, config: Any, duration_s: float, pointer: str) -> tuple[Segment, ...]:
        """Return the segments of a custom shape.

        Raises
        ------
        PlanningError
            If there is none of this name (E307), or it cannot be used (E230).
        """
        if name not in self.shapes:
            known = f" {did_you_mean(name, list(self.shapes))}" if self.shapes else ""
            self.add(
                "E307", f"there is no load shape {name!r}", f"Give it from Python, or enable the extension that offers it.{known}", pointer
            )
            raise PlanningError
        try:
            return shape_segments(self.shapes[name], duration_s, config=self.evaluated(config))
        except Exception as error:  # a shape is the caller's own code: whatever it raises is told at its place
            self.add("E230", f"load shape {name!r}: {type(error).__name__}: {error}", "Mend the shape.", pointer)
            raise PlanningError from None

    # ---- findings

    def add(self, code: str, message: str, hint: str, pointer: str) -> None:
        """Note a finding at a place of the recipe; defaults of the target are looked at for each request, and reported once."""
        if any((item.code, item.message, item.pointer) == (code, message, pointer) for item in self.found):
            return
        line, column = self._document.place(pointer)
        severity: Severity = "warning" if code[0] == "W" else "error"
        self.found.append(
            Diagnostic(
                code=code,
                severity=severity,
                message=message,
                hint=hint,
                pointer=pointer,
                line=line,
                column=column,
                source=self._document.source,
            )
        )

    def refuse(self, what: str, pointer: str, hint: str = "It is part of maid.recipe/v1, but this version does not run it yet.") -> None:
        """Note that the schema accepts something which the engine cannot run."""
        self.add("E401", f"{what} is not available here", hint, pointer)

    # ---- labels

    def label(self, label: Label) -> int:
        """Return the number of a label, the same for equal ones."""
        if label not in self._label_ids:
            self._label_ids[label] = len(self.labels)
            self.labels.append(label)
        return self._label_ids[label]

    # ---- plan-time values

    def value(self, leaf: Any, convert: Callable[[Any], T], pointer: str) -> T:
        """Return the value of a plan-time leaf.

        Raises
        ------
        PlanningError
            If it has none, or not of the right kind; the finding is noted.
        """
        try:
            found = self.evaluated(leaf)
            return convert(found)
        except _RunTimeValueError as error:
            self.add("E213", f"{where(pointer)}: {error}", "Use params, variables or a constant here, or move it into a step.", pointer)
        except (ValueError, TypeError) as error:
            self.add("E215", f"{where(pointer)}: {error}", "Mend the expression or the parameter.", pointer)
        raise PlanningError

    def evaluated(self, leaf: Any) -> Any:
        """Return a tree with its expressions computed."""
        if isinstance(leaf, str):
            if not is_template(leaf):
                return leaf
            template = parse_template(leaf).qualify(self._qualifier())
            _refuse_run_time(template)
            return template.compile()(self._scope())
        if isinstance(leaf, Mapping):
            return {key: self.evaluated(item) for key, item in leaf.items()}
        return [self.evaluated(item) for item in leaf] if isinstance(leaf, list | tuple) else leaf

    # ---- run-time leaves

    def folded(self, tree: Any, names: Names, fixed: frozenset[str], pointer: str) -> Any:
        """Return a run-time tree with qualified names, and with what is known already computed.

        Parameters
        ----------
        names : Names
            What may be read there.
        fixed : frozenset of str
            Variables that nothing changes while running.
        """
        if isinstance(tree, str):
            return self._folded_text(tree, names, fixed, pointer)
        if isinstance(tree, Mapping):
            if "$" in tree:
                self._refuse_dollar(pointer)
            return {key: self.folded(item, names, fixed, pointer) for key, item in tree.items()}
        return [self.folded(item, names, fixed, pointer) for item in tree] if isinstance(tree, list | tuple) else tree

    def _refuse_dollar(self, pointer: str) -> None:
        """Refuse the key that names the class of a value in a plan's file."""
        self.refuse("the key $ by itself", pointer, "Write it as text: a body instead of json, another name in data.")

    def check_known(self, values: Mapping[str, Any], pointer: str) -> None:
        """Note known values that a plan's file could not give back."""
        for name, value in values.items():
            if has_dollar(value):
                self._refuse_dollar(f"{pointer}/{name}")

    def expression(self, text: str | None, names: Names, pointer: str = "") -> str:
        """Return a bare expression with qualified names."""
        if not text:
            return ""
        expression = parse_expression(text).qualify(names.qualifier())
        self._check_names([expression], names, pointer)
        return str(expression)

    def _folded_text(self, text: str, names: Names, fixed: frozenset[str], pointer: str) -> Any:
        if not is_template(text):
            return text
        template = parse_template(text).qualify(names.qualifier())
        self._check_names(template.expressions(), names, pointer)
        if not _is_known(template, fixed):
            return str(template)
        try:
            found = template.compile()(self._scope())
            if has_dollar(found):
                self._refuse_dollar(pointer)
            return escaped(found)
        except ValueError as error:
            self.add("E215", f"{text}: {error}", "Mend the expression or the parameter.", pointer)
            return text

    def _check_names(self, expressions: Sequence[Expression], names: Names, pointer: str) -> None:
        """Note names that nothing defines, those in more than one place, and which secrets are in use."""
        for expression in expressions:
            for name in sorted(expression.names()):
                root, dot, member = name.partition(".")
                if root == "secrets":
                    self.used_secrets |= {member} if dot else self.secrets
                elif not dot and root not in NAMESPACES:
                    self._unknown(name, names, pointer)
            if len(str(expression)) > MAX_LENGTH:
                self.add(
                    "E111", f"the expression is longer than {MAX_LENGTH} characters with the places of its names", "Split it.", pointer
                )

    def _unknown(self, name: str, names: Names, pointer: str) -> None:
        spaces = names.spaces_of(name)
        if spaces:
            options = " or ".join(f"{space}.{name}" for space in spaces)
            self.add("E212", f"the name {name!r} stands for several things", f"Write {options}.", pointer)
        else:
            self.add("E211", f"the name {name!r} is not known here", did_you_mean(name, names.all()), pointer)

    def _qualifier(self) -> dict[str, str]:
        return dict.fromkeys(self.secrets, "secrets") | dict.fromkeys(self.variables, "vars") | dict.fromkeys(self.parameters, "params")

    def _scope(self) -> Scope:
        scope = Scope()
        scope.params = self.parameters
        scope.vars = self.variables
        return scope


class _RunTimeValueError(ValueError):
    """A plan-time field reads what is only known while running."""


def _refuse_run_time(template: Template) -> None:
    for expression in template.expressions():
        for name in sorted(expression.calls() & RANDOM):
            raise _RunTimeValueError(f"{name}() has its value only while running")
        for name in sorted(expression.names()):
            root = name.partition(".")[0]
            if root == "secrets":
                raise _RunTimeValueError(f"{name} is kept out of the plan, so it has no value before the run")
            if root in NAMESPACES - {"params", "vars"}:
                raise _RunTimeValueError(f"{name} has its value only while running")


def where(pointer: str) -> str:
    """Return a pointer as people write it."""
    return pointer.lstrip("/").replace("/", ".") or "the value"


def _is_known(template: Template, fixed: frozenset[str]) -> bool:
    for expression in template.expressions():
        if expression.calls() & RANDOM:
            return False
        for name in expression.names():
            root, _, member = name.partition(".")
            if root != "params" and not (root == "vars" and member in fixed):
                return False
    return True
