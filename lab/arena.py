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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uv import find_uv_bin

from lab.waiting import wait_for

if TYPE_CHECKING:
    from lab.engine import Engine

REPOSITORY = Path(__file__).parent.parent
WHO = ("-c", "user.name=lab", "-c", "user.email=lab@example.invalid")
MARGIN = 2.4
"""Seconds that a server must have run before an edit counts as later."""

_LEFT_OUT = shutil.ignore_patterns(
    ".venv", "node_modules", "dist", "__pycache__", "*.db*", ".env", "*.tsbuildinfo"
)
_NAMES = ("AI Exchange", "AI Workshop", "AI Handbook", "AI Showcase", "AI Notebook")
_OURS = ("PYTHON", "VIRTUAL_ENV", "UV_", "npm_", "MAKE", "MFLAGS", "COV_")


@dataclass(frozen=True, slots=True)
class Told:
    """An HTTP answer; status 0 when nobody answered."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        """Return the JSON body."""
        return json.loads(self.text)


class Arena:
    """One scratch copy of the example. Everything that it starts, it ends, by pid.

    `project` is where the tool is run: the example, unless a fault lives in an app of its own. `engine` is the
    Docker engine of the faults of containers; `wanted` and `page_port` are what a fault notes to be felt later.
    """

    def __init__(self, scratch: Path, engine: Engine | None = None) -> None:
        self.scratch = scratch
        self.engine = engine
        self.root = self.project = scratch / "ai_exchange"
        self.backend = self.root / "backend"
        self.frontend = self.root / "frontend"
        self.python = self.backend / ".venv/bin/python"
        self.database = self.backend / "ai_exchange.db"
        self.log = scratch / "server.log"
        self.port = free_port()
        self.started: list[subprocess.Popen[bytes]] = []
        self.began = 0.0
        self.wanted = 0
        self.page_port = 0

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

    def copy(self, scratch: Path, engine: Engine | None = None) -> Arena:
        """Return the same, laid in another directory; nothing in it knows where it lies."""
        scratch.mkdir(parents=True, exist_ok=True)
        self.run("cp", "-a", str(self.root), str(scratch), cwd=self.scratch)
        return Arena(scratch, engine)

    def install(self, *words: str) -> None:
        """Install into the example's environment."""
        argv = (find_uv_bin(), "pip", "install", "-q", "--python", str(self.python), *words)
        self.run(*argv, cwd=self.backend)

    def migrate(self, revision: str, verb: str = "upgrade") -> None:
        """Run Alembic."""
        self.run(str(self.python), "-m", "alembic", verb, revision, cwd=self.backend)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "-A", cwd=self.project)
        self.run("git", *WHO, "commit", "-q", "-m", message, cwd=self.project)

    def run(self, *argv: str, cwd: Path) -> str:
        """Run a command to its end; raise with its words when it fails."""
        done = subprocess.run(
            argv, cwd=cwd, env=self.environ(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv[:4])} failed in {cwd}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def compose(self, *words: str) -> None:
        """Run docker-compose on the project."""
        self.run("docker-compose", "-p", self.scratch.name.lower(), *words, cwd=self.root)

    def environ(self, **more: str) -> dict[str, str]:
        """Return our environment without what belongs to our own Python, npm or make."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
        engine = (
            self.engine.environ if self.engine else {"DOCKER_HOST": f"unix://{self.scratch}/none"}
        )
        state = str(self.scratch / "state")
        return {**env, "XDG_STATE_HOME": state, "NO_COLOR": "1", "COLUMNS": "100", **engine, **more}

    def start(self, *words: str, cwd: Path | None = None, **more: str) -> subprocess.Popen[bytes]:
        """Start the server on the arena's port and wait until it answers or ends."""
        argv = [str(self.python), "-m", "uvicorn", "app.main:app", "--port", str(self.port), *words]
        child = self.spawn(argv, cwd, **more)
        wait_for(lambda: self.ask("/health").status or child.poll() is not None)
        return child

    def restart(self, **more: str) -> None:
        """Stop everything, then start the server, with these variables besides."""
        self.stop()
        self.start(cwd=None, **more)

    def spawn(
        self, argv: list[str], cwd: Path | None = None, **more: str
    ) -> subprocess.Popen[bytes]:
        """Start a process in the back end's directory, in a session of its own."""
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                argv,
                cwd=cwd or self.backend,
                env=self.environ(**more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(child)
        self.began = time.monotonic()
        return child

    def age(self) -> None:
        """Let the last server grow so old that an edit from now on is a later one."""
        time.sleep(max(0.0, MARGIN - (time.monotonic() - self.began)))

    def ask(
        self, path: str, body: dict[str, Any] | None = None, token: str = "", port: int = 0
    ) -> Told:
        """GET, or POST a body."""
        headers = {"Content-Type": "application/json", "Accept": "text/html,*/*"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        data = json.dumps(body).encode() if body is not None else None
        url = f"http://127.0.0.1:{port or self.port}{path}"
        request = urllib.request.Request(url, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                return Told(response.status, response.read().decode(), dict(response.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Told(error.code, error.read().decode("utf-8", "replace"), {})
        except OSError as error:
            return Told(0, str(error), {})

    def rename_app(self) -> None:
        """Change the app's name in its settings, to one of equal length."""
        settings = self.backend / "app/settings.py"
        name = self._name()
        other = _NAMES[(_NAMES.index(name) + 1) % len(_NAMES)]
        settings.write_text(settings.read_text().replace(f'"{name}"', f'"{other}"'))

    def shown_name(self) -> tuple[str, bool]:
        """Return which name the app shows, and whether it is that of its settings."""
        told, want = self.ask("/api/meta"), self._name()
        shown = str(told.body["name"]) if told.status == 200 else f"HTTP {told.status}"
        return f"GET /api/meta → name {shown!r}, wanted {want!r}", shown == want

    def _name(self) -> str:
        text = (self.backend / "app/settings.py").read_text()
        return text.partition('name: str = "')[2].partition('"')[0]

    def comments(self) -> int:
        """Return how many comments the first resource has."""
        return int(self.ask("/api/resources/1/comments").body["total"])

    def locked(self, name: str) -> str:
        """Return "name==version" as the example's lock has it."""
        lines = (self.backend / "requirements.txt").read_text().splitlines()
        return next(line for line in lines if line.startswith(f"{name}==")).split()[0]

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

    def tables(self) -> str:
        """Return the example's database as SQL, "" where there is none."""
        if not self.database.exists() or not self.database.stat().st_size:
            return ""
        with closing(sqlite3.connect(self.database)) as database:
            return "\n".join(database.iterdump())

    def sign_in(self) -> str:
        """Return a token of the seed's first person."""
        login = {"email": "ada@example.org", "password": "correct horse battery"}
        return str(self.ask("/api/auth/login", login).body["access_token"])

    def unstale(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the tool as a user would."""
        argv = [sys.executable, "-m", "unstale", *words]
        return subprocess.run(
            argv, cwd=self.project, env=self.environ(), capture_output=True, text=True, check=False
        )

    def report(self) -> dict[str, Any]:
        """Return the report of `unstale check`."""
        return dict(json.loads(self.unstale("check", "--format", "json").stdout))

    def processes(self) -> list[dict[str, Any]]:
        """Return the rows of `unstale ps`."""
        return list(json.loads(self.unstale("ps", "--format", "json").stdout)["processes"])

    def codes(self) -> list[str]:
        """Return the codes of what is stale, roots first."""
        report = self.report()
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
            return os.readlink(f"/proc/{pid}/cwd").startswith(str(self.scratch))
        except OSError:
            return False


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
