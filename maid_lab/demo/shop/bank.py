"""A small bank: accounts with balances, transfers between them, and a sum that never changes."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from maid_lab.demo.shop.answer import Answer, json_answer, problem
from maid_lab.demo.shop.routing import BadRequest, whole

if TYPE_CHECKING:
    from maid_lab.demo.shop.accounts import Accounts
    from maid_lab.demo.shop.routing import Call, Router

__all__ = ["CUSTOMERS", "OPENING_CENTS", "Bank"]

#: Customers 1, 2, … each with one account of the same number.
CUSTOMERS: Final = 1000
OPENING_CENTS: Final = 100_000
_TTL_S: Final = 3600.0
_SESSIONS: Final = 100_000
_STATEMENT: Final = 20


class Bank:
    """Routes below `/bank`. Money is in cents; a customer sees and moves only its own."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._customers: OrderedDict[int, int] = OrderedDict()
        self._balances = [OPENING_CENTS] * (CUSTOMERS + 1)
        self._entries: dict[int, deque[dict[str, int]]] = {}
        self._transfers = 0

    def add_to(self, router: Router) -> None:
        """Register all routes."""
        router.add("POST /bank/login", self.login)
        router.add("GET /bank/accounts/{id}", self.account)
        router.add("GET /bank/statements/{id}", self.statement)
        router.add("POST /bank/transfers", self.transfer)
        router.add("GET /bank/total", self.total)

    def login(self, call: Call) -> Answer:
        """Give a customer a token; any PIN will do."""
        customer = _customer(str(call.json().get("customer", "")))
        token = self._accounts.open(_TTL_S)
        session = self._accounts.session(f"Bearer {token.text}")
        if session is not None:
            self._customers[session] = customer
            if len(self._customers) > _SESSIONS:
                self._customers.popitem(last=False)
        return json_answer({"token": token.text, "account": customer})

    def account(self, call: Call) -> Answer:
        """Give the balance of the customer's account."""
        customer = _customer(call.param)
        return self._refused(call, customer) or json_answer({"account": customer, "cents": self._balances[customer]})

    def statement(self, call: Call) -> Answer:
        """Give the last entries of the customer's account, the newest first, and the balance after them."""
        customer = _customer(call.param)
        if refused := self._refused(call, customer):
            return refused
        entries = list(self._entries.get(customer, ()))[::-1]
        return json_answer({"account": customer, "cents": self._balances[customer], "entries": entries})

    def transfer(self, call: Call) -> Answer:
        """Move money from the customer's account to another; what is not there cannot be moved (409)."""
        order = call.json()
        source, target = _customer(str(order.get("from", ""))), _customer(str(order.get("to", "")))
        cents = whole(str(order.get("cents", "")), "cents", low=1, high=10**9)
        if refused := self._refused(call, source):
            return refused
        if self._balances[source] < cents:
            return problem(409, f"account {source} has less than {cents} cents")
        self._transfers += 1
        for account, change in ((source, -cents), (target, cents)):
            self._balances[account] += change
            self._entries.setdefault(account, deque(maxlen=_STATEMENT)).append({"transfer": self._transfers, "cents": change})
        return json_answer({"transfer": self._transfers, "cents": self._balances[source]}, status=201)

    def total(self, _call: Call) -> Answer:
        """Give the sum of all balances, which no transfer may change."""
        return json_answer({"cents": sum(self._balances[1:]), "opening": OPENING_CENTS * CUSTOMERS, "transfers": self._transfers})

    def _refused(self, call: Call, customer: int) -> Answer | None:
        session = self._accounts.session(call.headers.get("Authorization", ""))
        if session is None or session not in self._customers:
            return problem(401, "log in first", headers=(("WWW-Authenticate", "Bearer"),))
        return None if self._customers[session] == customer else problem(403, f"account {customer} is somebody else's")


def _customer(text: str) -> int:
    if not text:
        raise BadRequest("a customer is missing")
    return whole(text, "a customer", low=1, high=CUSTOMERS)
