import asyncio
import socket
from dataclasses import replace

import pytest

from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.model.plan import Ceilings, Code, HttpStep, Label, Load, Plan, Scenario, Segment, Target, TransactionStep
from maid_lab.services.admission import admit, is_bundled, readmit, resolve_host
from maid_lab.services.policy import TargetGate, TargetPolicy
from tests.services.policy.test_gate import FILE, gate

NAMES = {
    "shop.test": ("10.1.1.1", "10.1.1.2"),
    "cdn.test": ("10.2.2.2",),
    "proxy.test": ("10.3.3.3",),
    "login.test": ("10.4.4.4",),
    "localhost": ("127.0.0.1",),
    "mixed.test": ("10.1.1.1", "169.254.1.1"),
}


async def resolve(host: str, port: int) -> tuple[str, ...]:
    return NAMES.get(host) or (host,)


def plan(base: str = "http://shop.test/v1", *, steps: tuple[HttpStep, ...] = (), host: str = "", users: int = 5) -> Plan:
    inner = TransactionStep(label=2, steps=steps)
    level = Segment(start_s=0, end_s=10, level_from=users, level_to=users)
    return Plan(
        recipe_id="r", recipe_version="1", title="R", content_hash="", seed=1, duration_s=10,
        targets=(Target(base_url=base),),
        loads=(Load(name="l", profile="p", model="users", order=(0,), segments=(level,)),),
        scenarios=(Scenario(name="s", label=1, weight=1, host=host, steps=(HttpStep(label=1, method="GET", url="/"), inner)),),
        labels=(Label(scenario="", transaction="", name="users", kind="users"),),
    )  # fmt: skip


OPEN = gate(allow=[{"host": "*.test"}, {"host": "10.0.0.0/8", "ports": [80, 443, 8080]}])

#: What the policy allows when nothing else is said.
CAPS = Ceilings(max_users=20_000.0, max_rate_per_s=500_000.0, max_duration_s=86_400.0)


async def test_addresses_are_pinned_and_the_hash_follows() -> None:
    admitted = await admit(plan(), OPEN, resolve=resolve)
    targets = (Target(base_url="http://shop.test/v1", addresses=NAMES["shop.test"]),)
    assert admitted == replace(plan(), targets=targets, ceilings=CAPS).hashed()


async def test_live_control_is_held_to_the_smaller_of_policy_and_recipe() -> None:
    limited = replace(plan(), ceilings=Ceilings(max_users=7.0, max_duration_s=1e9))
    admitted = await admit(limited, OPEN, resolve=resolve)
    assert admitted.ceilings == replace(CAPS, max_users=7.0)


async def test_hosts_of_scenarios_and_steps_become_targets_without_users() -> None:
    steps = (HttpStep(label=1, method="GET", url="http://cdn.test/a.css"), HttpStep(label=1, method="GET", url="http://{{ vars.h }}/x"))
    admitted = await admit(plan(steps=steps, host="http://localhost:8000/x"), OPEN, resolve=resolve)
    assert admitted.targets[1:] == (
        Target(base_url="http://cdn.test", weight=0, addresses=("10.2.2.2",)),
        Target(base_url="http://localhost:8000", weight=0, addresses=("127.0.0.1",)),
    )


async def test_every_address_of_a_name_must_pass() -> None:
    with pytest.raises(Refused, match=r"E301 target mixed.test:80 \(169.254.1.1\) is denied"):
        await admit(plan("http://mixed.test"), OPEN, resolve=resolve)


async def test_a_host_without_entry_is_refused_with_the_entry_to_write() -> None:
    with pytest.raises(Refused) as caught:
        await admit(plan("http://shop.test:8080"), gate(), resolve=resolve)
    assert caught.value.message.startswith("E302 target shop.test:8080 (10.1.1.1) is not approved")
    assert "allow: [{host: shop.test, ports: [8080]}]" in caught.value.hint


async def test_methods_of_steps_are_judged() -> None:
    readers = gate(allow=[{"host": "shop.test", "methods": ["GET"]}])
    await admit(plan(), readers, resolve=resolve)
    with pytest.raises(Refused, match="E302"):
        await admit(plan(steps=(HttpStep(label=1, method="POST", url="/cart"),)), readers, resolve=resolve)


async def test_functions_need_a_target_where_every_method_is_allowed() -> None:
    readers = gate(allow=[{"host": "shop.test", "methods": ["GET", "HEAD"]}])
    bare = plan()
    coded = replace(bare, scenarios=tuple(replace(each, steps=(), code=Code(function="f", module="m")) for each in bare.scenarios))
    with pytest.raises(Refused, match="E302"):
        await admit(coded, readers, resolve=resolve)
    assert (await admit(coded, gate(allow=[{"host": "shop.test"}]), resolve=resolve)).targets


async def test_a_plan_above_a_cap_is_refused_with_both_figures() -> None:
    capped = gate(allow=[{"host": "shop.test", "max_users": 50}])
    with pytest.raises(
        Refused, match=r"E303 the plan wants 51 users on shop\.test, the cap is 50: max_users of targets\.yaml: allow shop\.test"
    ):
        await admit(plan(users=51), capped, resolve=resolve)


async def test_a_name_that_has_moved_since_the_plan_does_not_start() -> None:
    planned = await admit(plan(), OPEN, resolve=resolve)

    async def elsewhere(host: str, port: int) -> tuple[str, ...]:
        return ("10.1.1.1", "10.9.9.9")

    async def fewer(host: str, port: int) -> tuple[str, ...]:
        return ("10.1.1.2",)

    with pytest.raises(Refused, match=r"E311 the address of shop\.test changed since the plan: it is 10\.9\.9\.9 now"):
        await readmit(planned, OPEN, resolve=elsewhere)
    assert (await readmit(planned, OPEN, resolve=fewer)).plan == planned


@pytest.mark.parametrize(("now", "changed"), [(("::1", "10.1.1.1"), False), (("fd00::1",), True)])
async def test_a_family_that_was_left_out_is_no_change_unless_it_is_all_there_is(now: tuple[str, ...], *, changed: bool) -> None:
    planned = await admit(plan(), OPEN, resolve=resolve)

    async def both(host: str, port: int) -> tuple[str, ...]:
        return now

    if changed:
        with pytest.raises(Refused, match="E311"):
            await readmit(planned, OPEN, resolve=both)
    else:
        await readmit(planned, OPEN, resolve=both)


async def test_a_policy_that_has_changed_since_the_plan_holds_at_the_start() -> None:
    planned = await admit(plan(), OPEN, resolve=resolve)
    with pytest.raises(Refused, match="E301"):
        await readmit(planned, gate(deny=[{"host": "shop.test"}]), resolve=resolve)


async def test_an_address_written_as_one_asks_no_name_server() -> None:
    async def nobody(host: str, port: int) -> tuple[str, ...]:
        raise AssertionError(host)

    await admit(plan("http://127.0.0.1:8000"), OPEN, resolve=nobody)


async def test_bundled_targets_are_left_to_the_run() -> None:
    admitted = await admit(plan("demo:shop"), TargetGate(TargetPolicy(loopback="listed"), FILE), resolve=resolve)
    assert admitted.targets == (Target(base_url="demo:shop"),)
    assert is_bundled("demo:shop")
    assert not is_bundled("http://demo:80")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://shop.test", "not an absolute http or https URL"), ("shop.test", "not an absolute"), ("http://", "not an absolute"),
        ("http://user:pw@shop.test", "holds a user name"), ("http://0x7f.1", "unusual form"), ("http://127.1", "unusual form"),
        ("http://2130706433", "unusual form"), ("http://0177.0.0.1", "unusual form"), ("http://shop.test:99999", "port"),
        ("http://shop.test:x", "port"),
    ],
)  # fmt: skip
async def test_an_address_in_a_strange_form_is_refused(url: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        await admit(plan(url), OPEN, resolve=resolve)


async def test_an_address_without_a_path_is_read_as_it_is() -> None:
    admitted = await admit(plan("http://[::1]:8080"), gate(), resolve=resolve)
    assert admitted.targets[0].addresses == ("::1",)


async def test_a_name_that_nobody_knows_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"host no-such-host\.invalid cannot be resolved"):
        await resolve_host("no-such-host.invalid", 80)


async def test_an_address_that_answers_nowhere_still_resolves() -> None:
    assert await resolve_host("127.0.0.1", 1) == ("127.0.0.1",)


async def test_of_two_families_the_silent_one_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    both = [(socket.AF_INET6, 0, 0, "", ("::1", port, 0, 0)), (socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **kwargs: both)
    assert await resolve_host("localhost", port) == ("127.0.0.1",)
    server.close()
    await server.wait_closed()
    assert await resolve_host("localhost", port) == ("::1", "127.0.0.1")


async def test_a_proxy_is_judged_beside_the_targets_behind_it() -> None:
    step = HttpStep(label=1, method="GET", url="/", proxy="http://me:{{ secrets.word }}@proxy.test:3128")
    with pytest.raises(Refused, match=r"E302 target proxy\.test:3128"):
        await admit(plan(steps=(step,)), gate(allow=[{"host": "shop.test"}]), resolve=resolve)
    with pytest.raises(Refused, match=r"E302 target shop\.test"):
        await admit(plan(steps=(step,)), gate(allow=[{"host": "proxy.test", "ports": [3128]}]), resolve=resolve)
    admitted = await admit(
        plan(steps=(step,)), gate(allow=[{"host": "shop.test"}, {"host": "proxy.test", "ports": [3128]}]), resolve=resolve
    )
    assert Target(base_url="http://proxy.test:3128", weight=0, addresses=("10.3.3.3",)) in admitted.targets


async def test_the_proxy_of_a_function_is_judged_and_needs_every_method() -> None:
    made = plan()
    (scenario,) = made.scenarios
    coded = replace(made, scenarios=(replace(scenario, steps=(), code=Code(function="f", proxy="http://proxy.test:3128")),))
    allowed = [{"host": "shop.test"}]
    with pytest.raises(Refused, match=r"E302 target proxy\.test:3128"):
        await admit(coded, gate(allow=allowed), resolve=resolve)
    with pytest.raises(Refused, match=r"E302 target proxy\.test:3128"):
        await admit(coded, gate(allow=[*allowed, {"host": "proxy.test", "ports": [3128], "methods": ["GET"]}]), resolve=resolve)
    admitted = await admit(coded, gate(allow=[*allowed, {"host": "proxy.test", "ports": [3128]}]), resolve=resolve)
    assert Target(base_url="http://proxy.test:3128", weight=0, addresses=("10.3.3.3",)) in admitted.targets


async def test_the_host_of_a_token_is_judged() -> None:
    token = HttpStep(label=1, method="POST", url="https://login.test/token", auth=("basic", "a", "b"))
    step = HttpStep(label=1, method="GET", url="/", auth=("oauth2",), token=token)
    with pytest.raises(Refused, match=r"E302 target login\.test:443"):
        await admit(plan(steps=(step,)), gate(allow=[{"host": "shop.test"}]), resolve=resolve)


async def test_addresses_that_the_recipe_gives_stand_for_the_name_and_are_judged() -> None:
    pinned = replace(plan("http://shop.test:80"), dns=(("shop.test", ("127.0.0.9",)),))
    assert (await admit(pinned, gate(), resolve=resolve)).targets[0].addresses == ("127.0.0.9",)
    away = replace(pinned, dns=(("shop.test", ("192.0.2.7",)),))
    with pytest.raises(Refused, match=r"shop\.test:80 \(192\.0\.2\.7\)"):
        await admit(away, gate(), resolve=resolve)


async def test_http2_without_its_library_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maid_lab.services.admission.find_spec", lambda _name: None)
    with pytest.raises(InvalidInput, match="HTTP/2 is not installed") as caught:
        await admit(plan("http://127.0.0.1:80", steps=(HttpStep(label=1, method="GET", url="/", is_http2=True),)), OPEN, resolve=resolve)
    assert "maid-lab[http2]" in caught.value.hint


async def test_an_own_address_that_the_machine_lacks_is_told_before_the_run() -> None:
    step = HttpStep(label=1, method="GET", url="/", source_addresses=("127.0.0.1", "192.0.2.1"))
    with pytest.raises(InvalidInput, match=r"source address 192\.0\.2\.1 cannot be used"):
        await admit(plan("http://127.0.0.1:80", steps=(step,)), OPEN, resolve=resolve)


async def test_an_address_that_is_not_allowed_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []

    async def both(host: str, port: int) -> tuple[str, ...]:
        return "127.0.0.1", "2001:db8::1"

    async def answers(address: str, port: int) -> bool:
        touched.append(address)
        return True

    monkeypatch.setattr("maid_lab.services.admission.look_up", both)
    monkeypatch.setattr("maid_lab.services.admission._answers", answers)
    planned = plan("http://shop.example:8080")
    with pytest.raises(Refused, match="E30"):
        await admit(planned, gate())
    assert touched == []
