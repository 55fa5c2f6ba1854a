import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.errors import Refused
from maid_lab.services.policy import Caps, TargetGate, TargetPolicy, inner_address

FILE = Path("targets.yaml")


def gate(**policy: object) -> TargetGate:
    return TargetGate(TargetPolicy.model_validate(policy), FILE)


def judged(host: str, address: str, *, port: int = 80, by: TargetGate | None = None, methods: frozenset[str] = frozenset()) -> str:
    return (by or gate()).judge(host, port, ipaddress.ip_address(address), methods=methods).code or "allowed"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_free(address: str) -> None:
    assert judged("localhost", address) == "allowed"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "224.0.0.1", "255.255.255.255", "fe80::1",
        "fd00:ec2::254", "::", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    ],
)  # fmt: skip
def test_metadata_and_reserved_addresses_are_denied_whatever_a_file_says(address: str) -> None:
    everything = gate(allow=[{"host": "0.0.0.0/0"}, {"host": "::/0"}, {"host": "any.test"}])
    assert judged("any.test", address, by=everything) == "E301"


def test_the_metadata_name_is_denied() -> None:
    assert judged("metadata.google.internal", "127.0.0.1") == "E301"


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "93.184.216.34", "2606:2800:220:1::1", "fd12::1"])
def test_private_and_public_hosts_need_an_entry(address: str) -> None:
    assert judged("shop.test", address) == "E302"
    assert judged("shop.test", address, by=gate(allow=[{"host": "shop.test"}])) == "allowed"
    assert judged("shop.test", address, by=gate(allow=[{"host": address}])) == "allowed"


@pytest.mark.parametrize(
    ("host", "port", "methods", "expected"),
    [
        ("shop.test", 80, {"GET"}, "allowed"),
        ("shop.test", 8080, {"GET"}, "E302"),
        ("shop.test", 80, {"GET", "POST"}, "E302"),
        ("a.shop.test", 80, {"GET"}, "E302"),
        ("a.wild.test", 80, {"PUT"}, "allowed"),
        ("wild.test", 80, {"PUT"}, "E302"),
        ("a.wild.test.evil.test", 80, {"PUT"}, "E302"),
        ("grpc.test", 80, {"GET"}, "E302"),
    ],
)
def test_an_entry_covers_host_port_protocol_and_methods(host: str, port: int, methods: set[str], expected: str) -> None:
    rules = gate(allow=[{"host": "shop.test", "methods": ["GET"]}, {"host": "*.wild.test"}, {"host": "grpc.test", "protocols": ["grpc"]}])
    assert judged(host, "10.1.1.1", port=port, by=rules, methods=frozenset(methods)) == expected


def test_deny_wins_over_allow() -> None:
    rules = gate(allow=[{"host": "a.prod.test"}], deny=[{"host": "*.prod.test", "note": "Production"}])
    decision = rules.judge("a.prod.test", 80, ipaddress.ip_address("10.1.1.1"))
    assert (decision.code, decision.rule) == ("E301", "targets.yaml: deny *.prod.test (Production)")


def test_loopback_can_be_listed() -> None:
    assert judged("localhost", "127.0.0.1", by=gate(loopback="listed")) == "E302"


def test_the_smaller_cap_holds() -> None:
    rules = gate(allow=[{"host": "a.test", "max_users": 50, "max_rate": "2000/s", "max_duration": "2h"}], caps={"max_rate": 100})
    assert rules.judge("a.test", 80, ipaddress.ip_address("10.1.1.1")).caps == Caps(max_users=50, max_rate=100, max_duration=7200)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_the_one_judged(address: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::", "2002::"):
        shift = 80 if prefix == "2002::" else 0
        wrapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address) << shift)
        assert inner_address(wrapped) == address


def test_without_a_file_the_policy_is_the_default(tmp_path: Path) -> None:
    loaded = TargetGate.load(tmp_path, environ={}, system_file=tmp_path / "none")
    assert (loaded.policy, loaded.source) == (TargetPolicy(), tmp_path / "targets.yaml")


def test_the_system_file_wins_then_the_named_then_the_home(tmp_path: Path) -> None:
    for name in ("system", "named", "targets"):
        (tmp_path / f"{name}.yaml").write_text(f"schema: maid.targets/v1\nallow: [{{host: {name}.test}}]\n")
    environ = {"MAID_TARGETS": str(tmp_path / "named.yaml")}
    loaded = [
        TargetGate.load(tmp_path, environ=environ, system_file=tmp_path / "system.yaml"),
        TargetGate.load(tmp_path, environ=environ, system_file=tmp_path / "none"),
        TargetGate.load(tmp_path, environ={}, system_file=tmp_path / "none"),
    ]
    assert [each.policy.allow[0].host for each in loaded] == ["system.test", "named.test", "targets.test"]


@pytest.mark.parametrize("content", ["allow: [", "allow: [{hosts: a}]", "schema: maid.targets/v9", "- a", "caps: {max_rate: fast}", None])
def test_a_named_file_that_cannot_be_understood_refuses_everything(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Refused, match="every target is refused"):
        TargetGate.load(tmp_path, environ={"MAID_TARGETS": str(path)}, system_file=tmp_path / "none")
