"""TLS as recipes ask for it: authorities, client certificates, names, versions, for the test and for single requests."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from maid_lab.model.plan import HttpStep, Timeouts, Tls
from tests.engine.running import Row, plan_of, requests, run_shard
from tests.support.hostile import HostileServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An authority with the files of one client."""

    made: trustme.CA
    ca: str
    cert: str
    key: str
    both: str

    def server(self, *names: str) -> ssl.SSLContext:
        """Return a context that serves these names."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.made.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("tls")
    made = trustme.CA()
    client = made.issue_cert("client@example.test")
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key", "both")}
    made.cert_pem.write_to_path(files["ca"])
    client.cert_chain_pems[0].write_to_path(files["cert"])
    client.private_key_pem.write_to_path(files["key"])
    client.private_key_and_cert_chain_pem.write_to_path(files["both"])
    return Authority(made=made, **files)


@pytest.fixture
def mutual(authority: Authority) -> Iterator[HostileServer]:
    """Give a server that wants to know its clients."""
    context = authority.server()
    authority.made.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with HostileServer(context) as server:
        yield server


def get(tls: Tls, label: int = 2, **changes: Any) -> HttpStep:
    return HttpStep(label=label, method="GET", url="/ok", tls=tls, on_error="continue", **changes)


async def run(url: str, folder: Path, *steps: HttpStep, **changes: Any) -> list[Row]:
    return requests(await run_shard(plan_of(url, steps, ("r", "s", "t"), **changes), folder))


@pytest.mark.parametrize("pair", ["two files", "one file"])
async def test_a_client_certificate_opens_the_door(authority: Authority, mutual: HostileServer, tmp_path: Path, pair: str) -> None:
    two = Tls(ca=authority.ca, cert=authority.cert, key=authority.key)
    tls = two if pair == "two files" else Tls(ca=authority.ca, cert=authority.both)
    rows = await run(mutual.url, tmp_path, get(tls), load={"users": 2.0, "iterations": 3})
    mutual.settle()
    assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 6
    assert (mutual.requests, mutual.connections) == (6, 2)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_without_a_client_certificate_the_row_says_what_the_server_said(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = authority.server()
    authority.made.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    with HostileServer(context) as server:
        rows = await run(server.url, tmp_path, get(Tls(ca=authority.ca)), load={"iterations": 2})
        # In TLS 1.3 the client is refused behind its handshake, where the refusal may also meet the request on its way.
        assert {row.outcome for row in rows} <= ({"tls_error"} if version == ssl.TLSVersion.TLSv1_2 else {"tls_error", "reset"})
        assert all("TLS" in row.error or row.outcome == "reset" for row in rows)
        assert (len(rows), server.requests) == (2, 0)


async def test_each_request_has_its_own_tls_on_its_own_connection(authority: Authority, tmp_path: Path) -> None:
    with HostileServer(authority.server()) as server:
        steps = (get(Tls(ca=authority.ca)), get(Tls(), 3), get(Tls(verify=False), 4))
        rows = await run(server.url, tmp_path, *steps, load={"iterations": 2})
        server.settle()
        assert [row.outcome for row in rows] == ["ok", "tls_error", "ok"] * 2
        assert rows[1].error.startswith("TLS handshake: the certificate was not accepted: ")
        assert server.requests == 4
        assert [row.reused for row in rows if row.outcome == "ok"] == [False, False, True, True]


async def test_the_name_is_sent_and_checked(authority: Authority, tmp_path: Path) -> None:
    asked: list[str | None] = []
    context = authority.server("shop.test")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with HostileServer(context) as server:
        right, none, wrong = (Tls(ca=authority.ca, server_name=name) for name in ("shop.test", "", "other.test"))
        rows = await run(server.url, tmp_path, get(right), get(none, 3), get(wrong, 4))
        assert [row.outcome for row in rows] == ["ok", "tls_error", "tls_error"]
        assert asked == ["shop.test", None, "other.test"]
        assert "not valid for 'other.test'" in rows[2].error


@pytest.mark.parametrize(("minimum", "outcome"), [("", "ok"), ("1.2", "ok"), ("1.3", "tls_error")])
async def test_an_old_version_is_not_taken_where_a_newer_is_wanted(
    authority: Authority, tmp_path: Path, minimum: str, outcome: str
) -> None:
    context = authority.server()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with HostileServer(context) as server:
        (row,) = await run(server.url, tmp_path, get(Tls(ca=authority.ca, min_version=minimum)))
        assert row.outcome == outcome
        assert row.error.startswith("TLS handshake: ") == (outcome == "tls_error")


@pytest.mark.parametrize("field", ["ca", "cert"])
async def test_a_file_that_has_gone_is_a_row_that_names_it(authority: Authority, tmp_path: Path, field: str) -> None:
    with HostileServer(authority.server()) as server:
        gone = str(tmp_path / "gone.pem")
        (row,) = await run(server.url, tmp_path, get(Tls(ca=gone) if field == "ca" else Tls(ca=authority.ca, cert=gone)))
        assert (row.outcome, server.requests) == ("connect_error", 0)
        assert "gone.pem" in row.error


@pytest.mark.parametrize("mode", ["stop", "kill"])
async def test_stop_and_kill_end_the_wait_for_a_handshake(silent_port: int, tmp_path: Path, mode: str) -> None:
    def end(shard: Any, elapsed: float) -> bool:
        if elapsed < 0.2:
            return False
        shard.kill() if mode == "kill" else shard.stop(0.3)
        return True

    plan = plan_of(f"https://127.0.0.1:{silent_port}", (get(Tls()),), ("r",), load={"model": "users", "users": 2.0})
    rows = requests(await run_shard(plan, tmp_path, during=end))
    assert [row.outcome for row in rows] == ["aborted"] * 2


async def test_a_handshake_that_does_not_end_is_a_timeout_of_connecting(silent_port: int, tmp_path: Path) -> None:
    step = get(Tls(), timeouts=Timeouts(connect_s=0.2))
    (row,) = await run(f"https://127.0.0.1:{silent_port}", tmp_path, step)
    assert (row.outcome, row.error) == ("timeout", "timeout (connect) while in the TLS handshake")
