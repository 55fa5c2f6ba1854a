"""Ways of a scenario's requests: through a proxy, and with a certificate of its own."""

from __future__ import annotations

import base64
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trustme

import maid_lab
from maid_lab.model.errors import InvalidInput
from maid_lab.model.plan import Target
from maid_lab.services.code import code_source
from tests.engine.python import users
from tests.engine.python.running import code_plan
from tests.engine.running import Row, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.proxy import ForwardProxy

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.model.plan import Plan


def planned(url: str, **options: Any) -> Plan:
    """Return a plan of one user who sends two requests, with these options of its scenario."""

    @maid_lab.scenario(**options)
    async def asks(user: Any) -> None:
        await user.get("/ok")
        await user.get("/ok")

    plan = code_plan(url, users.gets)
    (scenario,) = plan.scenarios
    return replace(plan, scenarios=(replace(scenario, code=code_source([asks]).code["asks"]),))


async def run(plan: Plan, folder: Path) -> list[Row]:
    return requests(await run_shard(plan, folder))


async def test_requests_of_code_go_through_its_proxy(hostile: HostileServer, tmp_path: Path) -> None:
    wanted = "Basic " + base64.b64encode(b"me:s3cret").decode()
    with ForwardProxy(credentials=wanted) as proxy:
        plan = planned(hostile.url, proxy=proxy.url.replace("://", "://me:s3cret@"))
        assert plan.scenarios[0].code is not None
        assert plan.scenarios[0].code.proxy == proxy.url
        known = replace(plan, targets=(*plan.targets, Target(base_url=proxy.url, weight=0, addresses=("127.0.0.1",))))
        rows = await run(known, tmp_path)
        hostile.settle()
        assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 2
        assert proxy.plain == [f"GET {hostile.url}/ok HTTP/1.1"] * 2
        assert hostile.requests == 2


async def test_a_proxy_that_the_plan_was_not_admitted_with_gets_nothing(hostile: HostileServer, tmp_path: Path) -> None:
    rows = await run(planned(hostile.url, proxy="http://stranger.test:3128"), tmp_path)
    assert {row.error for row in rows} == {"host stranger.test is not a target of this plan"}
    assert hostile.requests == 0


async def test_code_shows_its_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    client = authority.issue_cert("client@example.test")
    ca, both = str(tmp_path / "ca.pem"), str(tmp_path / "both.pem")
    authority.cert_pem.write_to_path(ca)
    client.private_key_and_cert_chain_pem.write_to_path(both)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with HostileServer(context) as server:
        rows = await run(planned(server.url, ca=ca, cert=both), tmp_path)
        server.settle()
        assert [row.outcome for row in rows] == ["ok", "ok"]
        assert (server.requests, server.connections) == (2, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"proxy": "127.0.0.1:3128"}, "the address of the proxy cannot be read"),
        ({"proxy": "https://127.0.0.1:3128"}, "the address of the proxy cannot be read"),
        ({"proxy": "http://127.0.0.1"}, "the address of the proxy cannot be read"),
        ({"proxy": "http://a@b@c:1/x"}, "the address of the proxy cannot be read"),
        ({"key": "a.pem"}, "a key without a certificate"),
    ],
)
def test_wrong_ways_are_told_where_they_are_written(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as found:
        planned("http://127.0.0.1:1", **options)
    assert found.value.hint
