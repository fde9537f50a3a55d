"""The example app, installed, built, migrated, seeded and running in a scratch directory."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uv import find_uv_bin

REPOSITORY = Path(__file__).parent.parent
_LEFT_OUT = shutil.ignore_patterns(
    ".venv", "node_modules", "dist", "__pycache__", "*.db*", ".env", "*.tsbuildinfo"
)
_OURS = ("PYTHON", "VIRTUAL_ENV", "UV_", "npm_", "MAKE", "MFLAGS", "COV_")


@dataclass(frozen=True, slots=True)
class Told:
    """An HTTP answer; status 0 when nobody answered."""

    status: int
    text: str

    @property
    def body(self) -> Any:
        """Return the JSON body."""
        return json.loads(self.text)


class Arena:
    """One scratch copy of the example. Everything that it starts, it ends, by pid."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.root = scratch / "ai_exchange"
        self.backend = self.root / "backend"
        self.frontend = self.root / "frontend"
        self.python = self.backend / ".venv/bin/python"
        self.database = self.backend / "ai_exchange.db"
        self.log = scratch / "server.log"
        self.port = free_port()
        self.started: list[subprocess.Popen[bytes]] = []

    def lay(self) -> None:
        """Copy, install, build, migrate, seed and commit."""
        shutil.copytree(REPOSITORY / "examples/ai_exchange", self.root, ignore=_LEFT_OUT)
        key = f"SECRET_KEY={secrets.token_urlsafe(48)}\nDATABASE_URL=sqlite:///./ai_exchange.db\n"
        (self.backend / ".env").write_text(key)
        ignored = (
            ".venv/\nnode_modules/\ndist/\n__pycache__/\n*.db*\n.env\n.unstale/\n*.tsbuildinfo\n"
        )
        (self.root / ".gitignore").write_text(ignored)
        self.run(find_uv_bin(), "venv", "-q", "--python", sys.executable, ".venv", cwd=self.backend)
        self.install("--require-hashes", "-r", "requirements.txt")
        self.install("--no-deps", str(REPOSITORY / "health"))
        self.run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=self.frontend)
        self.run("git", "init", "-q", cwd=self.root)
        self.commit("begin")
        self.run("npm", "run", "build", cwd=self.frontend)
        self.migrate("head")
        self.run(str(self.python), "-m", "app.seed", cwd=self.backend)

    def install(self, *words: str) -> None:
        """Install into the example's environment."""
        argv = (find_uv_bin(), "pip", "install", "-q", "--python", str(self.python), *words)
        self.run(*argv, cwd=self.backend)

    def migrate(self, revision: str, verb: str = "upgrade") -> None:
        """Run Alembic."""
        self.run(str(self.python), "-m", "alembic", verb, revision, cwd=self.backend)

    def commit(self, message: str) -> None:
        """Commit everything."""
        who = ("-c", "user.name=lab", "-c", "user.email=lab@example.invalid")
        self.run("git", "add", "-A", cwd=self.root)
        self.run("git", *who, "commit", "-q", "-m", message, cwd=self.root)

    def run(self, *argv: str, cwd: Path) -> str:
        """Run a command to its end; raise with its words when it fails."""
        done = subprocess.run(
            argv, cwd=cwd, env=self.environ(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv[:4])} failed in {cwd}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def environ(self) -> dict[str, str]:
        """Return our environment without what belongs to our own Python, npm or make."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
        return {
            **env,
            "XDG_STATE_HOME": str(self.scratch / "state"),
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start the server on the arena's port and wait until it answers or ends."""
        argv = [
            ".venv/bin/python",
            "-m",
            "uvicorn",
            "app.main:app",
            "--port",
            str(self.port),
            *words,
        ]
        child = self.spawn(argv)
        wait_for(lambda: self.ask("/health").status == 200 or child.poll() is not None)
        return child

    def spawn(self, argv: list[str]) -> subprocess.Popen[bytes]:
        """Start a process in the back end's directory, in a session of its own."""
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                argv,
                cwd=self.backend,
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(child)
        return child

    def ask(self, path: str, body: dict[str, Any] | None = None, token: str = "") -> Told:
        """GET, or POST a body."""
        headers = {"Content-Type": "application/json", "Accept": "text/html,*/*"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                return Told(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            return Told(error.code, error.read().decode("utf-8", "replace"))
        except OSError as error:
            return Told(0, str(error))

    def rows(self) -> int:
        """Return how many rows of users, resources and comments on the first one the app shows, or the file."""
        if self.ask("/api/resources").status == 200:
            meta = self.ask("/api/meta").body
            return int(
                meta["members"]
                + meta["resources"]
                + self.ask("/api/resources/1/comments").body["total"]
            )
        count = "(SELECT count(*) FROM {})"
        parts = (
            count.format("user"),
            count.format("resource"),
            "(SELECT count(*) FROM comment WHERE resource_id = 1)",
        )
        with closing(sqlite3.connect(self.database)) as database:
            return int(database.execute(f"SELECT {' + '.join(parts)}").fetchone()[0])

    def sign_in(self) -> str:
        """Return a token of the seed's first person."""
        login = {"email": "ada@example.org", "password": "correct horse battery"}
        return str(self.ask("/api/auth/login", login).body["access_token"])

    def unstale(self, *words: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the tool as a user would."""
        argv = [sys.executable, "-m", "unstale", *words]
        cwd = root or self.root
        return subprocess.run(
            argv, cwd=cwd, env=self.environ(), capture_output=True, text=True, check=False
        )

    def codes(self, root: Path | None = None) -> list[str]:
        """Return the codes of what is stale, roots first."""
        report = json.loads(self.unstale("check", "--format", "json", root=root).stdout)
        stale = [each for each in report["findings"] if each["severity"] == "stale"]
        return [each["code"] for each in sorted(stale, key=lambda each: each["root"] is not None)]

    def stop(self) -> None:
        """End every process that stands in the scratch directory, by pid."""
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid() and self._stands_here(name):
                try:
                    os.kill(int(name), 15)
                except ProcessLookupError:
                    continue
        for child in self.started:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        wait_for(lambda: self.ask("/health").status == 0)
        self.started.clear()

    def _stands_here(self, pid: str) -> bool:
        try:
            return os.readlink(f"/proc/{pid}/cwd").startswith(str(self.root))
        except OSError:
            return False


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(true: Callable[[], object], timeout: float = 30.0) -> None:
    """Poll until it holds. Raises RuntimeError when it does not in time (seconds)."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("it did not come true in time")
        time.sleep(0.05)
