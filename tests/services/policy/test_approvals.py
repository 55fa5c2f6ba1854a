"""Approvals: who may give them, what they allow, and that withdrawing one stops the run."""

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import InvalidInput, MaidError, Missing, Refused
from maid_lab.model.plan import Target
from maid_lab.services.access.principal import ALL_SCOPES, LOCAL, ROLES, CredentialKind, Principal
from maid_lab.services.policy.approvals import Approvals, valid_approvals
from maid_lab.services.policy.gate import TargetGate
from maid_lab.services.policy.targets import TargetPolicy
from tests.services.fakes import FakeEngine, make_plan, service

ADA = replace(LOCAL, id="ada", is_interactive=True)
#: All scopes, but nobody sits there.
ADMIN_KEY = Principal(kind=CredentialKind.KEY, id="ada", key_id="k1", scopes=ALL_SCOPES)
SHOP: dict[str, Any] = {"host": "shop.test", "typed_host": "shop.test", "why": "agreed with the shop team"}


class Places:
    """Approvals over a home folder, with what was audited and withdrawn."""

    def __init__(self, home: Path, **policy: Any) -> None:
        self.gate = TargetGate(TargetPolicy.model_validate(policy), home / "targets.yaml", approvals=valid_approvals(home))
        self.audited: list[tuple[str, str]] = []
        self.withdrawn: list[str] = []
        self.approvals = Approvals(home, self.gate, audit=self.record, on_withdrawn=self.withdrawn.append)

    def record(self, actor: Mapping[str, Any], action: str, subject: str, detail: Mapping[str, Any]) -> None:
        self.audited.append((action, f"{actor['id']} {subject} {detail['why']}"))

    def code(self, host: str = "shop.test", port: int = 80, *, by: Principal = LOCAL) -> str:
        return self.gate.judge(host, port, ipaddress.ip_address("10.1.1.1"), by=by).code


def test_an_approval_allows_the_host_with_its_caps_until_it_is_withdrawn(tmp_path: Path) -> None:
    place = Places(tmp_path)
    assert place.code() == "E302"
    given = place.approvals.approve(ADA, **SHOP, max_users=7)
    decision = place.gate.judge("shop.test", 80, ipaddress.ip_address("10.1.1.1"))
    assert (decision.code, decision.approval_id, decision.caps.model_dump()) == (
        "", given.id, {"max_users": 7, "max_rate": 100.0, "max_duration": 1800.0},
    )  # fmt: skip
    assert place.code(port=8080) == place.code("a.shop.test") == "E302"
    place.approvals.withdraw(ADA, given.id[:8])
    assert place.code() == "E302"
    assert place.withdrawn == [given.id]
    assert place.audited == [
        ("target.approve", "ada shop.test agreed with the shop team"),
        ("target.withdraw", "ada shop.test agreed with the shop team"),
    ]
    assert [each.withdrawn_at is not None for each in place.approvals.list()] == [True]
    assert place.approvals.list(valid_only=True) == []


def test_an_approval_is_kept_as_it_was_given(tmp_path: Path) -> None:
    place = Places(tmp_path)
    given = place.approvals.approve(
        ADA, host="10.1.1.1", typed_host="10.1.1.1", why="w", port=8080, protocols=("http", "websocket"), agents=True,
        expires_in=timedelta(days=2),
    )  # fmt: skip
    assert place.approvals.list() == [given]
    assert given.expires_at - given.at == timedelta(days=2)


def test_an_approval_that_has_expired_allows_nothing(tmp_path: Path) -> None:
    place = Places(tmp_path)
    given = place.approvals.approve(ADA, **SHOP)
    assert given.is_valid(datetime.now(UTC))
    assert not given.is_valid(given.expires_at)


def test_agents_need_an_approval_for_agents(tmp_path: Path) -> None:
    place, agent = Places(tmp_path), replace(ADMIN_KEY, is_agent=True)
    place.approvals.approve(ADA, **SHOP)
    assert (place.code(), place.code(by=agent)) == ("", "E302")
    place.approvals.approve(ADA, **SHOP, agents=True)
    assert place.code(by=agent) == ""


@pytest.mark.parametrize("by", [LOCAL, ADMIN_KEY, replace(ADA, scopes=ROLES["write:loadtests"])])
def test_only_an_administrator_who_sits_there_approves_and_withdraws(by: Principal, tmp_path: Path) -> None:
    place = Places(tmp_path)
    given = place.approvals.approve(ADA, **SHOP)
    with pytest.raises(Refused):
        place.approvals.approve(by, **SHOP)
    with pytest.raises(Refused):
        place.approvals.withdraw(by, given.id)
    assert place.approvals.list() == [given]
    assert len(place.audited) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"typed_host": "shop.tset"}, Refused), ({"host": "169.254.169.254", "typed_host": "169.254.169.254"}, Refused),
        ({"host": "metadata.google.internal.", "typed_host": "metadata.google.internal."}, Refused),
        ({"host": "::ffff:169.254.169.254", "typed_host": "::ffff:169.254.169.254"}, Refused),
        ({"host": "a.prod.test", "typed_host": "a.prod.test"}, Refused), ({"host": "*.test", "typed_host": "*.test"}, InvalidInput),
        ({"host": "10.0.0.0/8", "typed_host": "10.0.0.0/8"}, InvalidInput), ({"host": "0x7f.1", "typed_host": "0x7f.1"}, InvalidInput),
        ({"why": " "}, InvalidInput), ({"port": 0}, InvalidInput), ({"max_users": 0}, InvalidInput), ({"protocols": ["gopher"]}, InvalidInput),
        ({"expires_in": timedelta(days=400)}, InvalidInput),
    ],
)  # fmt: skip
def test_what_cannot_be_approved_is_refused_and_nothing_is_kept(changes: dict[str, Any], error: type[MaidError], tmp_path: Path) -> None:
    place = Places(tmp_path, deny=[{"host": "*.prod.test"}])
    with pytest.raises(error):
        place.approvals.approve(ADA, **{**SHOP, **changes})
    assert place.approvals.list() == []


def test_what_cannot_be_audited_is_not_done(tmp_path: Path) -> None:
    place = Places(tmp_path)

    def full(*_args: object) -> None:
        raise OSError("disk full")

    place.approvals.audit = full
    with pytest.raises(OSError, match="disk full"):
        place.approvals.approve(ADA, **SHOP)
    assert place.approvals.list() == []


def test_an_approval_that_is_not_there_cannot_be_withdrawn(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="there is no approval abcd"):
        Places(tmp_path).approvals.withdraw(ADA, "abcd")


def test_asking_makes_no_catalogue(tmp_path: Path) -> None:
    assert Places(tmp_path).code() == "E302"
    assert list(tmp_path.iterdir()) == []


async def test_a_run_stops_when_its_approval_is_withdrawn_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maid_lab.services.runs._APPROVAL_WATCH_S", 0.05)
    place = Places(tmp_path)
    given = place.approvals.approve(ADA, **SHOP)
    runs = service(tmp_path, FakeEngine(waits=True), plan=make_plan(targets=(Target(base_url="http://shop.test"),)))
    runs._gate = place.gate

    async def resolve(_host: str, _port: int) -> tuple[str, ...]:
        return ("10.1.1.1",)

    runs._resolve = resolve
    run_id = await runs.start(await runs.plan("small"))
    place.approvals.withdraw(ADA, given.id)
    record = await asyncio.wait_for(runs.wait(run_id), 10)
    assert "was withdrawn" in record.reason
