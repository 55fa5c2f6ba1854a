"""Extracts and checks of a step."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from maid_lab.model.recipe.base import Label, Node, Template, Tree, Whole, refuse

__all__ = ["CHECK_KINDS", "EXTRACT_SOURCES", "Check", "Extract", "HeaderCheck", "JsonCheck"]

EXTRACT_SOURCES = ("json", "regex", "css", "xpath", "header", "cookie", "status", "column", "field")


class Extract(Node):
    """A value taken from an answer."""

    name: Label
    json_path: str | None = Field(None, alias="json")
    regex: str | None = None
    css: str | None = None
    xpath: str | None = None
    header: str | None = None
    cookie: str | None = None
    status: Any = None
    column: str | None = None
    message_field: str | None = Field(None, alias="field")
    attr: str | None = None
    pick: Literal["first", "last", "random", "all"] | int = "first"
    group: int = Field(1, ge=0)
    default: Tree = None
    required: bool = True
    keep: bool = False

    @model_validator(mode="before")
    @classmethod
    def _one_source(cls, data: Any) -> Any:
        if isinstance(data, dict):
            given = [key for key in EXTRACT_SOURCES if key in data]
            if len(given) != 1:
                found = f"has {' and '.join(given)}" if given else "has none"
                refuse("E105", f"an extract takes its value from exactly one of {', '.join(EXTRACT_SOURCES)}; this one {found}")
        return data

    @property
    def source(self) -> str:
        """Which source is given."""
        given = self.model_fields_set
        names = {"json_path": "json", "message_field": "field"}
        return next(names.get(name, name) for name in given if names.get(name, name) in EXTRACT_SOURCES)

    @property
    def expr(self) -> str:
        """The path, pattern or name of the source."""
        values = {"json": self.json_path, "field": self.message_field}
        found = values[self.source] if self.source in values else getattr(self, self.source)
        return "" if found is None or isinstance(found, bool) else str(found)


class JsonCheck(Node):
    """A condition on values of a JSON body."""

    path: str
    equals: Tree = None
    contains: Tree = None
    matches: Template | None = None
    exists: bool | None = None
    count: Whole | None = None
    lt: Tree = None
    le: Tree = None
    gt: Tree = None
    ge: Tree = None

    @model_validator(mode="after")
    def _one_condition(self) -> JsonCheck:
        if len(self.model_fields_set - {"path"}) != 1:
            refuse("E105", "a json check has a path and exactly one of equals, contains, matches, exists, count, lt, le, gt, ge")
        return self


class HeaderCheck(Node):
    """A condition on a header."""

    name: str
    equals: Template | None = None
    contains: Template | None = None
    matches: Template | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> HeaderCheck:
        if len(self.model_fields_set - {"name"}) != 1:
            refuse("E105", "a header check has a name and exactly one of equals, contains, matches, exists")
        return self


class Check(Node):
    """One condition on one answer."""

    status: int | str | list[int | str] | None = None
    json_value: JsonCheck | None = Field(None, alias="json")
    body_contains: Template | None = None
    body_matches: Template | None = None
    title: Template | None = None
    header: HeaderCheck | None = None
    content_type: Template | None = None
    size: Template | None = None
    latency: Template | None = None
    redirect: Template | None = None
    schema_file: str | None = Field(None, alias="schema")
    sql_rows: int | str | None = None
    grpc_status: int | str | None = None
    messages: Template | None = None
    negated: Check | None = Field(None, alias="not")

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, data: Any) -> Any:
        if isinstance(data, dict):
            given = [key for key in data if key in CHECK_KINDS]
            unknown = [key for key in data if key not in CHECK_KINDS]
            if len(given) != 1 and not unknown:
                refuse("E105", f"a check has exactly one of {', '.join(CHECK_KINDS)}")
        return data

    @property
    def kind(self) -> str:
        """Which condition is given, by its key in the recipe."""
        name = next(iter(self.model_fields_set))
        return type(self).model_fields[name].alias or name

    @property
    def value(self) -> Any:
        """The condition's value."""
        return getattr(self, next(iter(self.model_fields_set)))


CHECK_KINDS = tuple(field.alias or name for name, field in Check.model_fields.items())
