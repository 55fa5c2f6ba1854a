"""`maid_lab.run`: from a script, from a cell, for functions and recipes, with the shop as target."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import maid_lab
from maid_lab import running
from maid_lab.demo.launch import DemoProcess
from maid_lab.model.errors import Conflict, InvalidInput, Missing
from tests.cli.recipes import write_recipe


@maid_lab.scenario(weight=2, think=(0.001, 0.002))
async def browse(user: maid_lab.User) -> None:
    """Look at the front page."""
    page = await user.get("/")
    user.check(page.status == 200, "front page")


async def search(user: maid_lab.User) -> None:
    await user.get("/search", params={"q": "tea"}, name="search")


async def shows(user: maid_lab.User) -> None:
    await user.get("/", name=f"{user.parameters['tea']} {user.session['token']}")


async def token(user: maid_lab.User) -> None:
    await user.get("/", name="token")
    user.session["token"] = "t1"


async def farewell(user: maid_lab.User) -> None:
    await user.get("/", name="farewell")


async def refuses(_user: maid_lab.User) -> None:
    raise ValueError("no token today")


@pytest.fixture(autouse=True)
def closed() -> Any:
    """End the labs of a test with it: each has a home folder of its own."""
    yield
    running._background.close()


@pytest.fixture
def target(shop: DemoProcess) -> DemoProcess:
    shop.calm()
    return shop


def counts(frame: pl.LazyFrame) -> dict[str, int]:
    return dict(frame.group_by("name").len().with_columns(pl.col("name").cast(pl.String)).collect().iter_rows())


def test_a_script_runs_functions(target: DemoProcess) -> None:
    run = maid_lab.run([browse, search], host=target.url, users=6, run_time="700ms", name="two", tags=["t"], thresholds=["error_rate < 1%"])
    assert not run.is_done
    record = run.wait(20)
    assert (record.id, record.status, record.verdict, record.name, record.tags) == (run.id, "completed", "pass", "two", ("t",))
    found = counts(run.requests)
    assert set(found) == {"GET /", "search"}
    assert sum(found.values()) == record.rows_count == target.stats()["served"]["total"] > 20
    assert run.iterations.collect().height == record.rows_count
    assert record.recipe_id == "browse"
    assert repr(run) == f"<run {run.id}: completed, {record.rows_count} requests, 0 failed>"
    assert run.summary["requests"]


async def test_a_cell_goes_on_while_the_run_lives(target: DemoProcess) -> None:
    run = maid_lab.run(search, host=target.url, users=2, run_time="20s")
    while run.status["requests"] < 20:
        await asyncio.sleep(0.02)
    assert run.requests.collect().height > 0
    assert run.control(users=4)["users"] == 4
    with pytest.raises(Conflict, match=run.id):
        maid_lab.run(search, host=target.url)
    with pytest.raises(InvalidInput, match="there is no 'userz' to change"):
        run.control(userz=3)
    run.stop("enough")
    record = await asyncio.wait_for(run, 10)
    assert (record.status, record.reason) == ("stopped", "enough")
    assert record.rows_count == target.stats()["served"]["total"]
    run.stop()
    with pytest.raises(Missing, match="is over"):
        run.control(users=1)


def test_lambdas_and_inner_functions_travel(target: DemoProcess) -> None:
    paths = ["/", "/search?q=tea"]

    async def inner(user: Any) -> None:
        for path in paths:
            await user.get(path)

    record = maid_lab.run(inner, host=target.url, iterations=3, users=2, wait=True).record
    assert (record.status, record.rows_count) == ("completed", 12)


def test_hooks_run_once_and_give_their_session(target: DemoProcess) -> None:
    run = maid_lab.run(
        shows, host=target.url, users=3, iterations=2, parameters={"tea": "green"}, test_start=token, test_stop=farewell, wait=True
    )
    assert run.record.status == "completed", run.record.reason
    assert counts(run.requests) == {"token": 1, "farewell": 1, "green t1": 6}
    sections = run.requests.filter(pl.col("name").cast(pl.String) == "token").collect()["section"].to_list()
    assert sections == ["setup"]


def test_a_hook_that_fails_keeps_the_test_from_beginning(target: DemoProcess) -> None:
    run = maid_lab.run(shows, host=target.url, test_start=refuses, wait=True)
    assert (run.record.status, run.record.reason) == ("failed", "setup failed: ValueError: no token today")
    assert target.stats()["served"]["total"] == 0


def test_a_recipe_with_another_load(tmp_path: Path, target: DemoProcess) -> None:
    recipe = write_recipe(tmp_path, target.url)
    run = maid_lab.run(recipe, load={"profile": "iterations", "users": 2, "iterations": 3}, thresholds=["count < 1"], wait=True)
    assert (run.record.status, run.record.verdict) == ("completed", "fail")
    assert run.iterations.collect().height == 6
    assert run.events.collect().is_empty()


def test_the_code_on_the_page_about_streams_runs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "streams.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    (row,) = names["table"].rows(named=True)
    events, requests = names["run"].events.collect(), names["run"].requests.collect()
    assert (row["name"], row["messages"]) == ("completion", events.height - requests.height)
    assert (requests.height, events.height) == (12, requests["messages_in"].sum())
    assert 0 < row["p50"] <= row["p95"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": 3}, "3 cannot be run"),
        ({"target": [search, 3]}, "cannot be run"),
        ({"target": len}, "is an async function of a user, len is not one"),
        ({"target": [search, search]}, "two scenarios have the name 'search'"),
        ({"target": search, "userz": 3}, "run has no option 'userz'. Did you mean users?"),
        ({"target": search, "users": -1}, "has 1 errors"),
        ({"target": search, "load": {"profile": "nothing"}}, "errors"),
        ({"target": search, "preset": "x"}, "are for recipes"),
        ({"target": "hello", "test_start": token}, "are for functions"),
    ],
)
def test_what_cannot_be_run_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        maid_lab.run(options.pop("target"), host="http://127.0.0.1:1", **options)
    assert said in str(caught.value)


SCRIPT = """
    import asyncio
    import maid_lab

    GREETING = "/search?q=hello"

    @maid_lab.transaction(name="look")
    async def look(user):
        await user.get(GREETING, name="greeting")

    @maid_lab.scenario(name="visitor")
    async def visits(user):
        await look(user)
        await asyncio.sleep(0.001)

    @maid_lab.test_start
    async def begin(user):
        await user.get("/", name="begin")

    if __name__ == "__main__":
        run = maid_lab.run(visits, host="{url}", users=2, iterations=5)
        print(run.wait().status, run.requests.collect().height, run.transactions.collect().height)
        maid_lab.run(visits, host="{url}", users=2, run_time="60s")
"""


def test_a_script_whose_functions_are_in_main(tmp_path: Path, target: DemoProcess) -> None:
    script = tmp_path / "visits.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("{url}", target.url))
    began = time.monotonic()
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["completed", "11", "10"], "")
    # The second run is ended with the program.
    assert time.monotonic() - began < 30


def test_the_command_runs_a_file(tmp_path: Path, target: DemoProcess) -> None:
    script = tmp_path / "visits.py"
    script.write_text(textwrap.dedent(SCRIPT))
    for reference, name in ((str(script), "visitor"), (f"{script}:look", "look")):
        target.calm()
        words = [
            sys.executable,
            "-m",
            "maid_lab",
            "run",
            reference,
            "--host",
            target.url,
            "--users",
            "2",
            "--iterations",
            "4",
            "--json",
            "--quiet",
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert f'"name": "{name}"' in done.stdout
        assert target.stats()["served"]["total"] == 9


@pytest.mark.parametrize(
    ("text", "reference", "said"),
    [
        ("x = 1\n", "{}", "has no scenario. Mark an async function"),
        ("x = 1\n", "{}:y", "has no function 'y'"),
        ("x = 1\n", "{}:x", "is an async function of a user, 1 is not one"),
        ("import nothing_such\n", "{}", "cannot be imported: ModuleNotFoundError: No module named 'nothing_such'"),
        ("def f(user):\n    pass\n", "{}:f", "is an async function of a user, f is not one"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_file(text: str, reference: str, said: str, tmp_path: Path) -> None:
    script = tmp_path / "wrong.py"
    script.write_text(text)
    words = [sys.executable, "-m", "maid_lab", "run", reference.format(script), "--host", "http://127.0.0.1:1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
