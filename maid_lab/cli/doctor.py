"""Is this machine fit to make load? Each check says what it found and the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

__all__ = ["Finding", "Machine", "examine"]

State = Literal["ok", "warn", "bad"]

_GIB: Final = 2**30
_GOOD_CLOCKS: Final = frozenset({"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"})
_PACKAGES: Final = ("duckdb", "polars", "pydantic", "httptools", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: its state, what was found, and the remedy, empty when nothing is to be done."""

    name: str
    state: State
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain JSON data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the checks look; tests give a folder of their own.

    Attributes
    ----------
    root : Path
        Root of `/proc` and `/sys`.
    home : Path
        Home folder of MAID Lab.
    """

    home: Path
    root: Path = Path("/")

    def read(self, name: str) -> str:
        """Return the text of a kernel file, empty when it is not there."""
        try:
            return (self.root / name).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            return ""


def examine(machine: Machine) -> tuple[Finding, ...]:
    """Run all checks."""
    return tuple(finding for check in _CHECKS for finding in check(machine))


def _versions(machine: Machine) -> Iterator[Finding]:
    from importlib import metadata

    from maid_lab._version import __version__

    found = [f"maid-lab {__version__}", f"Python {platform.python_version()}", platform.platform(terse=True)]
    missing = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    yield Finding(name="versions", state="ok", found=", ".join(found))
    if missing:
        yield Finding(name="packages", state="bad", found=f"missing: {', '.join(missing)}", remedy=f"pip install {' '.join(missing)}")


def _event_loop(machine: Machine) -> Iterator[Finding]:
    from importlib.util import find_spec

    if find_spec("uvloop") is not None:
        yield Finding(name="event loop", state="ok", found="uvloop")
    else:
        yield Finding(name="event loop", state="warn", found="asyncio only, about a third of the speed", remedy="pip install uvloop")


def _cores(machine: Machine) -> Iterator[Finding]:
    from maid_lab.engine.supervision.pool import default_workers

    usable = default_workers()
    if usable > 1:
        yield Finding(name="cores", state="ok", found=f"{usable} usable")
    else:
        yield Finding(
            name="cores", state="warn", found="1 usable: target and generator share it", remedy="taskset -p -c 0-$(nproc --all) $$"
        )


def _file_limit(machine: Machine) -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= 10_240:
        yield Finding(name="open files", state="ok", found=f"limit {'none' if soft == resource.RLIM_INFINITY else soft}")
        return
    reach = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    yield Finding(
        name="open files", state="warn", found=f"limit {soft}: at most about {soft - 100} users at once", remedy=f"ulimit -n {reach}"
    )


def _ports(machine: Machine) -> Iterator[Finding]:
    words = machine.read("proc/sys/net/ipv4/ip_local_port_range").split()
    if len(words) != 2:
        return
    low, high = int(words[0]), int(words[1])
    remedy = "" if high - low >= 28_000 else 'sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535"'
    yield Finding(name="local ports", state="warn" if remedy else "ok", found=f"{low}–{high}: {high - low + 1} connections", remedy=remedy)
    if machine.read("proc/sys/net/ipv4/tcp_tw_reuse") == "0":
        yield Finding(
            name="port reuse", state="warn", found="closed ports rest for a minute", remedy="sudo sysctl -w net.ipv4.tcp_tw_reuse=1"
        )


def _governor(machine: Machine) -> Iterator[Finding]:
    folder = machine.root / "sys/devices/system/cpu"
    words = sorted({machine.read(str(path.relative_to(machine.root))) for path in folder.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""})
    if not words:
        yield Finding(name="CPU governor", state="ok", found="none: the clock of the cores is not regulated here")
    elif words == ["performance"]:
        yield Finding(name="CPU governor", state="ok", found="performance")
    else:
        yield Finding(
            name="CPU governor", state="warn", found=f"{', '.join(words)}: times vary with the clock of the cores",
            remedy="sudo cpupower frequency-set -g performance",
        )  # fmt: skip


def _clock(machine: Machine) -> Iterator[Finding]:
    source = machine.read("sys/devices/system/clocksource/clocksource0/current_clocksource")
    available = machine.read("sys/devices/system/clocksource/clocksource0/available_clocksource").split()
    better = next((name for name in available if name in _GOOD_CLOCKS), "")
    cost_ns = _clock_cost_ns()
    if source and source not in _GOOD_CLOCKS and better:
        remedy = f"echo {better} | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource"
        yield Finding(name="clock source", state="warn", found=f"{source}, {cost_ns} ns a reading", remedy=remedy)
    else:
        yield Finding(name="clock source", state="ok", found=f"{source or 'of the system'}, {cost_ns} ns a reading")


def _clock_cost_ns(readings: int = 20_000) -> int:
    begin = time.perf_counter_ns()
    for _ in range(readings):
        time.monotonic_ns()
    return (time.perf_counter_ns() - begin) // readings


def _disk(machine: Machine) -> Iterator[Finding]:
    folder = next(path for path in (machine.home, *machine.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    # 48 bytes a row in the spool and its Parquet file beside it, until that is verified.
    found = f"{free / _GIB:.1f} GiB free at {machine.home}, room for about {free // 70 / 1e6:,.0f} million requests"
    remedy = "" if free >= 2 * _GIB else "export MAID_HOME=/a/folder/on/a/larger/disk"
    yield Finding(name="disk", state="ok" if not remedy else "warn" if free >= _GIB / 4 else "bad", found=found, remedy=remedy)


def _home(machine: Machine) -> Iterator[Finding]:
    if not machine.home.exists():
        yield Finding(name="home folder", state="ok", found=f"{machine.home}, made at the first run")
        return
    mode = machine.home.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        yield Finding(
            name="home folder", state="bad", found=f"{machine.home} is open to others (mode {mode:04o})", remedy=f"chmod 700 {machine.home}"
        )
    elif not os.access(machine.home, os.W_OK):
        yield Finding(name="home folder", state="bad", found=f"{machine.home} cannot be written", remedy=f"chmod u+w {machine.home}")
    else:
        yield Finding(name="home folder", state="ok", found=str(machine.home))


_CHECKS: Final[tuple[Callable[[Machine], Iterator[Finding]], ...]] = (
    _versions, _event_loop, _cores, _file_limit, _ports, _governor, _clock, _disk, _home,
)  # fmt: skip
