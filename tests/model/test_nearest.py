from maid_lab.model.nearest import did_you_mean, nearest


def test_the_nearest_word_is_found_whatever_its_case() -> None:
    assert nearest("Tresholds", ["thresholds", "target"]) == "thresholds"


def test_a_word_like_none_has_no_nearest() -> None:
    assert nearest("xyz", ["thresholds", "target"]) == ""


def test_the_hint_names_the_nearest_or_all_that_are_known() -> None:
    assert did_you_mean("tresholds", ["thresholds", "target"]) == "Did you mean thresholds?"
    assert did_you_mean("xyz", ["thresholds", "target"]) == "Known here: target, thresholds."
    assert did_you_mean("xyz", []) == ""
