from collections import Counter

from maid_lab.demo.shop.answer import Answer
from maid_lab.demo.shop.limited import Limited
from maid_lab.demo.shop.routing import Call


def asked(limited: Limited, *, key: str = "", query: str = "") -> Answer:
    return limited.answer(Call("GET", "/limited", "", query, {"X-Api-Key": key}, b""))


def test_no_second_has_more_answers_than_the_limit_once_the_bucket_is_empty() -> None:
    now = 0.0
    limited = Limited(lambda: now)
    statuses = Counter(asked(limited).status for _ in range(80))
    assert statuses == {200: 50, 429: 30}
    now = 1.0
    assert Counter(asked(limited).status for _ in range(80)) == {200: 50, 429: 30}


def test_who_waits_as_told_is_answered_and_keys_are_apart() -> None:
    now = 0.0
    limited = Limited(lambda: now)
    assert asked(limited, key="a", query="limit=1").status == 200
    refused = asked(limited, key="a", query="limit=1")
    assert (refused.status, dict(refused.headers)["Retry-After"]) == (429, "1")
    assert asked(limited, key="b", query="limit=1").status == 200
    now = 1.0
    assert asked(limited, key="a", query="limit=1").status == 200
