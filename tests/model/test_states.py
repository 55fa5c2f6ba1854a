import pytest

from maid_lab.model.states import FINAL_STATES, RunStatus, next_status

P, R, S, C, F, X = RunStatus.PENDING, RunStatus.RUNNING, RunStatus.STOPPING, RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.STOPPED
MOVES = {
    (P, "start"): R, (P, "stop"): X, (P, "fail"): F, (R, "stop"): S, (R, "finish"): C, (R, "fail"): F, (S, "stop"): S, (S, "finish"): X, (S, "fail"): F,
}  # fmt: skip


@pytest.mark.parametrize("status", RunStatus)
@pytest.mark.parametrize("event", ["start", "stop", "finish", "fail", "explode"])
def test_each_event_moves_a_run_or_is_refused(status: RunStatus, event: str) -> None:
    if (status, event) in MOVES:
        assert next_status(status, event) is MOVES[status, event]
    else:
        with pytest.raises(ValueError, match=f"a run that is {status} cannot {event}"):
            next_status(status, event)


def test_nothing_leads_out_of_the_final_states() -> None:
    assert frozenset({C, F, X}) == FINAL_STATES
    assert not {status for status, _ in MOVES} & FINAL_STATES
