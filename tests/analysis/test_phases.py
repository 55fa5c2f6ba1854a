from maid_lab.analysis.phases import PhaseSpan, phases_of

LOG = [
    {"t_s": 0.0, "message": "load starts with 1 workers"},
    {"t_s": 0.1, "message": "phase increase", "event": "phase", "phase": "increase", "users": 0},
    {"t_s": 2.1, "message": "phase maintain", "event": "phase", "phase": "maintain", "users": 20},
    {"t_s": 3.0, "message": "changed: users 30 by anna", "event": "control", "change": {"users": 30}, "by": "anna"},
    {"t_s": 5.0, "message": "phase shutdown", "event": "phase", "phase": "shutdown", "users": 30},
    {"t_s": 5.4, "message": "run completed"},
]


def test_phases_follow_each_other_and_changes_stand_between_them() -> None:
    assert phases_of(LOG) == (
        PhaseSpan(what="increase", start_s=0.1, end_s=2.1, users_from=0, users_to=20),
        PhaseSpan(what="maintain", start_s=2.1, end_s=5.0, users_from=20, users_to=30),
        PhaseSpan(what="changed: users 30 by anna", start_s=3.0, end_s=3.0),
        PhaseSpan(what="shutdown", start_s=5.0, end_s=5.4, users_from=30, users_to=0),
    )
    assert phases_of(LOG)[0].to_json()["elapsed_s"] == 2.0


def test_a_log_without_phases_has_none() -> None:
    assert phases_of([]) == ()
    assert phases_of([{"message": "no time"}]) == ()
