"""A small social network: a timeline, posts, likes and comments."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from maid_lab.demo.shop.answer import Answer, json_answer, problem
from maid_lab.demo.shop.routing import BadRequest

if TYPE_CHECKING:
    from maid_lab.demo.shop.routing import Call, Router

__all__ = ["Social"]

_FIRST: Final = 50
_KEPT: Final = 10_000
_PAGE: Final = 20
_LONGEST: Final = 280
_COMMENTS: Final = 100


class Social:
    """Routes below `/social`. The newest posts are kept; who looks at the timeline sees the last twenty."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._posts: OrderedDict[str, dict[str, Any]] = OrderedDict()
        for _ in range(_FIRST):
            self._publish("the shop", "A lamp, a chair, a desk.")
        self._timeline: Answer | None = None

    def add_to(self, router: Router) -> None:
        """Register all routes."""
        router.add("GET /social/timeline", self.timeline)
        router.add("POST /social/posts", self.publish)
        router.add("GET /social/posts/{id}", self.post)
        router.add("POST /social/likes/{id}", self.like)
        router.add("POST /social/comments/{id}", self.comment)

    def timeline(self, _call: Call) -> Answer:
        """Give the newest posts without their comments."""
        if self._timeline is None:
            newest = itertools.islice(reversed(self._posts.values()), _PAGE)
            self._timeline = json_answer({"posts": [_brief(post) for post in newest]})
        return self._timeline

    def publish(self, call: Call) -> Answer:
        """Write a post."""
        content = call.json()
        post = self._publish(_text(content, "author"), _text(content, "text"))
        return json_answer(_brief(post), status=201, headers=(("Location", f"/social/posts/{post['id']}"),))

    def post(self, call: Call) -> Answer:
        """Give one post with its comments."""
        post = self._posts.get(call.param)
        return _missing(call) if post is None else json_answer(post)

    def like(self, call: Call) -> Answer:
        """Like a post."""
        post = self._posts.get(call.param)
        if post is None:
            return _missing(call)
        post["likes"] += 1
        self._timeline = None
        return json_answer({"id": post["id"], "likes": post["likes"]})

    def comment(self, call: Call) -> Answer:
        """Comment on a post; the oldest comments make room."""
        post = self._posts.get(call.param)
        if post is None:
            return _missing(call)
        content = call.json()
        post["comments"].append({"author": _text(content, "author"), "text": _text(content, "text")})
        del post["comments"][:-_COMMENTS]
        return json_answer({"id": post["id"], "comments": len(post["comments"])}, status=201)

    def _publish(self, author: str, text: str) -> dict[str, Any]:
        key = next(self._ids)
        post = self._posts[str(key)] = {"id": key, "author": author, "text": text, "likes": 0, "comments": []}
        if len(self._posts) > _KEPT:
            self._posts.popitem(last=False)
        self._timeline = None
        return post


def _brief(post: dict[str, Any]) -> dict[str, Any]:
    return {key: post[key] for key in ("id", "author", "text", "likes")}


def _text(content: dict[str, Any], field: str) -> str:
    value = content.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise BadRequest(f"{field} must be a text of 1 to {_LONGEST} characters")
    return value


def _missing(call: Call) -> Answer:
    return problem(404, f"there is no post {call.param!r}")
