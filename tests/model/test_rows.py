import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model import rows
from maid_lab.model.rows import Outcome, Phase, pack_flags


def test_the_records_are_as_wide_as_their_fields() -> None:
    for fields, record in ((rows.RECORD_FIELDS, rows.RECORD), (rows.EXTENSION_FIELDS, rows.EXTENSION)):
        assert record.size == sum(int(kind.lstrip("<")[1:]) for _, kind in fields) == rows.RECORD_SIZE == 48


def test_the_flags_of_a_record_and_its_extension_stand_in_the_same_place() -> None:
    record = rows.RECORD.pack(*[0] * 12, 0xBEEF)
    extension = rows.EXTENSION.pack(0, 0, 0, 0, 0, 0, 0xBEEF)
    assert record[-2:] == extension[-2:] == b"\xef\xbe"


@given(st.sampled_from(Outcome), st.sampled_from(Phase), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 300))
def test_flags_hold_each_of_their_parts(
    outcome: Outcome, phase: Phase, reused: bool, redirected: bool, extended: bool, attempt: int
) -> None:
    flags = pack_flags(outcome, phase=phase, reused=reused, redirected=redirected, extended=extended, attempt=attempt)
    assert 0 <= flags < 2**16
    assert Outcome(flags & rows.FLAG_OUTCOME) is outcome
    assert Phase(flags >> rows.FLAG_PHASE_SHIFT & 3) is phase
    found = [bool(flags & bit) for bit in (rows.FLAG_REUSED, rows.FLAG_REDIRECTED, rows.FLAG_EXTENDED)]
    assert (found, flags >> rows.FLAG_ATTEMPT_SHIFT) == ([reused, redirected, extended], min(attempt, 127))


def test_no_outcome_is_the_mark_of_an_extension() -> None:
    assert rows.EXTENSION_MARK not in list(Outcome)


@pytest.mark.parametrize("outcome", Outcome)
def test_what_was_never_sent_is_no_sent_row(outcome: Outcome) -> None:
    assert outcome.is_sent is (outcome.word not in ("dropped", "unsent", "aborted"))


def test_labels_of_the_engine_are_a_kind_of_their_own() -> None:
    assert (rows.KINDS[-1], rows.USERS_LABEL, [phase.word for phase in Phase]) == ("users", 0, ["increase", "maintain", "decrease"])
