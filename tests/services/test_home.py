import os
from pathlib import Path

import pytest

from maid_lab.model.errors import Refused
from maid_lab.services.home import home_folder, open_home

posix = pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")


def test_maid_home_wins() -> None:
    assert home_folder({"MAID_HOME": "/data/maid", "JUPYTER_DATA_DIR": "/j"}) == Path("/data/maid")


def test_without_it_the_home_is_in_the_jupyter_data_folder() -> None:
    assert home_folder({"JUPYTER_DATA_DIR": "/j"}) == Path("/j/maid")
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert home_folder({"XDG_DATA_HOME": "/x"}) == Path("/x/jupyter/maid")


@posix
def test_the_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    home = open_home(tmp_path / "a" / "maid")
    assert home.stat().st_mode & 0o777 == 0o700


@posix
def test_an_empty_open_folder_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@posix
def test_a_used_open_folder_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    (tmp_path / "maid.duckdb").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(Refused, match=f"open to other users.*chmod 700 {tmp_path}"):
        open_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="MAID_HOME"):
        open_home(tmp_path / "file")
