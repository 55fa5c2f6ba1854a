"""Digest authentication and OAuth 2.0 against a server that checks what it gets, with the rows beside its counts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

from maid_lab.model.plan import Body, Extract, HttpStep, Label
from tests.engine.running import labels, plan_of, requests, run_shard
from tests.support.hostile import HostileServer, Received
from tests.support.wire import Action, Pause, Send, head, reply

GUARDED = HttpStep(label=2, method="GET", url="/guarded?x=1", auth=("digest", "anna", 'pass"word'))


class DigestGuard:
    """Checks digests as a server does: each nonce serves `uses` requests, counted without a gap."""

    def __init__(self, server: HostileServer, *, uses: int = 1000, password: str = 'pass"word') -> None:
        self.seen: list[dict[str, str]] = []
        self._uses, self._password, self._made = uses, password, 0
        self._counts: dict[str, int] = {}
        server.answer("/guarded", self.answer)

    def answer(self, request: Received) -> tuple[Action, ...]:
        fields = {name: quoted or plain for name, quoted, plain in _FIELDS.findall(request.header("Authorization") or "")}
        nonce = fields.get("nonce", "")
        if nonce not in self._counts:
            return self._challenge(stale=False)
        self.seen.append(fields)
        if self._counts[nonce] >= self._uses:
            return self._challenge(stale=True)
        self._counts[nonce] += 1
        first = _sha(f"anna:a realm:{self._password}")
        second = _sha(f"{request.method}:{request.target}")
        right = _sha(f"{first}:{nonce}:{self._counts[nonce]:08x}:{fields['cnonce']}:auth:{second}")
        return (Send(reply()),) if fields["response"] == right and fields["opaque"] == "o" else self._challenge(stale=False)

    def _challenge(self, *, stale: bool) -> tuple[Action, ...]:
        self._made += 1
        self._counts[f"n{self._made}"] = 0
        value = f'Digest realm="a realm", qop="auth", algorithm=SHA-256, nonce="n{self._made}", opaque="o"' + ", stale=true" * stale
        return (Send(head(401, ("WWW-Authenticate", value), ("Content-Length", "0"))),)


_FIELDS = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ---- digest


async def test_each_user_is_challenged_once_and_signs_from_then_on(hostile: HostileServer, tmp_path: Path) -> None:
    DigestGuard(hostile)
    rows = requests(await run_shard(plan_of(hostile.url, (GUARDED,), ("r",), load={"users": 2.0, "iterations": 3}), tmp_path))
    assert sorted((row.user, row.status, row.outcome, row.redirected) for row in rows) == sorted(
        [(user, 401, "ok", False) for user in (0, 1)]
        + [(user, 200, "ok", True) for user in (0, 1)]
        + [(user, 200, "ok", False) for user in (0, 1)] * 2
    )
    assert hostile.requests == len(rows) == 8
    assert hostile.connections == 2


async def test_a_stale_nonce_is_replaced_without_an_error(hostile: HostileServer, tmp_path: Path) -> None:
    guard = DigestGuard(hostile, uses=2)
    rows = requests(await run_shard(plan_of(hostile.url, (GUARDED,), ("r",), load={"iterations": 5}), tmp_path))
    assert [row.status for row in rows] == [401, 200, 200, 401, 200, 200, 401, 200]
    assert {row.outcome for row in rows} == {"ok"}
    assert [fields["nc"] for fields in guard.seen] == ["00000001", "00000002", "00000003"] * 2 + ["00000001"]


async def test_a_wrong_password_is_an_error_and_no_loop(hostile: HostileServer, tmp_path: Path) -> None:
    DigestGuard(hostile, password="another")
    rows = requests(await run_shard(plan_of(hostile.url, (GUARDED,), ("r",), load={"iterations": 2}), tmp_path))
    refused = (401, "error_status", "HTTP 401")
    assert [(row.status, row.outcome, row.error) for row in rows] == [(401, "ok", ""), refused, refused]
    assert hostile.requests == 3


async def test_a_challenge_that_cannot_be_answered_says_why(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/guarded", Send(head(401, ("WWW-Authenticate", 'Digest nonce="n", algorithm=X'), ("Content-Length", "0"))))
    (row,) = requests(await run_shard(plan_of(hostile.url, (GUARDED,), ("r",)), tmp_path))
    assert (row.outcome, row.error) == ("error_status", "HTTP 401: digest: the algorithm X is not known here")


async def test_a_server_that_calls_every_nonce_stale_is_given_up(hostile: HostileServer, tmp_path: Path) -> None:
    DigestGuard(hostile, uses=0)
    rows = requests(await run_shard(plan_of(hostile.url, (GUARDED,), ("r",)), tmp_path))
    assert len(rows) == hostile.requests == 12
    assert (rows[-1].outcome, rows[-1].error) == ("error_status", "HTTP 401")


# ---- OAuth 2.0

TOKEN_STEP = HttpStep(
    label=3,
    method="POST",
    url="/token",
    body=Body(kind="form", value={"grant_type": "client_credentials", "scope": "a b"}),
    auth=("basic", "client", "sécret"),
    extract=(
        Extract(name="access_token", source="json", expr="$.access_token"),
        Extract(name="expires_in", source="json", expr="$.expires_in", has_default=True, default=0, required=False),
    ),
)
CALL = HttpStep(label=2, method="GET", url="/api", auth=("oauth2",), token=TOKEN_STEP)
LABELS = (*labels("r"), Label(scenario="", transaction="", name="oauth2 token", kind="http", section="setup"))


class TokenServer:
    """Gives tokens t1, t2, … and serves `/api` to whoever has one of the valid ones."""

    def __init__(self, server: HostileServer, *, delay_s: float = 0.0, life_s: float | None = 3600, way: str = "basic") -> None:
        self.given = 0
        self.valid: set[str] = set()
        self._delay_s, self._life_s, self._way = delay_s, life_s, way
        server.answer("/token", self.token)
        server.answer("/api", self.api)

    def token(self, request: Received) -> tuple[Action, ...]:
        body = request.body.decode()
        assert body.startswith("grant_type=client_credentials&scope=a+b")
        if self._way == "basic":
            said = request.header("Authorization") == "Basic " + base64.b64encode("client:sécret".encode()).decode()
        else:
            said = body.endswith("&client_id=client&client_secret=s%C3%A9cret") and request.header("Authorization") is None
        if not said:
            return (Send(reply(b'{"error": "invalid_client"}', status=401)),)
        self.given += 1
        self.valid.add(f"t{self.given}")
        found = {"access_token": f"t{self.given}", "token_type": "Bearer"} | ({"expires_in": self._life_s} if self._life_s else {})
        return (Pause(self._delay_s), Send(reply(json.dumps(found).encode())))

    def api(self, request: Received) -> tuple[Action, ...]:
        token = (request.header("Authorization") or "").removeprefix("Bearer ")
        return (Send(reply(status=200 if token in self.valid else 401)),)


def oauth_plan(server: HostileServer, step: HttpStep = CALL, **load: Any) -> Any:
    return plan_of(server.url, (step,), (), labels=LABELS, load=load)


async def test_all_users_wait_for_one_token_and_share_it(hostile: HostileServer, tmp_path: Path) -> None:
    server = TokenServer(hostile, delay_s=0.1)
    rows = requests(await run_shard(oauth_plan(hostile, users=5.0, iterations=4), tmp_path))
    assert (server.given, hostile.requests) == (1, 21)
    tokens, calls = [row for row in rows if row.name == "oauth2 token"], [row for row in rows if row.name == "r"]
    assert [(row.outcome, row.status) for row in tokens] == [("ok", 200)]
    assert [(row.outcome, row.status) for row in calls] == [("ok", 200)] * 20
    # What waited for the token shows as blocked time, not as time of the server.
    assert sum(row.start - row.intended > 80_000_000 for row in calls) == 5


async def test_a_token_is_renewed_before_it_ends(hostile: HostileServer, tmp_path: Path) -> None:
    server = TokenServer(hostile, life_s=0.2)
    plan = oauth_plan(hostile, model="users", users=2.0, duration_s=0.9)
    rows = requests(await run_shard(plan, tmp_path))
    assert 4 <= server.given <= 8
    assert {(row.outcome, row.status) for row in rows} == {("ok", 200)}
    assert hostile.requests == len(rows)


async def test_a_server_that_wants_the_client_in_the_form_gets_it_there(hostile: HostileServer, tmp_path: Path) -> None:
    server = TokenServer(hostile, way="form", life_s=0.15)
    rows = requests(await run_shard(oauth_plan(hostile, model="users", users=1.0, duration_s=0.4), tmp_path))
    refused = [row for row in rows if row.status == 401]
    assert [(row.name, row.outcome) for row in refused] == [("oauth2 token", "error_status")]
    assert server.given >= 2


async def test_without_a_token_each_request_is_an_error_row_and_the_server_is_asked_once_a_second(
    hostile: HostileServer, tmp_path: Path
) -> None:
    hostile.on("/token", Send(reply(b"down", status=503)))
    rows = requests(await run_shard(oauth_plan(hostile, users=3.0, iterations=2), tmp_path))
    calls = [row for row in rows if row.name == "r"]
    assert [(row.outcome, row.error) for row in calls] == [("connect_error", "no OAuth 2.0 token: HTTP 503")] * 6
    tokens = [row for row in rows if row.name == "oauth2 token"]
    assert len(tokens) == hostile.requests == 2
    assert tokens[1].start - tokens[0].end > 900_000_000


async def test_a_token_that_is_refused_later_is_replaced(hostile: HostileServer, tmp_path: Path) -> None:
    server = TokenServer(hostile, life_s=None)
    done: list[bool] = []

    def revoke(_shard: Any, elapsed: float) -> bool:
        if elapsed > 1.1 and not done:
            server.valid.clear()
            done.append(True)
        return bool(done)

    rows = requests(await run_shard(oauth_plan(hostile, model="users", users=1.0, duration_s=1.5), tmp_path, during=revoke))
    assert server.given == 2
    assert [row.outcome for row in rows].count("error_status") == 1


async def test_stop_and_kill_while_a_token_is_waited_for_lose_no_request(hostile: HostileServer, tmp_path: Path) -> None:
    for number, mode in enumerate(("stop", "kill")):
        TokenServer(hostile, delay_s=0.6)
        before, folder = hostile.requests, tmp_path / mode
        folder.mkdir()

        def end(shard: Any, elapsed: float, mode: str = mode) -> bool:
            if elapsed < 0.2:
                return False
            shard.kill() if mode == "kill" else shard.stop(2.0)
            return True

        began = time.monotonic()
        rows = requests(await run_shard(oauth_plan(hostile, model="users", users=3.0, duration_s=5.0), folder, during=end))
        assert time.monotonic() - began < 3, number
        await asyncio.to_thread(hostile.settle)
        assert hostile.requests - before == sum(row.outcome != "unsent" for row in rows) == 1
        assert [row.outcome for row in rows if row.name == "r"] == ["unsent"] * 3
        assert [row.outcome for row in rows if row.name != "r"] == ["aborted" if mode == "kill" else "ok"]
