"""`maid_lab.run` with lists: functions and recipes together, with weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import maid_lab
from maid_lab import running
from maid_lab.demo.launch import DemoProcess
from maid_lab.model.errors import InvalidInput, Missing

RECIPE = """\
schema: maid.recipe/v1
id: {name}
title: Recipe {name}
description: Part of a mix.
target: {{base_url: "{url}"{rest}}}
load: {{users: 100, run_time: 1h}}
parameters: [{{key: word, type: string, default: tea}}]
data: [{{name: {name}-rows, path: rows.csv}}]
scenarios:
  - {{name: {name}-a, weight: 3, data: {name}-rows, steps: [{{get: "/?q={{{{ params.word }}}}&n={{{{ row.n }}}}", name: {name} a}}]}}
  - {{name: {name}-b, steps: [{{get: /, name: {name} b}}]}}
thresholds: ["count(*) >= 24"]
{more}
"""


@pytest.fixture(autouse=True)
def closed() -> Any:
    """End the labs of a test with it."""
    yield
    running._background.close()


@pytest.fixture
def target(shop: DemoProcess) -> DemoProcess:
    shop.calm()
    return shop


def written(folder: Path, url: str, name: str, *, rest: str = "", more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "rows.csv").write_text("n\n1\n2\n")
    path = folder / f"{name}.yaml"
    path.write_text(RECIPE.format(name=name, url=url, rest=rest, more=more))
    return path


async def plain(user: Any) -> None:
    await user.get("/", name=user.parameters.get("own", "plain"))


async def other(user: Any) -> None:
    await user.get("/", name="other")


def users_of(run: maid_lab.Run) -> dict[str, int]:
    rows = run.iterations.collect().group_by(pl.col("scenario").cast(pl.String)).agg(pl.col("user").n_unique()).rows()
    return dict(rows)


ONCE = {"profile": "iterations", "users": 24, "iterations": 1}


def test_functions_and_recipes_share_the_users_by_weight(target: DemoProcess, tmp_path: Path) -> None:
    one, two = written(tmp_path, target.url, "one"), written(tmp_path, target.url.replace("127.0.0.1", "localhost"), "two")
    run = maid_lab.run(
        [plain, (other, 3), (one, 4), two], load=ONCE, parameters={"own": "mine"}, wait=True, name="mix",
    )  # fmt: skip
    assert (run.record.status, run.record.verdict, run.record.failed_requests) == ("completed", "pass", 0), run.record.reason
    # Of twelve parts: 1, 3, 4 divided by 3 to 1, and the own weights 3 and 1.
    assert users_of(run) == {"plain": 2, "other": 6, "one-a": 6, "one-b": 2, "two-a": 6, "two-b": 2}
    assert {str(name) for name in run.requests.collect()["name"]} == {"mine", "other", "one a", "one b", "two a", "two b"}
    assert target.stats()["served"]["total"] == 24


def test_functions_alone_get_weights_too(target: DemoProcess) -> None:
    run = maid_lab.run([(plain, 2), other], host=target.url, load={"profile": "iterations", "users": 9, "iterations": 1}, wait=True)
    assert users_of(run) == {"plain": 6, "other": 3}


def test_recipes_alone_and_a_host_for_all(target: DemoProcess, tmp_path: Path) -> None:
    one, two = written(tmp_path, "http://127.0.0.1:1", "one"), written(tmp_path, "http://127.0.0.1:2", "two")
    run = maid_lab.run([one, two], host=target.url, load=ONCE, parameters={"word": "cup"}, wait=True)
    assert (run.record.status, run.record.failed_requests, run.record.total_requests) == ("completed", 0, 24)


def test_what_does_not_go_together_is_refused(target: DemoProcess, tmp_path: Path) -> None:
    one = written(tmp_path, target.url, "one")
    told = written(tmp_path, target.url, "told", rest=", defaults: {headers: {X-Key: a}}")
    limited, unlimited = (written(tmp_path, target.url, f"l{n}", more=f"limits: {{max_requests: {n}}}") for n in (5, 6))
    elsewhere = written(tmp_path / "elsewhere", target.url, "far")
    broken = tmp_path / "broken.yaml"
    broken.write_text("schema: maid.recipe/v1\nid: broken\n")
    for targets, kind, said in (
        ([plain, one, told], InvalidInput, "different things of their targets"),
        ([plain, limited, unlimited], InvalidInput, "limits"),
        ([plain, one, elsewhere], InvalidInput, "files of another folder"),
        ([plain, one, one], InvalidInput, "'one-a'"),
        ([plain, broken], InvalidInput, "broken.yaml has"),
        ([plain, (one, 0)], InvalidInput, "weight 0"),
        ([plain, 3], InvalidInput, "3 cannot be run"),
        ([plain, "no-such-recipe"], Missing, "no-such-recipe"),
    ):
        with pytest.raises(kind, match=said):
            maid_lab.run(targets, load=ONCE)
