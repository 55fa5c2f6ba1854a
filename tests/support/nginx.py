"""nginx on loopback, plain and TLS: a server that nobody here has written, which counts for itself."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trustme

from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY", "Nginx", "nginx_program", "running_nginx"]

#: What `/` answers.
BODY: Final = "The quick brown fox jumps over thirteen lazy dog."
_LIMIT_S: Final = 5.0
_CONFIG: Final = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  lingering_close off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ssl_certificate {folder}/server.pem;
  ssl_certificate_key {folder}/server.key;
  gzip on;
  gzip_min_length 1;
  gzip_types text/plain;
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    listen 127.0.0.1:{tls} ssl backlog=4096;
    listen 127.0.0.1:{h2} ssl http2 backlog=4096;
    listen 127.0.0.1:{h2c} http2 backlog=4096;
    location / {{ return 200 "{body}"; }}
    location = /close {{ keepalive_timeout 0; return 200 "{body}"; }}
    location = /redirect {{ return 302 /; }}
    location = /404 {{ return 404 "no\\n"; }}
    location = /500 {{ return 500 "broken\\n"; }}
    location = /drop {{ return 444; }}
    location = /cookie {{ add_header Set-Cookie "sid=5f1c; Path=/"; return 200 "$cookie_sid"; }}
    location = /file {{ root {folder}/files; }}
  }}
  server {{
    listen 127.0.0.1:{status};
    location / {{ stub_status; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nginx:
    """Addresses of a running nginx, `h2` and `h2c` for HTTP/2; `ca` is the file of the authority that signed its certificate (localhost and 127.0.0.1)."""

    plain: str
    tls: str
    h2: str
    h2c: str
    ca: Path
    status: str

    def requests(self) -> int:
        """Return the requests that nginx has handled, all askings of this question left out but the earlier ones."""
        with urllib.request.urlopen(self.status, timeout=_LIMIT_S) as answer:
            counts = re.search(r"requests\s+\d+ \d+ (\d+)", answer.read().decode())
        assert counts is not None, "nginx gave no counts"
        return int(counts.group(1)) - 1


def nginx_program() -> str | None:
    """Return the path of nginx; Debian puts it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")))


@contextlib.contextmanager
def running_nginx(program: str, folder: Path) -> Iterator[Nginx]:
    """Run nginx with all its files in `folder` until the block ends."""
    _write_files(folder)
    plain, tls, status, h2, h2c = free_ports(5)
    config = folder / "nginx.conf"
    # The worker of an nginx started by root would be another user, to whom the folders of tests are closed.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        _CONFIG.format(user=user, folder=folder, plain=plain, tls=tls, status=status, h2=h2, h2c=h2c, body=BODY), encoding="utf-8"
    )
    command = [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(status, process, folder / "error.log")
        yield Nginx(
            plain=f"http://127.0.0.1:{plain}", tls=f"https://127.0.0.1:{tls}", h2=f"https://127.0.0.1:{h2}", h2c=f"http://127.0.0.1:{h2c}",
            ca=folder / "ca.pem", status=f"http://127.0.0.1:{status}/",
        )  # fmt: skip
    finally:
        process.terminate()
        try:
            process.wait(_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write_files(folder: Path) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    (folder / "files").mkdir()
    (folder / "files" / "file").write_bytes(b"0123456789abcdef" * 4096)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"nginx did not listen within {_LIMIT_S:g} s: {log.read_text() if log.exists() else 'it has written no log'}")
