"""`fix` touches only what is the project's own: whoever else sits in the project lives on."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Site, wait_for

from unstale.hands import ticks

READS_ENV = "from dotenv import load_dotenv\nload_dotenv()\nGREETING = 'one'\n"
USES_DATABASE = """\
import sqlite3
DATABASE = sqlite3.connect("shop.db", check_same_thread=False, isolation_level=None)
GREETING = "one"
"""
LOCKS = 'DATABASE.execute("BEGIN IMMEDIATE")\n'
CLIENT = """\
import http.client, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("GET", "/")
connection.getresponse().read()
print("connected", flush=True)
time.sleep(600)
"""
HOLDER = """\
import sqlite3, sys
database = sqlite3.connect("shop.db", isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""
WAITS = "import time; file = open('app/words.py', 'r+'); time.sleep(600)"
APP = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef root(): return {}\n"


@dataclass
class Crowd:
    """Everybody else in the project, each with its start, so that a successor with its pid is not taken for it."""

    site: Site
    other: Site
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    terminals: list[int] = field(default_factory=list)

    def add(self, name: str, child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        started = ticks(child.pid)
        assert started is not None, f"{name} did not start"
        self.known[name] = (child.pid, started)
        self.children.append(child)
        return child

    def typed(self, name: str, *argv: str, **env: str) -> None:
        """Start it in a terminal of its own, as a person would."""
        ours, theirs = pty.openpty()
        env = self.site.environ(TERM="xterm", PYTHONPATH=str(self.site.root), **env)
        child = subprocess.Popen(
            ["setsid", "--ctty", *argv],
            cwd=self.site.root,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.terminals.append(ours)
        wait_for(
            lambda: Path(f"/proc/{child.pid}/cmdline").read_bytes().split(b"\0")[0] != b"setsid"
        )
        self.add(name, child)

    def missing(self) -> list[str]:
        return [name for name, (pid, start) in self.known.items() if ticks(pid) != start]

    def gather(self) -> None:
        site, python = self.site, sys.executable
        if pager := program("less", "more"):
            self.typed("pager", pager, "app/words.py")
        if editor := program("vim", "vi", "nano", "ed"):
            self.typed("editor", editor, "app/main.py")
        if client := program("sqlite3"):
            self.typed("database client", client, "shop.db")
        self.typed("shell", "sh", "-i")
        self.typed("interpreter", python)
        self.typed("interpreter with the app loaded", python, "-i", "app/main.py")
        self.typed("debugger", python, "-m", "pdb", "app/main.py")
        self.add("follower", site.run(["tail", "-f", "app/words.py"]))
        self.add("job of a shell", site.run(["sh", "-c", "sleep 600; : uvicorn app.main:app"]))
        self.add("script", site.run([python, "-c", WAITS]))
        self.add(
            "script with the server's words",
            site.run([python, "-c", WAITS, "uvicorn", "app.main:app"]),
        )
        self.add("file server", site.run([python, "-m", "http.server", "0", "--bind", "127.0.0.1"]))
        self.add("server of another project", self.other.serve())

    def connect(self) -> None:
        """Keep a connection to the project's port open, as a browser does."""
        self.add("client", self.site.run([sys.executable, "-c", CLIENT, str(self.site.port)]))
        wait_for(lambda: "connected" in self.site.log.read_text())

    def end(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        for terminal in self.terminals:
            os.close(terminal)


def program(*names: str) -> str | None:
    """Return the first that is installed; CI has one of each kind."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found or not os.environ.get("CI"), f"none of {', '.join(names)}: make system-deps"
    return found


@pytest.fixture
def crowd(site: Site, tmp_path: Path) -> Iterator[Crowd]:
    with closing(sqlite3.connect(site.root / "shop.db")) as database:
        database.execute("CREATE TABLE item (id INTEGER)")
        database.commit()
    (tmp_path / "other/app").mkdir(parents=True)
    other = Site(tmp_path / "other", tmp_path / "state")
    other.write("app/__init__.py", "")
    other.write("app/main.py", APP)
    made = Crowd(site, other)
    try:
        yield made
    finally:
        made.end()
        other.end()


def cured(site: Site, *codes: str) -> None:
    """`fix` cures these, and never signals the shell that runs it."""
    assert sorted(site.codes()) == sorted(codes)
    unstale = f"{sys.executable} -m unstale fix --yes"
    done = subprocess.run(
        ["sh", "-c", f"trap 'echo hit' TERM HUP INT CONT; {unstale}; echo after $?", "uvicorn"],
        cwd=site.root,
        env=site.environ(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.endswith("after 0\n"), done.stdout + done.stderr
    assert "hit" not in done.stdout
    assert site.codes() == []


def test_bystanders_survive_the_restart_for_old_code_and_settings(crowd: Crowd) -> None:
    site = crowd.site
    site.write("app/words.py", READS_ENV)
    site.write(".env", "GREETING=one\n")
    site.commit()
    server = site.serve()
    crowd.gather()
    crowd.connect()
    site.old()
    site.write("app/words.py", READS_ENV.replace("one", "two"))
    site.write(".env", "GREETING=two\n")
    cured(site, "PRC001", "CFG001")
    server.wait(5)
    assert site.answer() == {"hello": "two"}
    assert crowd.missing() == []


def test_bystanders_survive_the_end_of_an_orphan(crowd: Crowd) -> None:
    site = crowd.site
    parent = site.serve("--reload")
    crowd.gather()
    crowd.connect()
    parent.kill()
    parent.wait()
    assert site.answer() == {"hello": "one"}
    cured(site, "PRC004")
    assert site.answer() is None
    assert crowd.missing() == []


def test_bystanders_survive_the_end_of_a_server_without_its_wrapper(crowd: Crowd) -> None:
    site = crowd.site
    npm = site.root.parent / "npm"
    npm.write_text("import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))")
    words = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(site.port)]
    wrapper = site.run([sys.executable, str(npm), *words], npm_lifecycle_event="dev")
    wait_for(lambda: site.answer() is not None)
    crowd.gather()
    crowd.connect()
    wrapper.kill()
    wrapper.wait()
    cured(site, "PRC008")
    assert site.answer() is None
    assert crowd.missing() == []


def test_bystanders_survive_the_restart_of_a_server_that_locks_its_database(crowd: Crowd) -> None:
    site = crowd.site
    site.write(".env", "DATABASE_URL=sqlite:///./shop.db\n")
    site.write("app/words.py", USES_DATABASE + LOCKS)
    site.serve()
    site.write("app/words.py", USES_DATABASE)
    crowd.gather()
    crowd.connect()
    done = site.unstale("fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DBF001" in done.stdout
    assert site.codes() == []
    assert crowd.missing() == []


def test_holder_that_is_only_seen_is_ended_by_its_pid_alone(crowd: Crowd) -> None:
    site = crowd.site
    site.write(".env", "DATABASE_URL=sqlite:///./shop.db\n")
    site.write("app/words.py", USES_DATABASE)
    server = site.serve()
    crowd.gather()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=site.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        done = site.unstale("fix", "--yes")
        assert done.returncode == 1
        assert f"--pid {holder.pid}" in done.stdout
        assert holder.poll() is None
        done = site.unstale("fix", "DBF001", "--pid", str(holder.pid), "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert holder.wait(5) == -signal.SIGTERM
        assert site.codes() == []
        assert server.poll() is None
        assert crowd.missing() == []
    finally:
        holder.kill()
        holder.communicate()


def test_server_that_runs_us_is_not_ended_by_us(site: Site) -> None:
    """A hook that repairs its own project: its server, as old as any, and its workers outlive the run."""
    fix = f"[{sys.executable!r}, '-m', 'unstale', 'fix', '--yes']"
    hook = f"\n\n@app.get('/hook')\ndef hook() -> int:\n    import subprocess\n    return subprocess.call({fix})\n"
    site.write("app/main.py", (site.root / "app/main.py").read_text() + hook)
    site.commit()
    server = site.serve("--workers", "2")
    site.old()
    site.write("app/words.py", 'GREETING = "two"\n')
    with socket.create_connection(("127.0.0.1", site.port), 60) as client:
        client.sendall(b"GET /hook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.splitlines()[0] == b"HTTP/1.1 200 OK"
    assert server.poll() is None
    assert "Shutting down" not in site.log.read_text()
    assert site.answer() == {"hello": "one"}


def test_second_work_tree_below_the_project_is_another_project(site: Site) -> None:
    """Its server runs the same command in a directory of ours, and is not ours to restart."""
    site.git("worktree", "add", "-q", "trees/next")
    second = Site(site.root / "trees/next", site.state)
    try:
        server, theirs = site.serve(), second.serve()
        site.old()
        second.write("app/words.py", 'GREETING = "next"\n')
        assert site.codes() == []
        assert str(theirs.pid) not in site.unstale("ps").stdout
        site.write("app/words.py", 'GREETING = "two"\n')
        cured(site, "PRC001")
        server.wait(5)
        assert theirs.poll() is None
        assert (site.answer(), second.answer()) == ({"hello": "two"}, {"hello": "one"})
        assert second.codes() == ["PRC001"]
    finally:
        second.end()


def test_project_within_the_project_takes_no_back_end_from_it(site: Site) -> None:
    for path in ("vendor/other/app/__init__.py", "vendor/other/requirements.txt"):
        site.write(path, "")
    site.write("vendor/other/app/main.py", APP)
    parts = [each["path"] for each in site.check("--only", "GIT")["project"]["parts"]]
    assert parts == [".", "vendor/other"]
