"""A reloader leaves the port to its child: it counts as started again when that listens, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin
from yard import LOCK, Yard, erase, wheel

from lab.waiting import wait_for

# what Django's runserver does: the child, in which RUN_MAIN is set, serves; the parent waits for it
MANAGE = """\
import os, signal, subprocess, sys, time

if os.environ.get("RUN_MAIN"):
    time.sleep(1.5)
    import tiny, http.server, json

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"pid": os.getppid()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Page).serve_forever()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
env = {**os.environ, "RUN_MAIN": "true"}
sys.exit(subprocess.run([sys.executable, *sys.argv], env=env).returncode)
"""


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    for name in ("tiny", "deep"):
        wheel(made.root / "wheels", name, "1.0", "")
    made.write("manage.py", MANAGE)
    made.write("requirements.txt", f"{LOCK}tiny==1.0\ndeep==1.0\n")
    made.run(find_uv_bin(), "venv", "-q", ".venv")
    made.install("-r", "requirements.txt")
    made.spawn([str(made.python), "manage.py", "runserver", str(made.port)])
    try:
        yield made
    finally:
        erase(made)


def served_by(yard: Yard) -> int | None:
    return (yard.answer() or {}).get("pid")


def test_reset_has_the_child_serve_before_it_says_so(yard: Yard) -> None:
    wait_for(lambda: served_by(yard) is not None)
    former = served_by(yard)
    done = yard.unstale("reset", "--yes", "--only", "backend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert served_by(yard) not in (None, former)


def test_child_that_cannot_start_takes_the_reset_back(yard: Yard) -> None:
    wait_for(lambda: served_by(yard) is not None)
    yard.write("requirements.txt", f"{LOCK}deep==1.0\n")
    done = yard.unstale("reset", "--yes", "--only", "backend")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "No module named 'tiny'" in done.stdout
    assert "the former state runs" in done.stderr
    assert served_by(yard) is not None
