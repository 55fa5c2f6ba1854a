"""The page on scenarios in Python: its examples run, and it names what there is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import maid_lab
from maid_lab import running
from maid_lab.demo.launch import DemoProcess
from maid_lab.engine.python.face import RequestOptions, User

PAGE: Final = (Path(__file__).parent.parent / "docs" / "python-scenarios.md").read_text(encoding="utf-8")


@pytest.fixture
def closed() -> Iterator[None]:
    yield
    running._background.close()


def test_the_examples_run(shop: DemoProcess, closed: None) -> None:
    shop.calm()
    names: dict[str, Any] = {"HOST": shop.url, "__name__": "__main__"}
    runs = 0
    for example in re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL):
        names.pop("run", None)
        exec(compile(example, "python-scenarios.md", "exec"), names)
        run = names["run"]
        assert (run.record.status, run.record.failed_requests) == ("completed", 0), run.record.reason
        assert {str(word) for word in run.iterations.collect()["outcome"]} == {"ok"}
        runs += 1
    assert runs == 7


def test_each_option_of_run_is_on_the_page() -> None:
    options = {*inspect.signature(maid_lab.run).parameters, *running._OVERRIDES} - {"target", "changes"}
    assert [option for option in sorted(options) if f"`{option}`" not in PAGE] == []


def test_each_keyword_of_a_request_is_on_the_page() -> None:
    assert [key for key in RequestOptions.__annotations__ if f"`{key}`" not in PAGE] == []


def test_what_a_user_can_do_is_on_the_page() -> None:
    public = [name for name in vars(User) if not name.startswith("_")]
    missing = [name for name in public if not re.search(rf"`(?:user\.)?{name}\b", PAGE)]
    assert missing == []


def test_what_a_run_can_do_is_on_the_page() -> None:
    public = [name for name in vars(maid_lab.Run) if not name.startswith("_")]
    assert [name for name in public if f"run.{name}" not in PAGE] == ["is_done"]
