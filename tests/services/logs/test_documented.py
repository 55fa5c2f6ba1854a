"""`docs/logs.md` shows what is written."""

import re

import pytest

from maid_lab.cli.log_options import LOG_SETTINGS
from maid_lab.engine.recording.exchange import KEPT_BYTES
from maid_lab.model.capture import CaptureOptions
from maid_lab.services.logs.fields import FIELDS, FLAGS, FORMATS
from tests.services.logs.examples import PAGE, examples, page_with
from tests.services.logs.parsing import entries


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_examples_are_what_is_written() -> None:
    assert page() == page_with(page(), examples()), "run python -m tests.services.logs.examples"


@pytest.mark.parametrize("kind", FIELDS)
def test_each_log_has_an_entry_in_each_format_with_all_fields(kind: str) -> None:
    section = re.search(rf"^### {kind}\n(.*?)(?=^### |\Z)", page(), re.MULTILINE | re.DOTALL)
    assert section is not None
    blocks = re.findall(r"^(\w+)\n\n```\w+\n(.*?)\n```$", section.group(1), re.MULTILINE | re.DOTALL)
    assert [format for format, _ in blocks] == list(FORMATS)
    for format, text in blocks:
        (entry,) = entries(kind, format, text)
        assert list(entry) == list(FIELDS[kind])


def test_each_field_and_flag_is_explained() -> None:
    table = page().partition("## Fields")[2].partition("## What capture costs")[0]
    assert {name for names in FIELDS.values() for name in names} <= set(re.findall(r"`(\w+)`", table))
    assert all(f"`{flag}`" in page() for flag in FLAGS.values())
    reference = (PAGE.parent / "command-line.md").read_text(encoding="utf-8")
    assert all(f"`--{name.replace('_', '-')}`" in reference and f"`{name}`" in reference for name in LOG_SETTINGS)


def test_the_limits_are_those_of_the_code() -> None:
    options = CaptureOptions()
    for words in (
        f"at most {options.max_bytes // 2**20} MiB", f"{options.body_bytes:,} characters are kept", f"the first {options.samples} failed exchanges",
        f"up to {KEPT_BYTES // 1024} KiB",
    ):  # fmt: skip
        assert words in page()
