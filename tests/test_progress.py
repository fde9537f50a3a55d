"""A look that takes over a second says what it waits for, where a person watches."""

from __future__ import annotations

import os
import pty
import sys
from typing import TYPE_CHECKING

from front import add_front_end

if TYPE_CHECKING:
    from conftest import Site


def slow(site: Site) -> None:
    """Serve a page that takes two seconds."""
    site.write(
        "app/main.py",
        "import time\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "@app.get('/ready')\ndef ready(): return {}\n"
        "@app.get('/')\ndef page():\n    time.sleep(2)\n    return {'hello': 'one'}\n",
    )
    site.commit()
    site.serve()


def test_terminal_is_told_which_look_takes_long(site: Site) -> None:
    slow(site)
    shown = bytearray()
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(site.root)
        os.execve(sys.executable, [sys.executable, "-m", "unstale", "check"], site.environ())
    while True:
        try:
            shown += os.read(master, 65536)
        except OSError:
            break
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "… still looking: " in shown.decode()
    assert "http.Served" in shown.decode()


def test_pipe_is_told_nothing(site: Site) -> None:
    slow(site)
    assert site.unstale("check").stderr == ""


def test_quick_look_says_nothing(site: Site) -> None:
    add_front_end(site)
    assert site.unstale("check").stderr == ""
