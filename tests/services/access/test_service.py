from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from maid_lab.model.errors import TooMany, Unauthorized
from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.services.access.local import LocalCredential, read_local_server
from maid_lab.services.access.principal import ALL_SCOPES, CredentialKind, KeyLimits, Principal, Scope
from maid_lab.services.access.quota import Quota
from maid_lab.services.access.roles import principal_of
from maid_lab.services.access.service import Access
from maid_lab.services.access.tickets import Tickets
from maid_lab.services.catalogue import held, let_go, opened
from maid_lab.services.settings import Settings, load_settings
from tests.services.access.makers import OWNER, Clock


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    tmp_path.chmod(0o700)
    held(tmp_path)
    yield tmp_path
    let_go(tmp_path)


@pytest.fixture
def access(home: Path) -> Access:
    return Access(home, Settings(), owner="ada")


# ---- headers


@pytest.mark.parametrize("name", ["X-MAID-Key", "x-maid-key", "Authorization", "authorization"])
async def test_a_key_is_taken_from_its_header_with_where_it_came_from(access: Access, name: str) -> None:
    text = access.keys.create(OWNER, name="a").text
    sent = {name: text if "key" in name.lower() else f"Bearer {text}"}
    for _ in range(2):
        got = await access.identify(sent, address="10.0.0.1", client="curl/8")
        assert got is not None and (got.kind, got.id, got.address, got.client) == (CredentialKind.KEY, "ada", "10.0.0.1", "curl/8")


async def test_a_token_is_taken_from_its_header(access: Access) -> None:
    token = access.tokens.issue(access.keys.verify(access.keys.create(OWNER, name="a").text))
    got = await access.identify({"Authorization": f"bearer {token.text}"})
    assert got is not None and got.kind == CredentialKind.TOKEN


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Authorization": "Bearer 0123456789abcdef"}, {"Authorization": "token abc"}, {"Authorization": "Basic YTpi"}, {"Authorization": ""},
        {"Cookie": "X-MAID-Key=maid_live_0123456789_0123456789abcdefghjkmnpqrstvwxyz"}, {"X-MAID-Terminal": "1"}, {"Authorization": "Bearer"},
    ],
)  # fmt: skip
async def test_what_is_not_ours_is_left_to_jupyter(access: Access, headers: dict[str, str]) -> None:
    assert await access.identify(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-MAID-Key": ""}, {"X-MAID-Key": "abc"}, {"X-MAID-Key": "eyJ.a.b"}, {"Authorization": "Bearer maid_prod_x"}, {"Authorization": "Bearer eyJ"},
        {"Authorization": "BEARER  MAID_LIVE_x"}, {"Authorization": "Bearer maid_local_x"}, {"X-MAID-Key": "maid_local_x"},
        {"X-MAID-Key": "x", "Authorization": "Bearer 0123456789abcdef"}, {"Authorization": "Bearer maid_live_x, Bearer 0123456789abcdef"},
    ],
)  # fmt: skip
async def test_what_claims_to_be_ours_and_is_wrong_is_never_anonymous(access: Access, headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        await access.identify(headers)


async def test_a_wrong_credential_is_not_mended_by_a_right_one(access: Access) -> None:
    text = access.keys.create(OWNER, name="a").text
    wrong = text[:-4] + "0000"
    for headers in ({"X-MAID-Key": wrong, "Authorization": f"Bearer {text}"}, {"X-MAID-Key": text, "Authorization": f"Bearer {wrong}"}):
        with pytest.raises(Unauthorized):
            await access.identify(headers)


# ---- the local credential


async def test_commands_of_the_owner_find_the_server_and_act_for_the_owner(access: Access, home: Path) -> None:
    assert read_local_server(home) is None
    published = access.local.publish("http://127.0.0.1:8888/")
    found = read_local_server(home)
    assert found == published
    assert (home / "server.json").stat().st_mode & 0o777 == 0o600
    assert published.token not in repr(published)
    sent = {"Authorization": f"Bearer {published.token}"}
    script, person = await access.identify(sent), await access.identify({**sent, "X-MAID-Terminal": "1"})
    assert script is not None and person is not None
    assert (script.kind, script.id, script.scopes, script.is_interactive) == (CredentialKind.LOCAL, "ada", ALL_SCOPES, False)
    assert person.is_interactive
    text = access.keys.create(OWNER, name="a").text
    key = await access.identify({"X-MAID-Key": text, "X-MAID-Terminal": "1"})
    assert key is not None and not key.is_interactive
    with pytest.raises(Unauthorized):
        await Access(home, Settings()).identify(sent)
    LocalCredential(home, owner="b").withdraw()
    assert read_local_server(home) == published
    access.local.withdraw()
    assert not (home / "server.json").exists()


def test_a_dead_server_or_a_file_of_others_is_no_server(access: Access, home: Path) -> None:
    path = home / "server.json"
    access.local.publish("http://127.0.0.1:1/")
    good = path.read_text()
    path.chmod(0o644)
    assert read_local_server(home) is None
    path.chmod(0o600)
    assert read_local_server(home) is not None
    for wrong in (good.replace(str(os.getpid()), "999999999"), good.replace(str(os.getpid()), "0"), "{", "[]", "{}", ""):
        path.write_text(wrong)
        assert read_local_server(home) is None


# ---- roles


def test_roles_of_jupyter_users() -> None:
    roles = {"bob": "write:loadtests", "group:ops": "admin", "group:x": "read:loadtests"}

    def who(name: str, *groups: str, is_owner: bool = False) -> Principal:
        return principal_of(name, "", groups, is_owner=is_owner, roles=roles)

    assert who("ada", is_owner=True).scopes == ALL_SCOPES
    assert (who("eve").roles, who("eve").scopes) == (("read:loadtests",), frozenset({Scope.READ}))
    assert who("bob").scopes == {Scope.READ, Scope.WRITE, Scope.RECIPES}
    assert who("eve", "ops", "x").is_admin
    assert not who("group:ops").is_admin
    assert who("eve").is_interactive and who("eve").name == "eve"


# ---- tickets


def test_a_ticket_is_good_once_and_for_half_a_minute() -> None:
    now = [0.0]
    tickets = Tickets(lambda: now[0])
    text = tickets.issue(OWNER, ["maid:status"])
    got = tickets.redeem(text)
    assert (got.principal, got.topics) == (OWNER, frozenset({"maid:status"}))
    late = tickets.issue(OWNER, [])
    now[0] = 30.0
    for wrong in (text, late, "", "x", "\ud800"):
        with pytest.raises(Unauthorized, match="ticket is not valid"):
            tickets.redeem(wrong)


def test_tickets_are_bounded_and_end_with_their_key(access: Access) -> None:
    made = access.keys.create(OWNER, name="a")
    ticket = access.tickets.issue(access.keys.verify(made.text), [])
    access.keys.revoke(OWNER, made.key.id)
    with pytest.raises(Unauthorized):
        access.tickets.redeem(ticket)
    for _ in range(100):
        access.tickets.issue(OWNER, [])
    with pytest.raises(TooMany):
        access.tickets.issue(OWNER, [])
    access.tickets.issue(replace(OWNER, id="bob"), [])


# ---- limits

KEY = Principal(
    kind=CredentialKind.KEY, id="ada", key_id="0123456789", limits=KeyLimits(requests_per_minute=3, recipe_limit=2, concurrent_tests=1)
)


def test_requests_beyond_the_limit_are_told_when_to_come_again(home: Path) -> None:
    now = [0.0]
    quota = Quota(home, Settings(), seconds=lambda: now[0])
    for _ in range(3):
        quota.take_request(KEY)
    with pytest.raises(TooMany, match="3 requests per minute") as caught:
        quota.take_request(KEY)
    assert caught.value.retry_after_s == pytest.approx(20)
    now[0] = 20.0
    quota.take_request(KEY)
    quota.take_request(replace(KEY, key_id="other"))
    for _ in range(10):
        quota.take_request(OWNER)


def ran(home: Path, clock: Clock, recipe: str, *, status: str = "completed") -> None:
    with opened(home) as store:
        store.runs.create(RunRecord(id=new_run_id(), recipe_id=recipe, api_key_id=KEY.key_id, status=status, created_at=clock.now))


def test_recipes_per_day_and_runs_at_a_time_are_counted_in_the_catalogue(home: Path) -> None:
    clock = Clock()
    ran(home, clock, "a")
    Quota(home, Settings(), clock=clock).check_start(KEY, "b")
    ran(home, clock, "b")
    quota = Quota(home, Settings(), clock=clock)
    quota.check_start(KEY, "a")
    quota.check_start(OWNER, "c")
    with pytest.raises(TooMany, match="recipe_limit is 2"):
        quota.check_start(KEY, "c")
    clock.go(days=1, seconds=1)
    quota.check_start(KEY, "c")
    ran(home, clock, "c", status="running")
    with pytest.raises(TooMany, match="concurrent_tests is 1"):
        quota.check_start(KEY, "c")


@pytest.mark.parametrize("has_key", [True, False])
def test_an_agent_starts_three_runs_an_hour(home: Path, has_key: bool) -> None:
    clock = Clock()
    agent = replace(KEY, is_agent=True, limits=KeyLimits()) if has_key else replace(OWNER, is_agent=True)
    quota = Quota(home, Settings(), clock=clock)
    for _ in range(3):
        quota.check_start(agent, "a")
        quota.started(agent)
        if has_key:
            ran(home, clock, "a")
        clock.go(minutes=10)
    with pytest.raises(TooMany, match="agent_runs_per_hour is 3") as caught:
        quota.check_start(agent, "a")
    assert caught.value.retry_after_s == timedelta(minutes=30).total_seconds()
    clock.go(minutes=30, seconds=1)
    quota.check_start(agent, "a")


def test_the_environment_only_lowers_what_agents_may(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAID_AGENT_RUNS_PER_HOUR", "1000")
    agent = replace(OWNER, is_agent=True)
    quota = Quota(home, load_settings(home))
    for _ in range(3):
        quota.started(agent)
    with pytest.raises(TooMany):
        quota.check_start(agent, "a")
