"""A small real project and its real server, for tests that inject real faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.arena import free_port
from lab.engine import Engine, why_none
from lab.postgres import Cluster
from lab.postgres import why_none as why_no_postgres
from lab.systemd import Systemd
from lab.systemd import why_none as why_no_systemd
from lab.waiting import wait_for

# Under nohup, or in the background of a script, a process and its children would be deaf to these.
for _ignored in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_ignored, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_ON_THE_EXAMPLE = {"test_faults.py", "test_demo.py", "test_development.py", "test_example.py"}

APP = """\
from fastapi import FastAPI

from app.words import GREETING

app = FastAPI()


@app.get("/")
def hello() -> dict[str, str]:
    return {"hello": GREETING}
"""


class Site:
    """A FastAPI project in a git checkout, with the servers started for it."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root = root
        self.state = state
        self.port = free_port()
        self.log = root.parent / f"{root.name}.log"
        self.started: list[subprocess.Popen[bytes]] = []
        self.more: dict[str, str] = {}

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        return target

    def git(self, *words: str) -> str:
        who = (
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.invalid",
            "-c",
            "init.defaultBranch=main",
        )
        done = subprocess.run(
            ["git", *who, *words], cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self, message: str = "change") -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def environ(self, **more: str) -> dict[str, str]:
        env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "npm_", "UV_", "COV"))
        }
        return {
            **env,
            "XDG_STATE_HOME": str(self.state),
            "NO_COLOR": "1",
            "COLUMNS": "120",
            **self.more,
            **more,
        }

    def run(self, argv: list[str], **more: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                argv,
                cwd=self.root,
                env=self.environ(**more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(child)
        return child

    def serve(self, *words: str, **more: str) -> subprocess.Popen[bytes]:
        """Start uvicorn on the site's port and wait until it answers."""
        argv = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(self.port), *words]
        child = self.run(argv, **more)
        wait_for(lambda: self.answer() is not None)
        return child

    def answer(self, path: str = "/") -> Any:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=10
            ) as response:
                return json.loads(response.read())
        except (OSError, urllib.error.URLError):
            return None

    def old(self, seconds: float = 2.3) -> None:
        """Let the server's start-up margin pass, so that a later write counts as later."""
        time.sleep(seconds)

    def unstale(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "unstale", *words]
        return subprocess.run(
            argv,
            cwd=self.root,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    def check(self, *words: str) -> dict[str, Any]:
        done = self.unstale("check", "--format", "json", *words)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def codes(self, *words: str, severity: str = "stale") -> list[str]:
        return [
            each["code"] for each in self.check(*words)["findings"] if each["severity"] == severity
        ]

    def ps(self) -> list[dict[str, Any]]:
        return list(json.loads(self.unstale("ps", "--format", "json").stdout)["processes"])

    def end(self) -> None:
        """End what was started, and what unstale started in its place, by pid."""
        for child in self.started:
            if child.poll() is None:
                child.kill()
            child.wait()
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            try:
                here = os.readlink(f"/proc/{pid}/cwd").startswith(str(self.root))
            except OSError:
                continue
            if here and pid != os.getpid():
                os.kill(pid, 9)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "site"
    root.mkdir()
    made = Site(root, tmp_path / "state")
    made.write("app/__init__.py", "")
    made.write("app/main.py", APP)
    made.write("app/words.py", 'GREETING = "one"\n')
    made.write("requirements.txt", "fastapi\nuvicorn\n")
    made.write(".gitignore", "__pycache__/\n.unstale/\n*.db*\n.env\n")
    made.git("init", "-q")
    made.commit("begin")
    yield made
    made.end()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    why = why_none()
    if why is not None:
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    started = Engine(tmp_path_factory.mktemp("engine"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    why = why_no_postgres()
    if why is not None:
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    started = Cluster()
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    why = why_no_systemd()
    if why is not None:
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    started = Systemd(tmp_path)
    started.start()
    yield started
    started.stop()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep on one worker what shares a costly fixture: the laid example, a module's own, a Docker engine.

    Two engines that start at once stand in each other's way: both make the same chains of iptables.
    """
    for item in items:
        place = item.path.relative_to(Path(__file__).parent.parent)
        costly = place.name in _ON_THE_EXAMPLE or "engine" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("example" if costly else str(place)))
