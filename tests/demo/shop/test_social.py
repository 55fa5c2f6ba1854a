from __future__ import annotations

from typing import TYPE_CHECKING

from tests.demo.client import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., Reply]


def test_a_post_stands_on_top_of_the_timeline_with_its_likes(ask: Ask) -> None:
    assert len(ask("GET", "/social/timeline").json["posts"]) == 20
    posted = ask("POST", "/social/posts", {"author": "ada", "text": "hello"})
    key = posted.json["id"]
    assert (posted.status, posted.headers["location"]) == (201, f"/social/posts/{key}")
    assert ask("POST", f"/social/likes/{key}").json == {"id": key, "likes": 1}
    assert ask("POST", f"/social/comments/{key}", {"author": "bob", "text": "hi"}).json == {"id": key, "comments": 1}
    assert ask("GET", "/social/timeline").json["posts"][0] == {"id": key, "author": "ada", "text": "hello", "likes": 1}
    assert ask("GET", f"/social/posts/{key}").json["comments"] == [{"author": "bob", "text": "hi"}]


def test_what_is_wrong_is_said(ask: Ask) -> None:
    assert ask("POST", "/social/posts", {"author": "ada"}).status == 400
    assert ask("POST", "/social/posts", {"author": "ada", "text": "x" * 281}).status == 400
    assert {ask(*request).status for request in (("GET", "/social/posts/0"), ("POST", "/social/likes/0"))} == {404}
