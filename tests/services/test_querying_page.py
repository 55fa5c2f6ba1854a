"""The examples of docs/querying.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maid_lab.model.errors import Missing
from maid_lab.services.catalogue import opened
from maid_lab.services.comparing import compare_references, compare_runs
from maid_lab.services.console import Console
from maid_lab.services.history import History
from maid_lab.services.results.rows import rows_asked
from tests.services.results.runs import finished_run

PAGE = (Path(__file__).parents[2] / "docs" / "querying.md").read_text(encoding="utf-8")


def examples(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


async def test_each_example_gives_rows(tmp_path: Path) -> None:
    record = finished_run(tmp_path)[0]
    with opened(tmp_path) as store:
        store.runs.save(record)
    assert len(examples("sql")) == 3
    for sql in examples("sql"):
        assert len((await Console(tmp_path).ask(sql, runs=[record.id])).frame) > 0
    assert len(examples("where")) == 2
    for where in examples("where"):
        assert set(rows_asked(tmp_path, record.id, where=where).collect().columns) >= {"name", "status"}


async def test_two_runs_are_compared_by_id_but_no_file_is_read_for_who_may_name_runs_only(tmp_path: Path) -> None:
    records = [finished_run(tmp_path, tags=(tag,))[0] for tag in ("one", "two")]
    with opened(tmp_path) as store:
        for record in records:
            store.runs.save(record)
    history = History(tmp_path)
    found = (await compare_runs(history, records[0].id, "two")).to_json()
    assert found == (await compare_references(history, "one", records[1].id)).to_json()
    assert (found["verdict"], found["intervals"]) == ("same", True)
    report = tmp_path / "base.json"
    report.write_text("{}", encoding="utf-8")
    with pytest.raises(Missing):
        await compare_runs(history, str(report), "two")
