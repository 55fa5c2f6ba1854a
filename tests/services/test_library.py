from pathlib import Path

import pytest

from maid_lab.model.errors import Missing
from maid_lab.services.library import RecipeLibrary, RecipeSource


@pytest.fixture
def library(tmp_path: Path) -> RecipeLibrary:
    for name in ("shipped/rest-api.yaml", "shipped/spike.yaml", "home/recipes/spike@1.2.0.yaml", "home/recipes/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id: x\n")
    return RecipeLibrary(tmp_path / "home", tmp_path / "shipped")


def test_a_persons_recipe_hides_the_built_in_one(library: RecipeLibrary, tmp_path: Path) -> None:
    assert library.sources() == (
        RecipeSource(origin="builtin", path=tmp_path / "shipped/rest-api.yaml"),
        RecipeSource(origin="user", path=tmp_path / "home/recipes/spike@1.2.0.yaml"),
    )
    assert [source.name for source in library.sources()] == ["rest-api", "spike"]


def test_a_recipe_is_found_by_id_path_and_text(library: RecipeLibrary, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped/rest-api.yaml"
    assert library.find("rest-api") == RecipeSource(origin="builtin", path=shipped)
    assert library.find(str(shipped)) == RecipeSource(origin="file", path=shipped)
    assert library.find("id: y\n") == RecipeSource(origin="text", text="id: y\n")


def test_an_unknown_id_is_answered_with_the_nearest(library: RecipeLibrary) -> None:
    with pytest.raises(Missing, match=r"there is no recipe 'rest-apo'\. Did you mean rest-api\?"):
        library.find("rest-apo")


def test_an_id_like_no_other_is_answered_with_the_way_to_the_list(library: RecipeLibrary) -> None:
    with pytest.raises(Missing, match="maid recipes list"):
        library.find("zzz")


def test_a_missing_file_is_answered_with_its_neighbours(library: RecipeLibrary, tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"Did you mean spike\.yaml"):
        library.find(str(tmp_path / "shipped/spikes.yaml"))
