"""The HTML report as PDF, printed by a Chromium of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maid_lab.model.errors import EngineFailure

__all__ = ["BROWSERS", "Printing", "browser", "pdf_of"]

#: Programs that print, best known first.
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """How reports are printed.

    Attributes
    ----------
    scale : float
        Size of the page's contents, 0.1 to 2.
    timeout_s : float
        Seconds after which printing is given up.
    """

    scale: float = 0.8
    timeout_s: float = 60.0


def browser() -> str:
    """Return the path of the program that prints.

    Raises
    ------
    EngineFailure
        If there is none.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise EngineFailure(
        f"a PDF report is printed by Chromium, and none of {', '.join(BROWSERS[:3])} is here.",
        hint="Install it (apt-get install chromium), or write the report as .html and print it from any browser.",
    )


def pdf_of(html: str, printing: Printing) -> bytes:
    """Return a page as PDF; nothing is loaded but the page itself.

    Raises
    ------
    EngineFailure
        If there is no browser, it takes too long, or it makes no PDF.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="maid-pdf-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, out = folder / "report.html", folder / "report.pdf"
        page.write_text(html, encoding="utf-8")
        flags = [
            "--headless=new", "--disable-gpu", "--disable-extensions", "--disable-background-networking", "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer", f"--user-data-dir={folder / 'profile'}",
            f"--print-to-pdf={out}",
        ]  # fmt: skip
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium refuses to start for root with it
        _run([program, *flags, page.as_uri()], printing.timeout_s)
        if not out.is_file() or not out.read_bytes().startswith(b"%PDF-"):
            raise EngineFailure(f"{program} made no PDF.", hint="Write the report as .html and print it from a browser.")
        return out.read_bytes()


def _run(command: list[str], timeout_s: float) -> None:
    """Run a program with all that it starts in a group of its own, so that none of it is left behind."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        raise EngineFailure(
            f"{command[0]} did not print the report within {timeout_s:g} s.", hint="Raise --pdf-timeout, or write the report as .html."
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
