"""Work done on two threads ahead of the one that wants its results: numpy and polars let go of the interpreter while they compute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["ahead"]

#: Results made ahead of the one that is asked for, so that memory stays bounded.
_HELD: Final = 3
_THREADS: Final = 2

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `work` of each item in their order; three results are made ahead at most.

    Items are taken in the thread that asks, so that whatever yields them need not be safe for threads. An error of `work` is raised where its
    result would have come.
    """
    with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="rows") as pool:
        begun: deque[Future[Result]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) > _HELD:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
