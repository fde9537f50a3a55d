"""What a restart costs those who use the app: `unstale fix` beside the folk script, under load.

python -m bench.restart: 32 clients that keep their connection and 16 that open one for each request, none of which
retries; five restarts each. The folk script kills the server by its pid, sleeps two seconds, and starts it again.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from uv import find_uv_bin

from lab.arena import WHO, free_port
from lab.traffic import Counts, Traffic
from lab.waiting import wait_for

RESTARTS = 5
WSGI = """\
from flask import Flask
from app.words import WORD
app = Flask(__name__)
@app.get("/")
def hello(): return {"hello": WORD}
"""
ASGI = """\
from fastapi import FastAPI
from app.words import WORD
app = FastAPI()
@app.get("/")
async def hello(): return {"hello": WORD}
"""
URLS = """\
from django.http import JsonResponse
from django.urls import path
from app.words import WORD
urlpatterns = [path("", lambda request: JsonResponse({"hello": WORD}))]
"""
MANAGE = """\
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
settings.configure(DEBUG=True, ALLOWED_HOSTS=["*"], ROOT_URLCONF="app.main", SECRET_KEY="of-a-bench")
execute_from_command_line(sys.argv)
"""
SERVERS = {
    "uvicorn": (ASGI, "-m uvicorn app.main:app --port PORT --no-access-log"),
    "uvicorn --workers 2": (
        ASGI,
        "-m uvicorn app.main:app --port PORT --workers 2 --no-access-log",
    ),
    "gunicorn (HUP)": (WSGI, "-m gunicorn -w 2 -b 127.0.0.1:PORT app.main:app"),
    "gunicorn --preload": (WSGI, "-m gunicorn --preload -w 2 -b 127.0.0.1:PORT app.main:app"),
    "flask run": (WSGI, "-m flask --app app.main run -p PORT"),
    "runserver": (URLS, "manage.py runserver PORT --noreload"),
}


def main() -> int:
    """Measure and print the table."""
    print("| server | way | sent | refused | reset | cut | 5xx | slowest answer s | a restart s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (source, words) in SERVERS.items():
        for way in ("unstale fix", "folk script"):
            with tempfile.TemporaryDirectory() as place:
                folk = way == "folk script"
                counts, seconds = measured(Path(place), source, words, folk=folk)
            errors = sum(many for kind, many in counts.failed.items() if kind.isdigit())
            numbers = (
                counts.sent,
                counts.failed["refused"],
                counts.failed["reset"],
                counts.cut,
                errors,
            )
            row = " | ".join(f"{each:,}" for each in numbers)
            print(f"| {name} | {way} | {row} | {counts.slowest:.2f} | {seconds:.1f} |", flush=True)
    return 0


def measured(place: Path, source: str, words: str, *, folk: bool) -> tuple[Counts, float]:
    """Serve a project there, restart it five times under load; return what the clients saw, and a restart's median.

    A restart lasts until the new code answers.
    """
    root, port = place / "shop", free_port()
    for name, text in {
        "app/__init__.py": "",
        "app/main.py": source,
        "requirements.txt": "",
        "manage.py": MANAGE,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "app/words.py").write_text("WORD = 'word 0'\n")
    for argv in (["init", "-q"], ["add", "-A"], [*WHO, "commit", "-qm", "begin"]):
        subprocess.run(["git", *argv], cwd=root, check=True)
    python = with_django(place) if source is URLS else sys.executable
    argv = [python, *words.replace("PORT", str(port)).split()]
    server = start(argv, root)
    wait_for(lambda: answers(port))
    seconds = []
    try:
        with Traffic(port, expect="word") as traffic:
            for at in range(1, RESTARTS + 1):
                time.sleep(3)
                (root / "app/words.py").write_text(f"WORD = 'word {at}'\n")
                began = time.monotonic()
                server = restarted(server, argv, root, folk=folk)
                wait_for(lambda new=f"word {at}": new in answers(port))
                seconds.append(time.monotonic() - began)
            time.sleep(1)
        return traffic.counts, statistics.median(seconds)
    finally:
        end(root)


def restarted(
    server: subprocess.Popen[bytes], argv: list[str], root: Path, *, folk: bool
) -> subprocess.Popen[bytes]:
    """Restart it in one of the two ways."""
    if folk:
        server.send_signal(signal.SIGTERM)
        time.sleep(2)
        return start(argv, root)
    unstale = [sys.executable, "-m", "unstale", "fix", "--yes"]
    done = subprocess.run(
        unstale, cwd=root, env=environ(root), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return server


def start(argv: list[str], root: Path) -> subprocess.Popen[bytes]:
    """Start the server, its output in a file."""
    with (root.parent / "server.log").open("ab") as log:
        return subprocess.Popen(
            argv, cwd=root, env=environ(root), stdout=log, stderr=log, start_new_session=True
        )


def environ(root: Path) -> dict[str, str]:
    """Return the environment of all of it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "XDG_STATE_HOME": str(root.parent / "state")}


def with_django(place: Path) -> str:
    """Make an environment with Django; return its Python."""
    uv, python = find_uv_bin(), str(place / "v/bin/python")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(place / "v")], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "django"], check=True)
    return python


def answers(port: int) -> str:
    """Return what it answers, nothing where nobody does."""
    with suppress(OSError):
        page: bytes = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
        return page.decode()
    return ""


def end(root: Path) -> None:
    """End what stands in the directory, by pid."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == root and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
