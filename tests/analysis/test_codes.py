from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from maid_lab.analysis.codes import agreeing, codes_of

COLUMNS = {
    "enum": pl.Series(["b", "a", None, "b", "a"], dtype=pl.Enum(["a", "b", "c"])),
    "text": pl.Series(["b", "a", None, "b", "a"]),
    "categories": pl.Series(["b", "a", None, "b", "a"], dtype=pl.Categorical),
    "truth": pl.Series([True, False, False, True, False]),
    "status": pl.Series([500, 200, -1, 500, 200], dtype=pl.Int16),
    "sparse": pl.Series([2**40, 0, -5, 2**40, 0]),
    "unknown": pl.Series([7, 8, None, 7, 8], dtype=pl.Int16),
    "single": pl.Series(["x"] * 5, dtype=pl.Enum(["x"])),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_same_values_have_the_same_number_and_others_have_another(name: str) -> None:
    values = COLUMNS[name].to_list()
    codes, size = codes_of(COLUMNS[name])
    assert all(0 <= code < size for code in codes.tolist())
    for one, two in combinations(range(len(values)), 2):
        assert (codes[one] == codes[two]) == (values[one] == values[two])


def test_nothing_and_nulls_alone_have_numbers_too() -> None:
    for kind in (pl.Enum(["a"]), pl.Enum([]), pl.String, pl.Int16, pl.Boolean):
        assert len(codes_of(pl.Series([], dtype=kind))[0]) == 0
        codes, size = codes_of(pl.Series([None, None], dtype=kind))
        assert codes[0] == codes[1] < size


@pytest.mark.parametrize("spread", [3, 300, 70_000])
def test_rows_that_agree_in_all_columns_have_one_number_however_many_values_there_are(spread: int) -> None:
    rng = np.random.default_rng(spread)
    table = pl.DataFrame({name: rng.integers(0, spread, 5_000) for name in "abcd"})
    table = pl.concat([table, table.sample(fraction=0.5, seed=1)])

    codes, size = agreeing(table.get_columns())

    assert codes.max() < size
    groups = (
        table.with_columns(code=pl.Series(codes))
        .group_by("a", "b", "c", "d")
        .agg(pl.col("code").n_unique(), pl.col("code").first().alias("one"))
    )
    assert groups["code"].max() == 1
    assert groups["one"].n_unique() == len(groups)
