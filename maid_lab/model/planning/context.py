"""What all parts of planning share: the scope of plan-time expressions, the labels, the findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from maid_lab.model.diagnostics import Diagnostic, Severity
from maid_lab.model.expressions import Scope, parse_expression
from maid_lab.model.functions import RANDOM
from maid_lab.model.plan import Label
from maid_lab.model.recipe.document import Document
from maid_lab.model.recipe.scopes import Names
from maid_lab.model.templates import Template, is_template, parse_template

__all__ = ["Context", "PlanningError"]

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
    """

    def __init__(self, document: Document, parameters: Mapping[str, Any]) -> None:
        self._document = document
        self.parameters = dict(parameters)
        self.variables: dict[str, Any] = {}
        self.found: list[Diagnostic] = []
        self.labels: list[Label] = [Label(scenario="", transaction="", name="users", kind="users")]
        self._label_ids: dict[Label, int] = {}

    # ---- findings

    def add(self, code: str, message: str, hint: str, pointer: str) -> None:
        """Note a finding at a place of the recipe."""
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
        except (ValueError, TypeError) as error:
            self.add("E215", f"{pointer.lstrip('/').replace('/', '.')}: {error}", "Mend the expression or the parameter.", pointer)
            raise PlanningError from None

    def evaluated(self, leaf: Any) -> Any:
        """Return a tree with its expressions computed."""
        if isinstance(leaf, str):
            if not is_template(leaf):
                return leaf
            template = parse_template(leaf)
            return template.qualify(self._qualifier()).compile()(self._scope())
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
            return {key: self.folded(item, names, fixed, pointer) for key, item in tree.items()}
        return [self.folded(item, names, fixed, pointer) for item in tree] if isinstance(tree, list | tuple) else tree

    def expression(self, text: str | None, names: Names) -> str:
        """Return a bare expression with qualified names."""
        return str(parse_expression(text).qualify(self._names(names))) if text else ""

    def _folded_text(self, text: str, names: Names, fixed: frozenset[str], pointer: str) -> Any:
        if not is_template(text):
            return text
        template = parse_template(text).qualify(self._names(names))
        if not _is_known(template, fixed):
            return str(template)
        try:
            return template.compile()(self._scope())
        except ValueError as error:
            self.add("E215", f"{text}: {error}", "Mend the expression or the parameter.", pointer)
            return text

    @staticmethod
    def _names(names: Names) -> dict[str, str]:
        qualifier = names.qualifier()
        if names.row is None:
            # Fields of a file that is read later: what nothing else defines is taken from the row.
            return _RowByDefault(qualifier)
        return qualifier

    def _qualifier(self) -> dict[str, str]:
        return dict.fromkeys(self.variables, "vars") | dict.fromkeys(self.parameters, "params")

    def _scope(self) -> Scope:
        scope = Scope()
        scope.params = self.parameters
        scope.vars = self.variables
        return scope


class _RowByDefault(dict[str, str]):
    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, "row")


def _is_known(template: Template, fixed: frozenset[str]) -> bool:
    for expression in template.expressions():
        if expression.calls() & RANDOM:
            return False
        for name in expression.names():
            root, _, member = name.partition(".")
            if root != "params" and not (root == "vars" and member in fixed):
                return False
    return True
