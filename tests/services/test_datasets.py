from pathlib import Path
from typing import Any

import polars as pl
import pytest

from maid_lab.model.planner import DataError
from maid_lab.model.recipe.target import DataSet
from maid_lab.services import datasets
from maid_lab.services.datasets import read_data


def read(folder: Path | None, path: str = "", **values: Any) -> tuple[dict[str, Any], ...]:
    given: dict[str, Any] = {"name": "set", **({"path": path} if path else {}), **values}
    rows, _ = read_data(DataSet(**given), path, folder)
    return rows


def refused(folder: Path | None, path: str = "", **values: Any) -> tuple[str, str]:
    with pytest.raises(DataError) as caught:
        read(folder, path, **values)
    return caught.value.code, str(caught.value)


def test_the_formats_give_the_same_rows(tmp_path: Path) -> None:
    wanted = ({"name": "Bern", "size": 134}, {"name": "Zürich", "size": 421})
    (tmp_path / "a.csv").write_bytes("\ufeffname,size\nBern,134\n\nZürich,421\n".encode())
    (tmp_path / "a.jsonl").write_text('{"name": "Bern", "size": 134}\n\n{"name": "Zürich", "size": 421}\n', encoding="utf-8")
    (tmp_path / "a.json").write_text('[{"name": "Bern", "size": 134}, {"name": "Zürich", "size": 421}]', encoding="utf-8")
    pl.DataFrame(list(wanted)).write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path, "a.csv", types={"size": "integer"}) == wanted
    assert [read(tmp_path, f"a.{kind}") for kind in ("jsonl", "json", "parquet")] == [wanted] * 3
    assert read(None, rows=list(wanted)) == wanted


def test_values_of_a_csv_file_are_text_unless_a_type_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1;2.5;true;007\n", encoding="utf-8")
    typed = {"a": "integer", "b": "number", "c": "boolean"}
    assert read(tmp_path, "a.txt", format="csv", delimiter=";", fields=["a", "b", "c", "d"], types=typed) == (
        {"a": 1, "b": 2.5, "c": True, "d": "007"},
    )


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n", encoding="utf-8")
    first = read_data(DataSet(name="set", path="a.csv"), "a.csv", tmp_path)[1]
    (tmp_path / "a.csv").write_text("a\n2\n", encoding="utf-8")
    assert first != read_data(DataSet(name="set", path="a.csv"), "a.csv", tmp_path)[1]
    assert read_data(DataSet(name="set", rows=[{"a": 1}]), "", None)[1] == ""


def test_dates_of_a_parquet_file_become_text(tmp_path: Path) -> None:
    pl.DataFrame({"day": ["2026-11-23"]}).with_columns(pl.col("day").str.to_date()).write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path, "a.parquet") == ({"day": "2026-11-23"},)


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("a.csv", "a,b\n1\n", "E306", "row 1 has 1 values, 2 are expected"), ("a.csv", "a,a\n1,2\n", "E306", "stands twice"),
        ("a.csv", "a\n", "E306", "no rows"),
        ("a.csv", "", "E306", "no rows"), ("a.json", '{"a": 1}', "E306", "not a list"), ("a.json", "[1]", "E306", "row 1 of set is not a mapping"),
        ("a.json", "[]", "E306", "no rows"), ("a.json", "[" * 100_000, "E306", "not valid json"), ("a.jsonl", "{", "E306", "not valid jsonl"),
        ("a.parquet", "no", "E306", "not valid parquet"), ("a.xml", "<a/>", "E306", "known format"), ("a.csv", "a\n\udcff", "E306", "not valid csv"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, name: str, content: str, code: str, message: str) -> None:
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    found = refused(tmp_path, name)
    assert found[0] == code
    assert message in found[1]


def test_a_value_of_the_wrong_type_is_named_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("size\n1\nx\n", encoding="utf-8")
    assert "row 2: size is 'x', not integer" in refused(tmp_path, "a.csv", types={"size": "integer"})[1]


def test_only_files_below_the_folder_of_the_recipe_are_read(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "recipes" / "link.csv").symlink_to(tmp_path / "secret.csv")
    for path in ("../secret.csv", str(tmp_path / "secret.csv"), "link.csv"):
        assert refused(tmp_path / "recipes", path)[0] == "E305"
    assert refused(None, "a.csv")[0] == "E305"
    assert refused(tmp_path / "recipes", "none.csv")[0] == "E306"
    assert refused(tmp_path, "recipes")[0] == "E306"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "MAX_BYTES", 3)
    (tmp_path / "a.csv").write_text("a\n1\n", encoding="utf-8")
    assert refused(tmp_path, "a.csv")[0] == "E402"
