import io
from typing import Any

import pytest

from maid_lab.cli.progress import LineDisplay, RichDisplay, SilentDisplay, display_for, line
from maid_lab.model.snapshot import LiveStatus, NameStats
from maid_lab.services.bus import LOGS, METRICS, STATUS


def stats(name: str = "GET /", **changes: Any) -> NameStats:
    base: NameStats = {
        "name": name, "scenario": "s", "transaction": "", "kind": "http", "count": 1200, "failures": 0, "rate_per_s": 100.0,
        "p50_ms": 1.0, "p95_ms": 12.34, "p99_ms": 20.0, "max_ms": 31.0,
    }  # fmt: skip
    return base | changes  # type: ignore[return-value]


def live(**changes: Any) -> LiveStatus:
    base: LiveStatus = {
        "run_id": "r1", "title": "Hello", "status": "running", "phase": "maintain", "reason": "", "elapsed_s": 12.0, "duration_s": 30.0,
        "users": 20, "planned_level": 20.0, "planned_unit": "users", "in_flight": 3, "requests": 1200, "failures": 0, "dropped": 0,
        "rows": 1300, "rate_per_s": 100.0, "bytes_in_per_s": 0.0, "latency": "service time", "p50_ms": 1.0, "p95_ms": 12.34, "p99_ms": 20.0,
        "names": [stats()], "errors": [], "workers": [], "generator_bound_s": 0,
    }  # fmt: skip
    return base | changes  # type: ignore[return-value]


class Ticks:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_has_what_matters() -> None:
    assert line(live()) == "00:12/00:30 | running maintain | users 20 | rate 100/s | requests 1,200 | errors 0 | p95 12.3 ms"
    assert line(live(dropped=2, generator_bound_s=1)).endswith("| dropped 2 | generator-bound 1 s")


def test_there_is_one_line_a_second() -> None:
    stream, ticks = io.StringIO(), Ticks()
    display = LineDisplay(stream, clock=ticks)
    display.open()
    for tenth in range(21):
        ticks.now = tenth / 10
        display(METRICS, live(elapsed_s=ticks.now))
    display.close()
    assert [text[:5] for text in stream.getvalue().splitlines()] == ["00:00", "00:01", "00:02"]


@pytest.mark.parametrize(
    ("verbose", "told"),
    [(0, ["error: e", "warning: w"]), (1, ["error: e", "warning: w", "info: i"]), (2, ["error: e", "warning: w", "info: i", "debug: d"])],
)
def test_log_lines_are_told_by_level(verbose: int, told: list[str]) -> None:
    stream = io.StringIO()
    display = LineDisplay(stream, verbose=verbose)
    for level in ("error", "warning", "info", "debug"):
        display(LOGS, {"t_s": 0, "level": level, "source": "x", "message": level[0]})
    assert stream.getvalue().splitlines() == told


def test_the_display_fits_the_stream() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(display_for(Terminal(), quiet=False, verbose=0), RichDisplay)
    assert isinstance(display_for(io.StringIO(), quiet=False, verbose=0), LineDisplay)
    assert isinstance(display_for(Terminal(), quiet=True, verbose=0), SilentDisplay)


def picture(display: RichDisplay, state: LiveStatus) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=120)
    with console.capture() as captured:
        console.print(display.picture(state))
    return captured.get()


def rich_display() -> RichDisplay:
    from rich.console import Console

    return RichDisplay(Console(file=io.StringIO(), width=120, force_terminal=True))


def test_the_picture_shows_phase_times_figures_and_names() -> None:
    shown = picture(rich_display(), live(names=[stats(), stats("POST [/cart]", failures=7)], failures=7))
    for word in (
        "Hello",
        "running · maintain",
        "00:12 / 00:30",
        "users 20",
        "100/s",
        "7 (0.58 %)",
        "12.3 ms",
        "GET /",
        "POST [/cart]",
        "Ctrl-C",
    ):
        assert word in shown


def test_many_names_are_cut_and_groups_left_out() -> None:
    names = [stats(f"GET /{number}") for number in range(15)] + [stats("shopping", kind="transaction")]
    shown = picture(rich_display(), live(names=names))
    assert "… and 3 more" in shown
    assert "shopping" not in shown


def test_a_stopping_run_says_what_the_next_ctrl_c_does() -> None:
    assert "Ctrl-C again cuts everything at once" in picture(rich_display(), live(status="stopping"))


def test_names_from_a_target_are_not_obeyed() -> None:
    assert "\x1b[2J" not in picture(rich_display(), live(names=[stats("GET /\x1b[2J")]))


def test_the_terminal_is_redrawn_four_times_a_second_and_left_clean() -> None:
    from rich.console import Console

    stream, ticks = io.StringIO(), Ticks()
    display = RichDisplay(Console(file=stream, width=100, force_terminal=True), clock=ticks)
    display.open()
    sizes = []
    for tenth in range(10):
        ticks.now = tenth / 10
        display(METRICS, live())
        sizes.append(len(stream.getvalue()))
    display(STATUS, live(phase="decrease"))
    display(LOGS, {"t_s": 0, "level": "error", "source": "w", "message": "lost"})
    display.close()
    assert len(set(sizes)) == 4
    assert "decrease" in stream.getvalue()
    assert "error: lost" in stream.getvalue()
    assert stream.getvalue().rstrip().endswith(("\x1b[2K", "\x1b[?25h"))
