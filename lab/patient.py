"""A small project with a migrated database, for what is killed many times."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

from lab.arena import WHO, free_port
from lab.patient_files import APP, ENV, FIRST
from lab.waiting import wait_for

KILLED_CHILD = """\
import os, signal, sys
left = int(sys.argv[1]); seen = 0
def point():
    global seen
    seen += 1
    if seen == left:
        os.kill(os.getpid(), signal.SIGKILL)
from unstale import journal, sqlite_door
from unstale.local import LocalHost
write, require = journal.Journal._write, sqlite_door.SqliteDoor._require_changing
def written(self, line):
    point(); write(self, line); point()
def required(self, what):
    require(self, what); point()
journal.Journal._write = written
sqlite_door.SqliteDoor._require_changing = required
from unstale.cli.program import run
code = run(tuple(sys.argv[3:]))
open(sys.argv[2], "w").write(f"{seen} {code}")
sys.exit(code)
"""
_ROWS = 200


class Patient:
    """A small project with a migrated database, in a directory of its own; its server ends with it."""

    def __init__(self, place: Path) -> None:
        self.root, self.state, self.port = place / "shop", place / "state", free_port()
        self.server: subprocess.Popen[bytes] | None = None

    def lay(self) -> None:
        """Write it, migrate it to its first revision, fill it, commit it."""
        for name, text in {
            "app/__init__.py": "",
            "app/main.py": APP,
            "requirements.txt": "fastapi\n",
            "alembic.ini": "[alembic]\nscript_location = migrations\n",
            "migrations/env.py": ENV,
            "migrations/versions/a.py": FIRST,
            ".env": "DATABASE_URL=sqlite:///./app.db\n",
            ".gitignore": "*.db*\n.unstale/\n__pycache__/\n.venv/\n.env\n",
            "unstale.toml": f'[backend]\napp = "app.main:app"\npython = "{sys.executable}"\n',
        }.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._run("git", "init", "-q")
        self.commit()
        self._run(sys.executable, "-m", "alembic", "upgrade", "head")
        self.sql("INSERT INTO note (text) VALUES ('x')", times=_ROWS)

    def commit(self) -> None:
        """Commit everything."""
        self._run("git", "add", "-A")
        self._run("git", *WHO, "commit", "-q", "--allow-empty", "-m", "change")

    def sql(self, statement: str, times: int = 1) -> None:
        """Change the database."""
        with closing(sqlite3.connect(self.root / "app.db")) as database, database:
            for _ in range(times):
                database.execute(statement)

    def serve(self) -> None:
        """Start its server."""
        with (self.root.parent / "server.log").open("ab") as log:
            argv = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(self.port)]
            self.server = subprocess.Popen(
                argv,
                cwd=self.root,
                env=self.environ(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(lambda: self.answer() is not None)

    def answer(self) -> dict[str, object] | None:
        """Return what / says, None when nobody answers."""
        with suppress(OSError):
            address = f"http://127.0.0.1:{self.port}/"
            return dict(json.loads(urllib.request.urlopen(address, timeout=5).read()))
        return None

    def environ(self) -> dict[str, str]:
        """Return the environment of everything here."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))
        }
        return {**kept, "XDG_STATE_HOME": str(self.state), "PYTHONDONTWRITEBYTECODE": "1"}

    def unstale(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the tool to its end."""
        return self._run(sys.executable, "-m", "unstale", *words, check=False)

    def killed(self, at: int, *words: str) -> tuple[int, int] | None:
        """Run it until its point `at` (0: to its end); return how many points it passed and its exit code."""
        told = self.root.parent / "points"
        told.unlink(missing_ok=True)
        argv = [sys.executable, "-c", KILLED_CHILD, str(at), str(told), *words]
        subprocess.run(argv, cwd=self.root, env=self.environ(), capture_output=True, check=False)
        if not told.exists():
            return None
        points, code = told.read_text().split()
        return int(points), int(code)

    def fingerprint(self) -> str:
        """Return a digest of what a person would call its state: files, rows, schema, what is served, how often."""
        parts = [
            f"{path.relative_to(self.root)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not {".git", ".unstale", "__pycache__", ".venv"} & set(path.parts)
            if not path.name.startswith("app.db")
        ]
        parts.append(f"bytecode {sorted(each.name for each in self.root.rglob('gone*.pyc'))}")
        path = self.root / "app.db"
        if path.exists():
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
                parts += list(database.iterdump())
        if self.server is not None:
            parts += [str(self.answer()), str(len(self.leaders()))]
        return "\n".join(parts)

    def leaders(self) -> list[int]:
        """Return the pids of its servers."""
        rows = json.loads(self.unstale("ps", "--format", "json").stdout)["processes"]
        return [each["pid"] for each in rows if each["role"] == "server"]

    def end(self) -> None:
        """End every process that stands here, by pid."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()
        for name in (each for each in os.listdir("/proc") if each.isdigit()):
            with suppress(OSError):
                if (
                    os.readlink(f"/proc/{name}/cwd").startswith(str(self.root))
                    and int(name) != os.getpid()
                ):
                    os.kill(int(name), signal.SIGKILL)

    def _run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=self.root, env=self.environ(), capture_output=True, text=True, check=check
        )


def lay(scratch: Path) -> Path:
    """Lay the project that every case begins from; return where."""
    patient = Patient(scratch / "laid")
    patient.root.mkdir(parents=True)
    patient.lay()
    return patient.root
