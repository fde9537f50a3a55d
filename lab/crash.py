"""Kills `unstale` at every point of its work, and looks what the next command makes of it.

`python -m lab.crash [EVERY]` prints the table. A point is before or after a line of the journal, or before a call
that changes the machine. Each kill happens in a copy of a small project with a database and, where it matters, a
server; afterwards a command that itself changes nothing (`fix` of a code that finds nothing) must decide it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab.arena import WHO, free_port
from lab.waiting import wait_for

_APP = """\
import sqlite3
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
def rows():
    with sqlite3.connect("app.db", timeout=10) as db:
        return {"rows": db.execute("SELECT count(*) FROM note").fetchone()[0], "code": "one"}
"""
_HOLDING = """\
import sqlite3
from fastapi import FastAPI
app = FastAPI()
db = sqlite3.connect("app.db", timeout=10, check_same_thread=False, isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
@app.get("/")
def rows():
    return {"rows": db.execute("SELECT count(*) FROM note").fetchone()[0], "code": "one"}
"""
_ENV = """\
from alembic import context
from sqlalchemy import create_engine
with create_engine("sqlite:///./app.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""
_FIRST = """\
from alembic import op
revision = "a"
down_revision = None
def upgrade(): op.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
"""
_SECOND = """\
from alembic import op
revision = "b"
down_revision = "a"
def upgrade():
    op.execute("ALTER TABLE note ADD COLUMN author TEXT")
    op.execute("UPDATE note SET author = 'unknown'")
    op.execute("CREATE INDEX ix_author ON note (author)")
"""
_CHILD = """\
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


@dataclass(frozen=True, slots=True)
class Case:
    """A command to kill. `before` brings the project into the state in which it has something to do."""

    name: str
    words: tuple[str, ...]
    before: Callable[[Patient], None]


@dataclass(slots=True)
class Tally:
    """What the kills of one case came to. `wrong` are those that were neither, lost something or stayed undecided."""

    points: int = 0
    old: int = 0
    new: int = 0
    wrong: list[str] = field(default_factory=list)


class Patient:
    """A small project with a migrated database, in a directory of its own; its server ends with it."""

    def __init__(self, place: Path) -> None:
        self.root, self.state, self.port = place / "shop", place / "state", free_port()
        self.server: subprocess.Popen[bytes] | None = None

    def lay(self) -> None:
        """Write it, migrate it to its first revision, fill it, commit it."""
        for name, text in {
            "app/__init__.py": "",
            "app/main.py": _APP,
            "requirements.txt": "fastapi\n",
            "alembic.ini": "[alembic]\nscript_location = migrations\n",
            "migrations/env.py": _ENV,
            "migrations/versions/a.py": _FIRST,
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
        argv = [sys.executable, "-c", _CHILD, str(at), str(told), *words]
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


def _leftover(patient: Patient) -> None:
    source = patient.root / "app/gone.py"
    source.write_text("x = 1\n")
    os.utime(source, (1, 1))  # its bytecode is the same in every copy
    argv = [
        sys.executable,
        "-c",
        "import py_compile; py_compile.compile('app/gone.py', 'app/gone.pyc')",
    ]
    subprocess.run(argv, cwd=patient.root, check=True)
    source.unlink()


def _pending(patient: Patient) -> None:
    (patient.root / "migrations/versions/b.py").write_text(_SECOND)
    patient.commit()


def _edited(patient: Patient) -> None:
    patient.serve()
    subprocess.run(["sleep", "2.3"], check=True)  # the server's start-up margin
    path = patient.root / "app/main.py"
    path.write_text(path.read_text().replace('"one"', '"two"'))


def _deleted(patient: Patient) -> None:
    (patient.root / "app/main.py").write_text(_HOLDING)
    patient.commit()
    patient.serve()
    patient.sql("INSERT INTO note (text) VALUES ('in the WAL alone')", times=5)
    for suffix in ("", "-wal", "-shm"):
        (patient.root / f"app.db{suffix}").unlink(missing_ok=True)


def _backed_up(patient: Patient) -> None:
    patient.unstale("db", "backup")
    patient.sql("INSERT INTO note (text) VALUES ('later')", times=3)


def _repaired(patient: Patient) -> None:
    _leftover(patient)
    patient.unstale("fix", "PYC003", "PYC004", "PYC005", "--yes")


def _migrated(patient: Patient) -> None:
    _pending(patient)
    patient.unstale("db", "migrate", "--yes")


def _restored(patient: Patient) -> None:
    _backed_up(patient)
    patient.unstale("db", "restore", "--yes")


def _cached(patient: Patient) -> None:
    _pending(patient)
    place = patient.root / "app/__pycache__"
    place.mkdir()
    (place / "gone.cpython-311.pyc").write_bytes(b"x")
    patient.serve()


def _reset(patient: Patient) -> None:
    _cached(patient)
    patient.unstale("reset", "--yes")


CASES = (
    Case("fix PYC004", ("fix", "PYC003", "PYC004", "PYC005", "--yes"), _leftover),
    Case("fix PRC001", ("fix", "PRC001", "--yes"), _edited),
    Case("fix DBF002", ("fix", "DBF002", "--yes"), _deleted),
    Case("fix SCH001", ("fix", "SCH001", "--yes"), _pending),
    Case("db migrate", ("db", "migrate", "--yes"), _pending),
    Case("db restore", ("db", "restore", "--yes"), _backed_up),
    Case("reset", ("reset", "--yes"), _cached),
    Case("undo of a fix", ("undo", "--yes"), _repaired),
    Case("undo of a migration", ("undo", "--yes"), _migrated),
    Case("undo of a restore", ("undo", "--yes"), _restored),
    Case("undo of a reset", ("undo", "--yes"), _reset),
)
_DECIDING = ("fix", "GIT004", "--yes")  # finds nothing here; it only decides what was killed before


def tally(case: Case, scratch: Path, laid: Path, every: int = 1) -> Tally:
    """Kill the case at each of its points, or at every n-th; return what that came to."""
    with _prepared(case, scratch / "whole", laid) as patient:
        old = patient.fingerprint()
        told = patient.killed(0, *case.words)
        assert told == (told and told[0], 0), f"{case.name} fails without a kill: {told}"
        new, points = patient.fingerprint(), told[0]
    counted = Tally()
    for at in range(1, points + 1, every):
        with _prepared(case, scratch / str(at), laid) as patient:
            patient.killed(at, *case.words)
            decided = patient.unstale(*_DECIDING)
            counted.points += 1
            now = patient.fingerprint()
            counted.old, counted.new = counted.old + (now == old), counted.new + (now == new)
            why = _wrong(patient, case, decided, new, known=now in (old, new))
            counted.wrong += [f"{case.name} at {at} of {points}: {why}"] if why else []
    return counted


def _wrong(
    patient: Patient,
    case: Case,
    decided: subprocess.CompletedProcess[str],
    new: str,
    *,
    known: bool,
) -> str:
    """Return what is wrong after the kill and the next command, or nothing."""
    if decided.returncode not in (0, 1):
        return f"the next command: {decided.stderr.strip()[-300:]}"
    if not known:
        return f"neither the former nor the new state: {decided.stderr.strip()[-300:]}"
    verified = patient.unstale("log", "--verify")
    if verified.returncode != 0:
        return f"undecided: {verified.stdout.strip()[-300:]}"
    again = patient.unstale(*case.words)
    if again.returncode not in (0, 1) or patient.fingerprint() != new:
        return f"a second try fails: {(again.stdout + again.stderr).strip()[-300:]}"
    return ""


@contextmanager
def _prepared(case: Case, place: Path, laid: Path) -> Iterator[Patient]:
    place.mkdir(parents=True)
    shutil.copytree(laid, place / "shop", symlinks=True)
    patient = Patient(place)
    try:
        case.before(patient)
        yield patient
    finally:
        patient.end()
        shutil.rmtree(place, ignore_errors=True)


def lay(scratch: Path) -> Path:
    """Lay the project that every case begins from; return where."""
    patient = Patient(scratch / "laid")
    patient.root.mkdir(parents=True)
    patient.lay()
    return patient.root


def main() -> int:
    """Print the table; 1 where a kill left anything but the former or the new state."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as scratch:
        laid = lay(Path(scratch))
        print(f"{'killed':<22} points  former  new  wrong")
        wrong: list[str] = []
        for case in CASES:
            counted = tally(case, Path(scratch) / case.name.replace(" ", "-"), laid, every)
            row = (
                f"{counted.points:>6}  {counted.old:>6}  {counted.new:>3}  {len(counted.wrong):>5}"
            )
            print(f"{case.name:<22} {row}", flush=True)
            wrong += counted.wrong
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
