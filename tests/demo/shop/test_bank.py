from __future__ import annotations

from typing import TYPE_CHECKING

from maid_lab.demo.shop.bank import CUSTOMERS, OPENING_CENTS
from tests.demo.client import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., Reply]


def logged_in(ask: Ask, customer: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {ask('POST', '/bank/login', {'customer': customer}).json['token']}"}


def test_a_transfer_moves_money_and_keeps_the_sum(ask: Ask) -> None:
    mine, yours = logged_in(ask, 7), logged_in(ask, 8)
    before = ask("GET", "/bank/accounts/7", **mine).json["cents"], ask("GET", "/bank/accounts/8", **yours).json["cents"]
    done = ask("POST", "/bank/transfers", {"from": 7, "to": 8, "cents": 250}, **mine)
    assert (done.status, done.json["cents"]) == (201, before[0] - 250)
    assert ask("GET", "/bank/accounts/8", **yours).json["cents"] == before[1] + 250
    entries = [ask("GET", f"/bank/statements/{number}", **who).json["entries"][0] for number, who in ((7, mine), (8, yours))]
    assert entries == [{"transfer": done.json["transfer"], "cents": cents} for cents in (-250, 250)]
    total = ask("GET", "/bank/total").json
    assert total["cents"] == total["opening"] == CUSTOMERS * OPENING_CENTS


def test_nobody_sees_or_moves_what_is_not_theirs(ask: Ask) -> None:
    mine = logged_in(ask, 7)
    assert ask("GET", "/bank/accounts/8", **mine).status == 403
    assert ask("POST", "/bank/transfers", {"from": 8, "to": 7, "cents": 1}, **mine).status == 403
    assert ask("GET", "/bank/accounts/7").status == 401
    assert ask("GET", "/bank/accounts/7", Authorization="Bearer forged").status == 401


def test_what_is_not_there_cannot_be_moved(ask: Ask) -> None:
    mine = logged_in(ask, 9)
    assert ask("POST", "/bank/transfers", {"from": 9, "to": 8, "cents": 10**9}, **mine).status == 409
    for order in ({}, {"from": 9, "to": 8}, {"from": 9, "to": 1001, "cents": 1}, {"from": 9, "to": 8, "cents": -1}):
        assert ask("POST", "/bank/transfers", order, **mine).status == 400
