from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from maid_lab.demo.launch import DemoProcess, available
from maid_lab.demo.switches import Switches
from maid_lab.model.errors import EngineFailure, InvalidInput, Missing
from tests.demo.client import call
from tests.support.processes import command


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while command(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_shop_answers_as_soon_as_it_is_started_and_is_gone_when_stopped() -> None:
    with DemoProcess.start() as shop:
        assert call(shop.url, "GET", "/health").json == {"status": "ok", "name": "shop", "seed": 1}
        assert (shop.name, shop.alive) == ("shop", True)
    assert not shop.alive
    assert gone(shop.pid)
    shop.stop()


def test_switches_are_passed_on_and_changed_while_it_runs() -> None:
    with DemoProcess.start(seed=5, latency="uniform:3:1", capacity=4) as shop:
        expected = Switches().changed({"latency": "uniform:3:1", "capacity": 4})
        assert call(shop.url, "GET", "/switches").json == expected.to_json()
        assert shop.switch(errors=0.5) == expected.changed({"errors": 0.5}).to_json()
        with pytest.raises(EngineFailure, match=r"refused POST /switches: there is no switch 'colour'\. Known are latency"):
            shop.switch(colour="red")
        shop.calm()
        assert call(shop.url, "GET", "/switches").json == Switches().to_json()


def test_a_shop_whose_starter_is_killed_ends_by_itself() -> None:
    code = "import time; from maid_lab.demo.launch import DemoProcess; print(DemoProcess.start().pid, flush=True); time.sleep(60)"
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    try:
        assert command(pid)
        starter.kill()
        starter.wait()
        assert gone(pid)
    finally:
        starter.stdout.close()
        if command(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_shop_that_stands_still_is_stopped_all_the_same() -> None:
    shop = DemoProcess.start(stall_every_s=0.01, stall_ms=30_000)
    time.sleep(0.1)
    started = time.monotonic()
    shop.stop()
    assert not shop.alive
    assert time.monotonic() - started < 4


def test_an_unknown_target_is_answered_with_those_that_exist() -> None:
    assert available() == ("shop",)
    with pytest.raises(Missing, match=r"no bundled target 'shoe'\. Bundled are: shop"):
        DemoProcess.start("shoe")


def test_a_wrong_switch_is_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidInput, match=r"switch errors: 2 is out of range"):
        DemoProcess.start(errors=2)


def test_a_port_that_is_taken_is_named() -> None:
    with DemoProcess.start() as shop, pytest.raises(EngineFailure, match="address already in use"):
        DemoProcess.start(port=int(shop.url.rpartition(":")[2]))


def test_a_target_that_has_ended_says_so() -> None:
    shop = DemoProcess.start()
    shop.stop()
    with pytest.raises(EngineFailure, match=r"did not answer GET /stats: .*; it has ended with 0"):
        shop.stats()


def test_starting_one_from_the_shell_prints_one_line_and_ends_on_a_signal() -> None:
    process = subprocess.Popen([sys.executable, "-m", "maid_lab.demo.shop", "--latency", "constant:1"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=5)
    assert line == f'{{"url": "{line.split(chr(34))[3]}", "pid": {process.pid}}}\n'
    assert (rest, process.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--latency", "sometimes:3"], "no distribution 'sometimes'"),
        (["--errors", "many"], "switch errors: 'many' is not a number"),
        (["--switches", "[]"], "--switches is not a JSON object"),
        (["--switches", "{"], "--switches is not JSON"),
    ],
)
def test_a_wrong_flag_is_explained(flags: list[str], says: str) -> None:
    done = subprocess.run([sys.executable, "-m", "maid_lab.demo.shop", *flags], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
