from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from maid_lab.model.errors import InvalidInput
from maid_lab.services.library import RecipeLibrary
from maid_lab.services.planning import Planned, Planner
from maid_lab.services.settings import load_settings
from maid_lab.services.tables import rows_of_table

RECIPE = """
schema: maid.recipe/v1
id: small
title: Small
description: One request.
target: {base_url: "http://127.0.0.1:9"}
load: {users: 2, run_time: 5s}
data:
  - {name: customers, path: data/missing.csv, order: shuffle}
  - {name: terms, rows: [{q: lamp}]}
scenarios:
  - name: one
    data: customers
    steps: [{get: "/{{ row.email }}?q={{ data.terms.q }}"}]
"""
FRAME = pl.DataFrame({"email": ["a@x", "b@x"], "since": [date(2026, 11, 23), date(2020, 1, 1)]})
ROWS = ({"email": "a@x", "since": "2026-11-23"}, {"email": "b@x", "since": "2020-01-01"})


def planned(home: Path, data: dict[str, Any]) -> Planned:
    return Planner(RecipeLibrary(home), load_settings(home), {}).plan(RECIPE, {}, {}, data=data)


@pytest.mark.parametrize(
    "table",
    [
        lambda: FRAME, FRAME.lazy, lambda: pytest.importorskip("pyarrow") and FRAME.to_arrow(), FRAME.to_dicts, lambda: iter(FRAME.to_dicts()),
        lambda: pytest.importorskip("pandas").DataFrame(FRAME.to_dicts()),
    ],
    ids=["polars", "lazy", "arrow", "list", "iterator", "pandas"],
)  # fmt: skip
def test_any_table_gives_the_same_rows(table: Callable[[], Any]) -> None:
    assert rows_of_table(table(), name="customers") == ROWS


def test_a_table_takes_the_place_of_a_file_and_the_rules_stay(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"customers": FRAME}).plan
    customers, terms = plan.data
    assert (customers.rows, customers.order, terms.rows) == (ROWS, "shuffle", ({"q": "lamp"},))
    assert planned(tmp_path, {"customers": FRAME.head(1)}).plan.data[0].sha256 != customers.sha256


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"customer": FRAME}, "there is no data set 'customer' in the recipe."),
        ({"customers": 7}, "data for the set 'customers' is a int, not a table."),
        ({"customers": "a,b"}, "data for the set 'customers' is a str, not a table."),
        ({"customers": FRAME.clear()}, "data for the set 'customers' has no rows."),
        ({"customers": [{"a": 1}, 2]}, "data for the set 'customers': row 2 is a int, not a mapping."),
    ],
)
def test_what_is_no_table_is_refused_by_name(data: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        planned(tmp_path, data)
    assert caught.value.message == message
    assert caught.value.hint
