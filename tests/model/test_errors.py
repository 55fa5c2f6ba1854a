import copy
import pickle

import pytest

from maid_lab.model.diagnostics import Diagnostic
from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, MaidError, Missing, Refused, TooMany, Unauthorized

FINDING = Diagnostic(code="E101", severity="error", message="'a' is not a key.", fix=({"op": "remove", "path": "/a"},))


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"),
    [
        (InvalidInput, "invalid-input", 2), (Refused, "refused", 3), (Conflict, "conflict", 4), (Missing, "missing", 2),
        (EngineFailure, "engine-failure", 4), (MaidError, "error", 4), (Unauthorized, "unauthorized", 3), (TooMany, "too-many", 3),
    ],
)  # fmt: skip
def test_each_error_has_its_code_and_survives_a_process_boundary(kind: type[MaidError], code: str, exit_code: int) -> None:
    error = kind("It is so.", hint="Do this.")
    for again in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert (again.message, again.hint, str(again), again.code, again.exit_code) == (
            "It is so.",
            "Do this.",
            "It is so. Do this.",
            code,
            exit_code,
        )


def test_diagnostics_travel_with_their_error() -> None:
    error = pickle.loads(pickle.dumps(InvalidInput("The recipe is wrong.", diagnostics=[FINDING])))
    assert error.diagnostics == (FINDING,)


def test_why_a_credential_was_refused_and_when_to_come_again_travel_but_are_not_in_the_message() -> None:
    refused = pickle.loads(pickle.dumps(Unauthorized("It is not valid.", reason="revoked key 1")))
    assert (refused.reason, str(refused)) == ("revoked key 1", "It is not valid.")
    assert pickle.loads(pickle.dumps(TooMany("Too many.", retry_after_s=7))).retry_after_s == 7


def test_an_error_without_a_hint_is_its_message() -> None:
    assert str(Missing("Run 3 is not there.")) == "Run 3 is not there."
