"""The target, its defaults, and data sets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from maid_lab.model.recipe.base import Duration, Label, Node, Number, Switch, Template, Tree, Whole, refuse

__all__ = [
    "Auth", "Bearer", "Credentials", "DataSet", "Defaults", "Host", "Limits", "Monitor", "OAuth2", "Target", "Timeout", "Timeouts",
    "TlsOptions",
]  # fmt: skip


class Timeouts(Node):
    """Limits by phase."""

    connect: Duration | None = None
    read: Duration | None = None
    total: Duration | None = None


#: One limit for the whole request, or limits by phase.
Timeout = Annotated[
    Annotated[Duration, Tag("total")] | Annotated[Timeouts, Tag("phases")],
    Discriminator(lambda value: "phases" if isinstance(value, dict | Timeouts) else "total"),
]


class Credentials(Node):
    """User and password."""

    user: Template
    password: Template


class Bearer(Node):
    """A token."""

    token: Template


class OAuth2(Node):
    """Client credentials."""

    token_url: Template
    client_id: Template
    client_secret: Template
    scope: Template | None = None


class Auth(Node):
    """One way to authenticate."""

    basic: Credentials | None = None
    digest: Credentials | None = None
    bearer: Bearer | None = None
    oauth2: OAuth2 | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if len(self.model_fields_set) != 1:
            refuse("E105", "auth has exactly one of basic, digest, bearer, oauth2")
        return self


class TlsOptions(Node):
    """How TLS connections are made."""

    verify: bool = True
    ca: Template | None = None
    cert: Template | None = None
    key: Template | None = None
    server_name: Template | None = None
    min_version: Template | None = None


class Defaults(Node):
    """Fields of HTTP steps that are not about one request."""

    headers: dict[str, Template] = Field(default_factory=dict)
    cookies: dict[str, Template] = Field(default_factory=dict)
    timeout: Timeout | None = None
    http_version: Template | None = None
    redirects: int | None = Field(None, ge=0, le=50)
    gzip: Switch | None = None
    sticky: Switch | None = None
    auth: Auth | None = None
    tls: TlsOptions | None = None
    proxy: Template | None = None
    source_addresses: list[str] | None = None
    dns: Tree = None
    reuse: Literal["user", "iteration", "none"] | None = None
    trace: Switch | None = None


class Host(Node):
    """A base URL with its share of users."""

    base_url: Template
    weight: int = Field(1, ge=0)


class Target(Node):
    """What is tested."""

    base_url: Template | None = None
    hosts: list[Host] | None = None
    defaults: Defaults = Defaults()
    graphql: Tree = None
    grpc: Tree = None
    sql: Tree = None
    mcp: Tree = None

    @model_validator(mode="after")
    def _one_origin(self) -> Target:
        if self.base_url is not None and self.hosts is not None:
            refuse("E105", "base_url and hosts exclude each other; keep one")
        return self


class DataSet(Node):
    """Rows for iterations or users."""

    name: Label
    path: Template | None = None
    rows: list[Any] | None = Field(None, max_length=1000)
    source: str | None = None
    format: Literal["csv", "jsonl", "json", "parquet"] | None = None
    fields: list[str] | None = None
    types: dict[str, Literal["text", "integer", "number", "boolean"]] = Field(default_factory=dict)
    delimiter: str = Field(",", min_length=1, max_length=1)
    order: Literal["sequential", "shuffle", "random"] = "sequential"
    per: Literal["iteration", "user"] = "iteration"
    unique: bool = False
    on_end: Literal["recycle", "stop-user", "stop-run"] = "recycle"

    @model_validator(mode="after")
    def _one_source(self) -> DataSet:
        given = [key for key in ("path", "rows", "source") if key in self.model_fields_set]
        if len(given) != 1:
            refuse("E105", "a data set has exactly one of path, rows, source")
        if self.unique and self.per != "user":
            refuse("E105", "unique: true needs per: user")
        return self


class Limits(Node):
    """What can only tighten the caps."""

    max_users: Whole | None = None
    max_rate: Number | None = None
    max_duration: Duration | None = None
    max_requests: Whole | None = None


class Monitor(Node):
    """A series stored beside the requests."""

    type: str
    url: Template | None = None
    every: Duration = 5.0
    match: list[str] = Field(default_factory=list)
    config: Tree = None
