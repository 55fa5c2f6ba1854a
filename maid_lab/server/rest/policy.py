"""`policy/targets` and `policy/explain`: what may be put under load, and why."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from maid_lab.server.handler import MaidHandler
from maid_lab.server.operations import operation
from maid_lab.services.access.principal import Scope
from maid_lab.services.policy.explain import explain_target

if TYPE_CHECKING:
    from maid_lab.lab import Lab
    from maid_lab.store.approvals import Approval

__all__ = [
    "ApprovalView",
    "Approve",
    "ExplainHandler",
    "Explained",
    "Explanation",
    "TargetChanges",
    "Targets",
    "TargetsHandler",
    "ToExplain",
]

Host = Annotated[str, StringConstraints(min_length=1, max_length=253)]


class Approve(BaseModel):
    """Load that is to be allowed on one host."""

    model_config = ConfigDict(extra="forbid")

    host: Host
    typed_host: Annotated[str, StringConstraints(max_length=253)] = Field(description="What the person typed: the host once more.")
    why: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    protocols: list[str] = Field(default=["http"], max_length=20)
    max_users: int = Field(default=50, ge=1, le=1_000_000)
    max_rate: float = Field(default=100.0, gt=0, le=1e9)
    max_duration: float = Field(default=1800.0, gt=0, le=1e9)
    agents: bool = False
    expires_in_days: int = Field(default=30, ge=1, le=365)


class TargetChanges(BaseModel):
    """Approvals to give and to withdraw."""

    model_config = ConfigDict(extra="forbid")

    approve: list[Approve] = Field(default=[], max_length=20)
    withdraw: list[Annotated[str, StringConstraints(min_length=4, max_length=36)]] = Field(default=[], max_length=100)


class ApprovalView(BaseModel):
    """An approval."""

    id: str
    host: str
    port: int | None
    protocols: list[str]
    max_users: int
    max_rate: float
    max_duration: float
    agents: bool
    why: str
    by: str
    at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None


class Targets(BaseModel):
    """The target policy and all approvals, newest first."""

    source: str = Field(description="The policy file.")
    policy: dict[str, Any]
    approvals: list[ApprovalView]


class ToExplain(BaseModel):
    """What is to be explained."""

    model_config = ConfigDict(extra="forbid")

    target: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(description="HOST, HOST:PORT or a URL.")


class Explanation(BaseModel):
    """What holds for one address of a target."""

    target: str
    address: str
    decision: Literal["allowed", "refused"]
    code: str
    rule: str
    source: str
    caps: dict[str, float]
    origins: dict[str, str]


class Explained(BaseModel):
    """What holds for all addresses of a target."""

    addresses: list[Explanation]


class TargetsHandler(MaidHandler):
    """The target policy."""

    @operation(summary="Tell the target policy and the approvals", scope=Scope.ADMIN, resource="maid:policy", answers={200: Targets})
    async def get(self) -> Targets:
        """Tell both."""
        return await asyncio.to_thread(_targets, self.lab)

    @operation(
        summary="Approve hosts and withdraw approvals", scope=Scope.ADMIN, action="write", resource="maid:policy", body=TargetChanges,
        answers={200: Targets}, errors=(404,), interactive_only=True,
    )  # fmt: skip
    async def put(self, body: TargetChanges) -> Targets:
        """Withdraw first, then approve; the first that is refused ends it, what was done before stays and is told by GET."""
        approvals, caller = self.lab.approvals, self.caller
        for approval_id in body.withdraw:
            await asyncio.to_thread(approvals.withdraw, caller, approval_id)
        for each in body.approve:
            given = each.model_dump(exclude={"expires_in_days"})
            await asyncio.to_thread(approvals.approve, caller, **given, expires_in=timedelta(days=each.expires_in_days))
        return await asyncio.to_thread(_targets, self.lab)


class ExplainHandler(MaidHandler):
    """Decisions with their rules."""

    @operation(
        summary="Tell what the policy says of a target, and by which rule", scope=Scope.ADMIN, action="execute", resource="maid:policy",
        body=ToExplain, answers={200: Explained},
    )  # fmt: skip
    async def post(self, body: ToExplain) -> Explained:
        """Tell it for each address."""
        told = await explain_target(self.lab.gate, body.target, by=self.caller)
        return Explained(addresses=[Explanation(**each) for each in told])


def _targets(lab: Lab) -> Targets:
    policy = lab.gate.policy.model_dump(mode="json", by_alias=True)
    return Targets(source=str(lab.gate.source), policy=policy, approvals=[_view(each) for each in lab.approvals.list()])


def _view(approval: Approval) -> ApprovalView:
    return ApprovalView(
        **{name: getattr(approval, name) for name in ApprovalView.model_fields if name != "protocols"}, protocols=list(approval.protocols)
    )
