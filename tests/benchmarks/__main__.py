"""`python -m tests.benchmarks [--quick] [--only NAME]…`: measure, print the tables, keep them in `build/bench.json`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import Context, Table, render, say, write_json
from tests.benchmarks.http2 import http2
from tests.benchmarks.install import install_peers
from tests.benchmarks.journey import journey
from tests.benchmarks.kill_switch import kill_switch
from tests.benchmarks.maid import Maid
from tests.benchmarks.many_users import many_python_users, many_users
from tests.benchmarks.memory import memory
from tests.benchmarks.open_model import open_model
from tests.benchmarks.pinned import CLIENT, TARGET, Failed
from tests.benchmarks.python_scenario import python_plain, python_tls
from tests.benchmarks.recording import recording
from tests.benchmarks.rows import percentiles, rows_to_parquet, summary
from tests.benchmarks.server import server_answers, sockets, sockets_many
from tests.benchmarks.startup import first_request, import_time
from tests.benchmarks.static_get import plain, row_size, tls
from tests.benchmarks.target import nginx
from tests.benchmarks.workers import workers

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: Final[dict[str, Callable[[Context], Table]]] = {
    "static-get": plain,
    "static-get-tls": tls,
    "journey": journey,
    "python": python_plain,
    "python-tls": python_tls,
    "http2": http2,
    "workers": workers,
    "recording": recording,
    "row-size": row_size,
    "rows-to-parquet": rows_to_parquet,
    "summary": summary,
    "percentiles": percentiles,
    "open-model": open_model,
    "many-users": many_users,
    "many-python-users": many_python_users,
    "first-request": first_request,
    "import": import_time,
    "kill-switch": kill_switch,
    "memory": memory,
    "server-answers": server_answers,
    "sockets": sockets,
    "sockets-many": sockets_many,
}
OUT: Final = Path("build") / "bench.json"


def main() -> int:
    """Return 0 when every figure was reached, 1 when one was not or a benchmark could not be done."""
    options = _options()
    if TARGET == CLIENT:
        say("Only one core: target and client share it, so the ratios say little.")
    install_peers(say)
    folder = Path(tempfile.mkdtemp(prefix="maid-bench-"))
    try:
        tables, complete = _measure(folder, options)
    finally:
        shutil.rmtree(folder)
    sys.stdout.write("\n" + "\n".join(render(table) for table in tables))
    write_json(OUT, tables)
    say(f"Kept in {OUT}.")
    return 0 if complete and all(line.met is not False for table in tables for line in table.lines) else 1


def _measure(folder: Path, options: argparse.Namespace) -> tuple[list[Table], bool]:
    tables = []
    chosen = options.only or list(BENCHMARKS)
    with nginx(folder) as server:
        context = Context(
            server=server, maid=Maid(folder), folder=folder, seconds=1 if options.quick else 3, rounds=3 if options.quick else 5
        )
        for name in chosen:
            try:
                tables.append(BENCHMARKS[name](context))
            except Failed as error:
                say(f"{name} could not be measured: {error}")
    return tables, len(tables) == len(chosen)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure MAID beside its peers on this machine.")
    parser.add_argument("--quick", action="store_true", help="1 s × 3 rounds instead of 3 s × 5")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="only this benchmark; repeatable")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
