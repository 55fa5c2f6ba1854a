import os
from pathlib import Path

import pytest

from maid_lab.cli.doctor import Finding, Machine, examine

posix = pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")


def machine(root: Path, **files: str) -> Machine:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "home").mkdir(mode=0o700, exist_ok=True)
    return Machine(root=root, home=root / "home")


def found(where: Machine) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(where)}


def test_a_machine_without_kernel_files_still_gets_an_answer(tmp_path: Path) -> None:
    findings = found(machine(tmp_path))
    assert {"versions", "event loop", "cores", "CPU governor", "clock source", "disk", "home folder"} <= set(findings)
    assert findings["home folder"] == Finding(name="home folder", state="ok", found=str(tmp_path / "home"))


def test_few_ports_are_told_with_the_command_that_gives_more(tmp_path: Path) -> None:
    finding = found(machine(tmp_path, proc__sys__net__ipv4__ip_local_port_range="40000\t50000\n"))["local ports"]
    assert finding == Finding(
        name="local ports",
        state="warn",
        found="40000–50000: 10001 connections",
        remedy='sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
    )


def test_a_saving_governor_is_told(tmp_path: Path) -> None:
    finding = found(machine(tmp_path, sys__devices__system__cpu__cpu0__cpufreq__scaling_governor="powersave\n"))["CPU governor"]
    assert (finding.state, finding.remedy) == ("warn", "sudo cpupower frequency-set -g performance")


def test_a_slow_clock_is_told_when_there_is_a_better_one(tmp_path: Path) -> None:
    base = "sys__devices__system__clocksource__clocksource0__"
    where = machine(tmp_path, **{f"{base}current_clocksource": "hpet\n", f"{base}available_clocksource": "tsc hpet acpi_pm\n"})
    finding = found(where)["clock source"]
    assert finding.state == "warn"
    assert finding.remedy.startswith("echo tsc | sudo tee")


@posix
def test_an_open_home_is_bad(tmp_path: Path) -> None:
    where = machine(tmp_path)
    where.home.chmod(0o755)
    assert found(where)["home folder"] == Finding(
        name="home folder", state="bad", found=f"{where.home} is open to others (mode 0755)", remedy=f"chmod 700 {where.home}"
    )


def test_every_finding_that_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    where = machine(tmp_path, proc__sys__net__ipv4__ip_local_port_range="1 2", proc__sys__net__ipv4__tcp_tw_reuse="0")
    assert all(finding.remedy for finding in examine(where) if finding.state != "ok")
