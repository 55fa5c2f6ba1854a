"""The target that all clients are measured against: one nginx worker on a core of its own."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trustme

from tests.benchmarks.pinned import TARGET, Failed, start_pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY", "Nginx", "nginx", "nginx_program"]

BODY: Final = "The quick brown fox jumps over thirteen lazy dog."
_START_LIMIT_S: Final = 5.0
_FILES: Final = 30_000

_CONFIG: Final = """
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ssl_certificate {folder}/server.pem;
  ssl_certificate_key {folder}/server.key;
  server {{
    listen 127.0.0.1:{plain} backlog=16384;
    listen 127.0.0.1:{tls} ssl backlog=16384;
    listen 127.0.0.1:{h2} ssl http2 backlog=16384;
    location / {{ return 200 "{body}"; }}
    location = /login {{
      default_type application/json;
      add_header Set-Cookie "sid=5f1c; Path=/";
      return 200 '{{"token": "t-81", "user": 7}}';
    }}
    location = /items {{ default_type application/json; return 200 '{{"items": [{{"id": 11}}, {{"id": 12}}], "total": 2}}'; }}
    location = /cart {{ default_type application/json; return 200 '{{"ok": true, "lines": 1}}'; }}
  }}
  server {{
    listen 127.0.0.1:{status};
    location / {{ stub_status; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nginx:
    """Addresses of a running nginx, `h2` for HTTP/2; `ca` is the file with the authority that signed its certificate."""

    plain: str
    tls: str
    h2: str
    status: str
    ca: Path

    def url(self, scheme: str) -> str:
        """Base URL for `http` or `https`."""
        return self.tls if scheme == "https" else self.plain

    def requests(self) -> int:
        """Return how many requests it has handled, this question not counted but earlier ones."""
        with urllib.request.urlopen(self.status, timeout=5) as answer:
            text = answer.read().decode()
        counts = re.search(r"requests\s+\d+ \d+ (\d+)", text)
        if counts is None:
            raise Failed(f"nginx gave no counts: {text!r}")
        return int(counts.group(1)) - 1


def nginx_program() -> str | None:
    """Return the path of nginx; Debian puts it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin")))


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """Run nginx with its files in `folder` until the block ends."""
    program = nginx_program()
    if program is None:
        raise Failed("nginx is not installed: apt-get install nginx-light")
    folder = folder.absolute()
    _write_certificate(folder)
    plain, tls, h2, status = _free_ports(4)
    config = folder / "nginx.conf"
    files = min(_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # more than the hard limit would be refused
    text = _CONFIG.format(folder=folder, plain=plain, tls=tls, h2=h2, status=status, body=BODY, files=files, connections=files - 100)
    config.write_text(text, encoding="utf-8")
    process = start_pinned([program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")], core=TARGET)
    try:
        _wait_for(status)
        yield Nginx(
            plain=f"http://127.0.0.1:{plain}/",
            tls=f"https://127.0.0.1:{tls}/",
            h2=f"https://127.0.0.1:{h2}/",
            status=f"http://127.0.0.1:{status}/",
            ca=folder / "ca.pem",
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def _write_certificate(folder: Path) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server.private_key_pem.write_to_path(folder / "server.key")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Failed(f"nginx did not listen within {_START_LIMIT_S:g} s; see its error.log")
