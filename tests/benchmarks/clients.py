"""The clients: the same load (connections, seconds, URL) put into the words of each, and its answer read back."""

from __future__ import annotations

import json
import re
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.pinned import Failed, run_pinned

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PEERS", "Client", "Load", "Measured", "h2load", "installed"]

_BUILD: Final = Path("build")
_LOCUST: Final = _BUILD / "locust-venv" / "bin" / "locust"
_AUTOCANNON: Final = _BUILD / "autocannon" / "node_modules" / ".bin" / "autocannon"
_LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many connections that ask for one URL as fast as they get answers, for so long."""

    url: str
    connections: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a client says of itself: answered requests per second, and how many requests if it tells.

    `complete` is False when the target counted other requests than it.
    """

    rate: float
    requests: int = 0
    note: str = ""
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client by name, the program that it needs, and how it is run."""

    name: str
    program: str
    run: Callable[[Load], Measured]
    package: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether its program is there."""
        return shutil.which(self.program) is not None


def _wrk(load: Load) -> Measured:
    out = run_pinned(["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s", load.url])
    return Measured(rate=_number(r"Requests/sec:\s+([\d.]+)", out), requests=int(_number(r"(\d+) requests in", out)))


def _hey(load: Load) -> Measured:
    out = run_pinned(["hey", "-z", f"{load.seconds}s", "-c", str(load.connections), load.url])
    answers = sum(int(count) for count in re.findall(r"\[\d+\]\s+(\d+) responses", out))
    return Measured(rate=_number(r"Requests/sec:\s+([\d.]+)", out), requests=answers)


def _ab(load: Load) -> Measured:
    # `-t` sets `-n` to 50,000, so `-n` comes after it; ab reserves memory for all of them.
    most = str(300_000 * load.seconds)
    out = run_pinned(["ab", "-q", "-k", "-c", str(load.connections), "-t", str(load.seconds), "-n", most, load.url])
    return Measured(rate=_number(r"Requests per second:\s+([\d.]+)", out), requests=int(_number(r"Complete requests:\s+(\d+)", out)))


def h2load(load: Load, *flags: str) -> Measured:
    """Run h2load, over HTTP/2 unless a flag says otherwise."""
    out = run_pinned(["h2load", *flags, "-t1", f"-c{load.connections}", "-D", str(load.seconds), load.url])
    return Measured(rate=_number(r"finished in .*?, ([\d.]+) req/s", out), requests=int(_number(r"(\d+) succeeded", out)))


def _autocannon(load: Load) -> Measured:
    out = run_pinned(
        [str(_AUTOCANNON), "-j", "-c", str(load.connections), "-d", str(load.seconds), load.url], env={"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
    )
    found = json.loads(out)
    return Measured(rate=found["requests"]["total"] / found["duration"], requests=found["requests"]["total"])


def _locust(load: Load) -> Measured:
    # Its users take a second to be made, over TLS, so it runs longer and is judged by its median full second.
    users = str(load.connections)
    command = [str(_LOCUST), "-f", str(_LOCUSTFILE), "--headless", "--json", "-u", users, "-r", users, "-t", f"{load.seconds + 3}s"]
    out = run_pinned([*command, "-H", load.url.rstrip("/"), "--loglevel", "ERROR"])
    stats = json.loads(out[out.index("[") :])
    seconds = sorted(stats[0]["num_reqs_per_sec"].items(), key=lambda item: int(item[0])) if stats else []
    full = [count for _, count in seconds[1:-1]]
    if not full:
        raise Failed("Locust was not busy for a full second")
    return Measured(rate=statistics.median(full), requests=stats[0]["num_requests"])


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise Failed(f"no {pattern!r} in: {text.strip()[-400:]}")
    return float(found.group(1))


#: All clients but MAID; the first is the measure of all.
PEERS: Final = (
    Client(name="wrk", program="wrk", run=_wrk, package="wrk"),
    Client(name="hey", program="hey", run=_hey, package="hey"),
    Client(name="Locust FastHttpUser", program=str(_LOCUST), run=_locust),
    Client(name="ab -k", program="ab", run=_ab, package="apache2-utils"),
    Client(name="h2load --h1", program="h2load", run=lambda load: h2load(load, "--h1"), package="nghttp2-client"),
    Client(name="autocannon", program=str(_AUTOCANNON), run=_autocannon),
)


def installed() -> tuple[Client, ...]:
    """Return the peers that are there."""
    return tuple(client for client in PEERS if client.is_installed)
