"""`runs/:id/summary` and its neighbours, `query` and `compare`: what the rows of runs say."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Generator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from maid_lab.model.errors import Conflict, InvalidInput
from maid_lab.model.states import FINAL_STATES
from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import Answer, operation
from maid_lab.services.access.principal import Scope

__all__ = [
    "CompareHandler", "CompareQuery", "DistributionHandler", "DistributionQuery", "ErrorsHandler", "Figures", "LogsHandler", "LogsQuery", "NameQuery",
    "QueryHandler", "QueryRequest", "ReportHandler", "ReportQuery", "RowsHandler", "RowsQuery", "SamplesHandler", "SamplesQuery", "SlowestHandler",
    "SlowestQuery", "SummaryHandler", "TimelineHandler", "TimelineQuery",
]  # fmt: skip

ARROW: Final = "application/vnd.apache.arrow.stream"
_PARQUET: Final = "application/vnd.apache.parquet"
#: Reports bear their own script and style; nothing may come from, or go, elsewhere.
_REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-scripts allow-downloads"
)
_SUFFIX: Final = {"junit": "xml"}

Name = Annotated[str, StringConstraints(max_length=500)]
Cursor = Annotated[str, StringConstraints(max_length=2000)]


class Figures(BaseModel):
    """What was computed; docs/analysis.md describes the fields, whose names end in their units."""

    model_config = ConfigDict(extra="allow")


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NameQuery(_Query):
    """One request name, or all."""

    name: Name | None = None


class TimelineQuery(NameQuery):
    """How fine."""

    width_s: float | None = Field(default=None, gt=0, le=86_400, description="Seconds of one point.")
    points: int = Field(default=600, ge=1, le=600)


class SlowestQuery(NameQuery):
    """How many."""

    number: int = Field(default=20, ge=1, le=500)


class DistributionQuery(NameQuery):
    """Of which time."""

    metric: Name = "latency"


class LogsQuery(_Query):
    """Which lines."""

    level: Name | None = None
    text: Name = ""
    limit: int = Field(default=100, ge=1, le=500)
    cursor: Cursor | None = None


class SamplesQuery(NameQuery):
    """Which exchanges."""

    outcome: Name | None = None
    limit: int = Field(default=50, ge=1, le=500)
    cursor: Cursor | None = None


class RowsQuery(_Query):
    """Which rows, and how."""

    kind: Literal["requests", "transactions", "iterations", "events"] = "requests"
    columns: Annotated[str, StringConstraints(max_length=2000)] = Field(
        default="", description="Names with commas between them; all when empty."
    )
    where: Annotated[str, StringConstraints(max_length=4000)] = Field(default="", description="A condition, as docs/querying.md describes.")
    sample: float | None = Field(default=None, gt=0, le=1e12, description="Up to 1 a share of the rows, above it about so many.")
    format: Literal["arrow", "parquet"] = "arrow"


class ReportQuery(_Query):
    """Which format."""

    format: Literal["html", "json", "csv", "md", "junit", "pdf"] = "html"


class QueryRequest(_Query):
    """One SELECT."""

    sql: Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
    runs: list[Annotated[str, StringConstraints(min_length=4, max_length=36)]] = Field(
        default=[], max_length=20, description="Runs whose rows the tables hold; ids, or `last`."
    )


class CompareQuery(_Query):
    """Two runs."""

    base: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    candidate: Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _told(summary: str, query: type[BaseModel] | None) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[None]]]:
    return operation(
        summary=summary, scope=Scope.READ, action="read", resource="maid:results", query=query, answers={200: Figures}, errors=(404,)
    )


class _Results(MaidHandler):
    async def whole_id(self, reference: str) -> str:
        """Return the id that a part of one, or `last`, stands for."""
        return (await self.lab.history.find(reference)).id


class SummaryHandler(_Results):
    """The summary."""

    @_told("Summarise a run", None)
    async def get(self, run_id: str) -> Figures:
        """From its record, or from its rows so far."""
        return Figures(**await self.lab.results.summary(await self.whole_id(run_id)))


class TimelineHandler(_Results):
    """Figures over time."""

    @_told("Tell a run over time", TimelineQuery)
    async def get(self, run_id: str, query: TimelineQuery) -> Figures:
        """At most 600 points."""
        return Figures(**await self.lab.results.timeline(await self.whole_id(run_id), **query.model_dump()))


class ErrorsHandler(_Results):
    """Failures."""

    @_told("Cluster the failures of a run", NameQuery)
    async def get(self, run_id: str, query: NameQuery) -> Figures:
        """By what they have in common."""
        return Figures(**await self.lab.results.errors(await self.whole_id(run_id), **query.model_dump()))


class SlowestHandler(_Results):
    """The slowest."""

    @_told("List the slowest requests of a run", SlowestQuery)
    async def get(self, run_id: str, query: SlowestQuery) -> Figures:
        """With their stamps."""
        return Figures(**await self.lab.results.slowest(await self.whole_id(run_id), **query.model_dump()))


class DistributionHandler(_Results):
    """How a time is spread."""

    @_told("Tell how a time of a run is spread", DistributionQuery)
    async def get(self, run_id: str, query: DistributionQuery) -> Figures:
        """As steps of percentiles and a histogram."""
        return Figures(**await self.lab.results.distribution(await self.whole_id(run_id), **query.model_dump()))


class LogsHandler(_Results):
    """The log."""

    @_told("List log lines of a run", LogsQuery)
    async def get(self, run_id: str, query: LogsQuery) -> Figures:
        """Filter by level and text."""
        return Figures(**await self.lab.results.logs(await self.whole_id(run_id), **query.model_dump()))


class SamplesHandler(_Results):
    """Failed exchanges that were kept."""

    @_told("List failed exchanges of a run that were kept", SamplesQuery)
    async def get(self, run_id: str, query: SamplesQuery) -> Figures:
        """With secrets masked."""
        return Figures(**await self.lab.results.samples(await self.whole_id(run_id), **query.model_dump()))


class RowsHandler(_Results):
    """Rows."""

    @operation(
        summary="Download rows of a run", scope=Scope.READ, action="read", resource="maid:rows", query=RowsQuery, answers={200: None},
        media=(ARROW, _PARQUET), errors=(404,),
    )  # fmt: skip
    async def get(self, run_id: str, query: RowsQuery) -> None:
        """As an Arrow IPC stream or a Parquet file, piece by piece; also while the run is on."""
        from maid_lab.services.results.rows import arrow_stream, parquet_parts, rows_asked

        whole, columns = await self.whole_id(run_id), [name.strip() for name in query.columns.split(",") if name.strip()]

        def begin() -> tuple[Generator[bytes, None, None], bytes | None]:
            asked = rows_asked(self.lab.home, whole, kind=query.kind, columns=columns, where=query.where, sample=query.sample)
            parts = arrow_stream(asked) if query.format == "arrow" else parquet_parts(asked)
            return parts, next(parts, None)

        # What is wrong with the question shows with the first part, while there is still a status to say it with.
        parts, part = await asyncio.to_thread(begin)
        self.set_header("Content-Type", ARROW if query.format == "arrow" else _PARQUET)
        suffix = "arrows" if query.format == "arrow" else "parquet"
        self.set_header("Content-Disposition", f'attachment; filename="{query.kind}-{whole}.{suffix}"')
        try:
            while part is not None:
                self.write(part)
                await self.flush()
                part = await asyncio.to_thread(next, parts, None)
        finally:
            # Also when the client is gone: files behind the parts are given back now.
            await asyncio.to_thread(parts.close)
        self.finish()


class ReportHandler(_Results):
    """The report."""

    @operation(
        summary="Download the report of a run", scope=Scope.READ, action="read", resource="maid:reports", query=ReportQuery, answers={200: None},
        media=("text/html", "application/json", "text/csv", "text/markdown", "application/xml", "application/pdf"), errors=(404, 409),
    )  # fmt: skip
    async def get(self, run_id: str, query: ReportQuery) -> Answer:
        """Of a run that has ended."""
        from maid_lab.services.reports.service import MEDIA_TYPES

        record = await self.lab.history.find(run_id)
        if record.status not in FINAL_STATES:
            raise Conflict(f"run {record.id} is {record.status}; there is a report when it has ended.", hint="GET runs/:id/summary.")
        kind = query.format
        name = f"maid-{record.id}.{_SUFFIX.get(kind, kind)}"

        def render() -> bytes:
            folder, plan = self.lab.history.folder(record.id), self.lab.history.plan(record.id)
            if kind != "pdf":
                return self.lab.reports.render(record, folder, plan, format=kind).encode()
            return self.lab.reports.write(record, folder, plan, format="pdf").read_bytes()

        headers = {"Content-Disposition": f'{"inline" if kind == "html" else "attachment"}; filename="{name}"'}
        return Answer(
            body=await asyncio.to_thread(render), media=MEDIA_TYPES[kind], headers=headers | {"Content-Security-Policy": _REPORT_POLICY}
        )


class QueryHandler(_Results):
    """SQL."""

    @operation(
        summary="Ask one SELECT of the rows of runs", scope=Scope.READ, action="read", resource="maid:query", body=QueryRequest,
        answers={200: Figures}, media=(ARROW,), errors=(404,),
    )  # fmt: skip
    async def post(self, body: QueryRequest) -> Answer:
        """In JSON, or as an Arrow IPC stream for who accepts it."""
        runs = [await self.whole_id(reference) for reference in body.runs]
        answer = await self.lab.console.ask(body.sql, runs=runs)
        told = {"truncated": answer.truncated, "seconds": answer.seconds}
        if ARROW in self.request.headers.get("Accept", ""):

            def as_arrow() -> bytes:
                buffer = io.BytesIO()
                answer.frame.rechunk().write_ipc_stream(buffer)
                return buffer.getvalue()

            return Answer(body=await asyncio.to_thread(as_arrow), media=ARROW, headers={"X-Maid-Truncated": str(answer.truncated).lower()})

        def as_json() -> bytes:
            frame = answer.frame
            columns = [{"name": name, "type": str(kind)} for name, kind in frame.schema.items()]
            rows = [list(row) for row in frame.iter_rows()]
            return json.dumps({"columns": columns, "rows": rows, **told}, default=str, allow_nan=False).encode()

        try:
            return Answer(body=await asyncio.to_thread(as_json))
        except ValueError:
            raise InvalidInput("the result holds a number that JSON has no word for (NaN or infinity).", hint=f"Accept {ARROW}.") from None


class CompareHandler(_Results):
    """Two runs side by side."""

    @operation(
        summary="Compare two runs",
        scope=Scope.READ,
        action="read",
        resource="maid:results",
        query=CompareQuery,
        answers={200: Figures},
        errors=(404,),
    )
    async def get(self, query: CompareQuery) -> Figures:
        """With intervals and a verdict for each request name."""
        from maid_lab.services.comparing import compare_runs

        found = await compare_runs(self.lab.history, query.base, query.candidate)
        return Figures(**found.to_json())
