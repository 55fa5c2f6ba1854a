import pytest

from maid_lab.server.idempotency import Answers, StoredAnswer
from maid_lab.server.problems import Fault

OWNER = ("key", "abc", "POST", "/run")
DONE = StoredAnswer(status=202, body=b"{}")


def test_the_second_request_gets_the_answer_of_the_first() -> None:
    answers = Answers()
    assert answers.begin(OWNER, "k", b"body") is None
    answers.end(OWNER, "k", DONE)
    assert answers.begin(OWNER, "k", b"body") == DONE


def test_while_the_first_is_carried_out_the_second_waits() -> None:
    answers = Answers()
    answers.begin(OWNER, "k", b"body")
    with pytest.raises(Fault) as caught:
        answers.begin(OWNER, "k", b"body")
    assert caught.value.http_status == 409


def test_a_request_that_failed_may_be_tried_again() -> None:
    answers = Answers()
    answers.begin(OWNER, "k", b"body")
    answers.end(OWNER, "k", None)
    assert answers.begin(OWNER, "k", b"another body") is None


def test_keys_of_one_owner_say_nothing_to_another() -> None:
    answers = Answers()
    answers.begin(OWNER, "k", b"body")
    assert answers.begin(("key", "other", "POST", "/run"), "k", b"body") is None


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_a_key_that_cannot_be_used_is_refused(key: str) -> None:
    with pytest.raises(Fault) as caught:
        Answers().begin(OWNER, key, b"")
    assert caught.value.http_status == 422


def test_answers_are_forgotten_after_a_day_and_beyond_their_number() -> None:
    now = [0.0]
    answers = Answers(clock=lambda: now[0])
    answers.begin(OWNER, "old", b"")
    answers.end(OWNER, "old", DONE)
    now[0] = 86_401.0
    assert answers.begin(OWNER, "old", b"") is None
    answers.end(OWNER, "old", DONE)
    for number in range(1100):
        answers.begin(OWNER, f"k{number}", b"")
        answers.end(OWNER, f"k{number}", DONE)
    assert answers.begin(OWNER, "old", b"") is None
