"""A keeper with releases of small apps, for the tests of the hand-over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.arena import free_port
from lab.waiting import wait_for
from unstale import guard

RUNNER = Path(guard.__file__).parent / "runner"


class Kept:
    """A keeper at `place`; each release is a module of its own there."""

    def __init__(self, place: Path) -> None:
        self.home, self.port = place / "home", free_port()
        self.runtime = Path(tempfile.mkdtemp(prefix="unstale-", dir="/tmp"))
        self.state, self.code = self.home / "state", self.home / "code"
        for each in (self.state, self.code):
            each.mkdir(parents=True)
        self.log = self.home / "log"
        self.keeper: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the keeper on a listener of its own."""
        with socket.create_server(("127.0.0.1", self.port), backlog=512) as listener:
            argv = [sys.executable, "-Es", str(RUNNER / "keeper.py"), str(self.home)]
            self.keeper = subprocess.Popen(
                [*argv, str(self.runtime), str(listener.fileno())], pass_fds=(listener.fileno(),)
            )
        wait_for(self._answers)

    def _answers(self) -> bool:
        """Return whether it does: its socket is there a moment before it listens."""
        with suppress(OSError):
            return bool(self.ask("status")["ok"])
        return False

    def release(self, name: str, source: str, *args: str, workers: int = 1) -> None:
        """Lay a release whose app is this source."""
        (self.code / f"{name}.py").write_text(source)
        spec = {
            "release": name,
            "args": [f"{name}:app", "--no-access-log", *args],
            "listener": "LISTENER",
            "control": "CONTROL",
            "private": "PRIVATE",
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
        order = {
            "release": name,
            "argv": [sys.executable, "-B", str(RUNNER / "asgi.py"), "SPEC"],
            "cwd": str(self.code),
            "env": {**kept, "PYTHONPATH": str(self.code)},
            "log": str(self.log),
            "workers": workers,
            "spec": spec,
        }
        (self.state / f"{name}.start.json").write_text(json.dumps(order))

    def ask(self, what: str, release: str | None = None, **more: Any) -> dict[str, Any]:
        """Ask the keeper; return its answer."""
        words = {"do": what, **({"release": release} if release else {}), **more}
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(str(self.runtime / "keeper.sock"))
            line.sendall(json.dumps(words).encode() + b"\n")
            with line.makefile("rb") as said:
                return dict(json.loads(said.readline()))

    def workers(self, release: str | None = None) -> list[dict[str, Any]]:
        """Return the keeper's workers, of one release or all."""
        return [
            each
            for each in self.ask("status")["workers"]
            if release is None or each["release"] == release
        ]

    def ready(self, release: str) -> bool:
        """Start a release; return whether its workers came up."""
        assert self.ask("start", release)["ok"]
        wait_for(lambda: all(each["state"] != "starting" for each in self.workers(release)))
        return bool(self.workers(release))

    def serve(self, release: str) -> None:
        """Start a release and switch to it."""
        assert self.ready(release), self.log.read_text()
        answer = self.ask("switch", release)
        assert answer["ok"], answer

    def drained(self, release: str, seconds: float = 20.0) -> dict[str, int]:
        """Let a release end; return what was cut."""
        assert self.ask("drain", release, seconds=seconds)["ok"]
        wait_for(lambda: not self.workers(release))
        return dict(self.ask("status")["ended"][release])

    def page(self, path: str = "/", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Ask the site; return status, headers in lower case and body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return (
                answer.status,
                {k.lower(): v for k, v in answer.headers.items()},
                answer.read(),
            )

    def private(self, release: str, path: str) -> str:
        """Ask a worker on its private socket; return status and body."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(self.workers(release)[0]["private"])
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            with line.makefile("rb") as said:
                head, _, body = said.read().partition(b"\r\n\r\n")
        return f"{head.split()[1].decode()} {body.decode()}"

    def end(self) -> None:
        """End the keeper and its workers by pid."""
        pids = []
        with suppress(OSError, ValueError):
            pids = [each["pid"] for each in self.workers()]
        if self.keeper is not None:
            self.keeper.kill()
            self.keeper.wait()
        for each in pids:
            with suppress(OSError):
                os.kill(each, signal.SIGKILL)
        shutil.rmtree(self.runtime)
