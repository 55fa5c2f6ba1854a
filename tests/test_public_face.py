"""The public face: what `import maid_lab` offers is a decision."""

import subprocess
import sys

import pytest

import maid_lab


def test_the_surface_is_as_decided() -> None:
    assert maid_lab.__all__ == [
        "Conflict", "EngineFailure", "FoundCapacity", "InvalidInput", "Lab", "MaidError", "Missing", "Plan", "Refused", "RequestFailed", "Run", "RunRecord",
        "Scenario", "User", "__version__", "data", "find_capacity", "run", "scenario", "test_start", "test_stop", "transaction",
    ]  # fmt: skip
    assert dir(maid_lab) == maid_lab.__all__


@pytest.mark.parametrize("name", maid_lab.__all__)
def test_every_name_is_there_and_comes_from_its_own_module(name: str) -> None:
    value = getattr(maid_lab, name)
    assert isinstance(value, str) or value.__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Lap'"):
        maid_lab.Lap  # noqa: B018


def test_names_are_imported_when_first_used() -> None:
    code = "import sys, maid_lab; before = 'maid_lab.lab' in sys.modules; maid_lab.Lab; print(before, 'maid_lab.lab' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
