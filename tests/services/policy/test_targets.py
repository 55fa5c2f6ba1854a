"""Entries of the policy: windows, methods, protocols, agents, own addresses, keys, and whose cap it is."""

import ipaddress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from maid_lab.services.access.principal import LOCAL, CredentialKind, KeyLimits, Principal
from maid_lab.services.policy.gate import Decision, TargetGate, agent_caps
from maid_lab.services.policy.targets import Caps, TargetPolicy, TargetRule, Window
from maid_lab.services.settings import load_settings

FILE = Path("targets.yaml")
#: A Monday, 12:00 in London and 13:00 in Berlin.
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = Principal(kind=CredentialKind.KEY, id="ada", key_id="k1")
AGENT = replace(KEY, is_agent=True)


def judged(
    host: str = "shop.test", address: str = "10.1.1.1", *, port: int = 80, by: Principal = LOCAL, at: datetime = MONDAY, **policy: Any
) -> Decision:
    gate = TargetGate(TargetPolicy.model_validate(policy), FILE, clock=lambda: at)
    return gate.judge(host, port, ipaddress.ip_address(address), by=by)


NIGHTS = {"days": ["mon", "tue"], "from": "20:00", "to": "06:00", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("day", "hour", "minute", "is_open"),
    [
        (2, 18, 59, False), (2, 19, 0, True), (2, 23, 0, True), (3, 4, 59, True), (3, 5, 0, False), (3, 20, 0, True), (4, 4, 0, True),
        (4, 5, 30, False), (4, 20, 0, False), (2, 4, 0, False),
    ],
)  # fmt: skip
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(day: int, hour: int, minute: int, *, is_open: bool) -> None:
    at = datetime(2026, 3, day, hour, minute, tzinfo=UTC)
    assert (Window.model_validate(NIGHTS).remaining_s(at) > 0) is is_open


def test_a_window_over_the_change_to_summer_time_is_an_hour_shorter() -> None:
    window = Window.model_validate({"days": ["sat"], "from": "20:00", "to": "06:00", "timezone": "Europe/Berlin"})
    assert window.remaining_s(datetime(2026, 3, 28, 19, 0, tzinfo=UTC)) == 9 * 3600


def test_outside_of_its_window_an_entry_does_not_count_and_the_refusal_says_so() -> None:
    decision = judged(allow=[{"host": "shop.test", "window": NIGHTS}])
    assert decision.code == "E302"
    assert "allow shop.test is for mon,tue 20:00-06:00 Europe/Berlin only" in decision.rule
    assert judged(at=MONDAY.replace(hour=21), allow=[{"host": "shop.test", "window": NIGHTS}]).remaining_s == 8 * 3600


@pytest.mark.parametrize(
    "entry",
    [
        {"host": "a b"}, {"host": "*."}, {"host": "0x7f.1"}, {"host": "x", "ports": [0]}, {"host": "x", "protocols": ["gopher"]},
        {"host": "x", "window": {"timezone": "Mars/Base"}}, {"host": "x", "window": {"days": ["noday"]}}, {"host": "x", "window": {"from": "25:00"}},
    ],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TargetRule.model_validate(entry)


def test_an_entry_is_compared_in_canonical_spelling() -> None:
    assert judged("xn--bcher-kva.test", allow=[{"host": "BÜCHER.test."}]).code == ""
    assert judged("a.xn--bcher-kva.test", allow=[{"host": "*.bücher.test"}]).code == ""


def test_the_server_itself_needs_an_entry_that_names_address_and_port() -> None:
    def code(*allow: dict[str, Any], host: str = "127.0.0.1", port: int = 8888, own: str = "127.0.0.1") -> str:
        gate = TargetGate(TargetPolicy.model_validate({"allow": allow}), FILE)
        gate.keep_off([(own, 8888), ("hub.test", 8081)])
        return gate.judge(host, port, ipaddress.ip_address("127.0.0.1")).code

    assert code() == "E301"
    assert code(host="localhost") == "E301"
    assert code(host="localhost", own="0.0.0.0") == "E301"
    assert code(host="hub.test", port=8081) == "E301"
    assert code(port=8889) == ""
    assert code({"host": "127.0.0.0/8", "ports": [8888]}) == "E301"
    assert code({"host": "127.0.0.1"}) == "E301"
    assert code({"host": "127.0.0.1", "ports": [8888]}) == ""


def test_agents_need_an_entry_for_agents_and_loopback_is_free_for_them() -> None:
    assert judged(by=AGENT, allow=[{"host": "shop.test"}]).code == "E302"
    assert judged(by=AGENT, allow=[{"host": "shop.test", "agents": True}]).code == ""
    assert judged("localhost", "127.0.0.1", by=AGENT).code == ""


def test_a_test_key_reaches_loopback_only() -> None:
    key = replace(KEY, is_test_key=True)
    assert judged(by=key, allow=[{"host": "shop.test"}]).code == "E312"
    assert judged("localhost", "127.0.0.1", by=key).code == ""


@pytest.mark.parametrize(
    ("allowed", "code"),
    [
        ("shop.test", ""), ("*.test", ""), ("shop.test:80", ""), ("shop.test:81", "E312"), ("other.test", "E312"), ("10.0.0.0/8", ""),
        ("10.1.1.1:80", ""), ("[fd00::1]:80", "E312"),
    ],
)  # fmt: skip
def test_a_key_reaches_the_targets_that_it_names(allowed: str, code: str) -> None:
    assert judged(by=replace(KEY, limits=KeyLimits(allowed_targets=(allowed,))), allow=[{"host": "shop.test"}]).code == code


def test_of_all_caps_the_smallest_holds_and_says_whose_it_is() -> None:
    by = replace(AGENT, limits=KeyLimits(max_users=40, max_rate=5000))
    entry = {"host": "shop.test", "agents": True, "max_duration": "1m", "max_rate": "200/s"}
    decision = judged(by=by, allow=[entry])
    assert decision.caps.model_dump() == {"max_users": 40, "max_rate": 100.0, "max_duration": 60.0}
    assert decision.origins == {"max_users": "the API key", "max_rate": "agents", "max_duration": "targets.yaml: allow shop.test"}


def test_an_agent_cannot_raise_its_caps_by_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAID_AGENT_MAX_USERS", "5000")
    monkeypatch.setenv("MAID_AGENT_MAX_RATE", "3")
    (tmp_path / "config.json").write_text('{"agent_max_duration": 900}')
    assert agent_caps(load_settings(tmp_path)) == Caps(max_users=50, max_rate=3, max_duration=900)


def test_automatic_stop_is_for_everything_but_loopback_unless_the_entry_says_otherwise() -> None:
    shop, here = [{"host": "shop.test"}], [{"host": "127.0.0.1"}]
    assert judged(allow=shop).auto_stop
    assert not judged(allow=[{**shop[0], "auto_stop": False}]).auto_stop
    assert not judged("127.0.0.1", "127.0.0.1").auto_stop
    assert not judged("127.0.0.1", "127.0.0.1", allow=here).auto_stop
    assert judged("127.0.0.1", "127.0.0.1", allow=[{**here[0], "auto_stop": True}]).auto_stop
