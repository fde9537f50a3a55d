"""The classic faults, made for real in the example: each with the request by which a user feels it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from lab.arena import Arena, wait_for

MARGIN = 2.4
"""Seconds that a server must have run before an edit counts as later."""


@dataclass(slots=True)
class Fault:
    """One row of the demonstration.

    `inject` makes it so and returns what the user did; `felt` says what a request shows now and whether that is right.
    `before_fix` and `after_fix` are what the user does besides `unstale fix`.
    """

    name: str
    code: str
    inject: Callable[[Arena], str]
    felt: Callable[[Arena], tuple[str, bool]]
    fix: tuple[str, ...] = ("--yes",)
    after_fix: Callable[[Arena], None] = lambda arena: None
    undo: bool = False
    words: dict[str, str] = field(default_factory=dict)


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    if before not in text:
        raise RuntimeError(f"{path} does not hold {before!r}")
    path.write_text(text.replace(before, after))


def _name(arena: Arena, want: str) -> tuple[str, bool]:
    told = arena.ask("/api/meta")
    shown = str(told.body["name"]) if told.status == 200 else f"HTTP {told.status}"
    return f"GET /api/meta → name {shown!r}, wanted {want!r}", shown == want


def _old_process(arena: Arena) -> str:
    time.sleep(MARGIN)
    _edit(arena.backend / "app/settings.py", '"AI Exchange"', '"AI Exchange 2"')
    arena.commit("second name")
    return "the name was changed and committed; nobody restarted the server"


def _stale_bytecode(arena: Arena) -> str:
    arena.stop()
    source = arena.backend / "app/settings.py"
    arena.run(".venv/bin/python", "-c", "import app.settings", cwd=arena.backend)
    seen = source.stat()
    _edit(source, '"AI Exchange 2"', '"AI Exchange 3"')
    os.utime(source, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    arena.start()
    return "the file was changed within the second of the last save, and the server restarted"


def _leftover_package(arena: Arena) -> str:
    arena.stop()
    arena.install("--no-deps", "email-validator==1.3.1")
    arena.start()
    return "email-validator 1.3.1 was left in the environment; the server was restarted"


def _alive(arena: Arena) -> tuple[str, bool]:
    told = arena.ask("/api/resources")
    return (
        f"GET /api/resources → {f'HTTP {told.status}' if told.status else 'connection refused'}",
        told.status == 200,
    )


def _comment(arena: Arena) -> tuple[str, bool]:
    told = arena.ask("/api/resources/1/comments", {"body": "Is anyone writing?"}, arena.sign_in())
    return f"POST a comment → HTTP {told.status}", told.status == 201


_HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(600)
"""


def _locked(arena: Arena) -> str:
    script = arena.scratch / "forgotten_report.py"
    script.write_text(_HOLD)
    holder = arena.spawn([".venv/bin/python", str(script), str(arena.database)])

    def held() -> bool:
        with closing(sqlite3.connect(arena.database, timeout=0)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False

    wait_for(held)
    LOCKED.fix = ("DBF001", "--yes", "--pid", str(holder.pid))
    return f"a report script (pid {holder.pid}) began a transaction and never ended it"


def _deleted(arena: Arena) -> str:
    DELETED.words["rows"] = str(_rows(arena))
    for suffix in ("", "-wal", "-shm"):
        Path(f"{arena.database}{suffix}").unlink(missing_ok=True)
    told = arena.ask(
        "/api/resources/1/comments", {"body": "Written after the deletion."}, arena.sign_in()
    )
    return f"rm ai_exchange.db*, as the guide says; a comment written now is still answered with {told.status}"


def _rows(arena: Arena) -> int:
    return int(arena.ask("/api/resources/1/comments").body["total"])


def _kept(arena: Arena) -> tuple[str, bool]:
    shown = f"ai_exchange.db {'is there' if arena.database.exists() else 'is gone'}"
    total = _rows(arena) if arena.ask("/health").status == 200 else 0
    wanted = int(DELETED.words["rows"]) + 1
    return f"{shown}; comments: {total} of {wanted}", arena.database.exists() and total == wanted


def _missing_column(arena: Arena) -> str:
    arena.migrate("0001", "downgrade")
    return "the database of last week was brought back: it lacks user.professional_role"


def _schema(arena: Arena) -> tuple[str, bool]:
    time.sleep(1.1)
    told, health = arena.ask("/api/resources"), arena.ask("/health/db")
    return (
        f"GET /api/resources → HTTP {told.status}; /health/db says {health.body['database']}",
        told.status == 200,
    )


def _not_rebuilt(arena: Arena) -> str:
    found = [
        path for path in arena.frontend.glob("src/**/*.tsx") if "passed on." in path.read_text()
    ]
    _edit(found[0], "passed on.", "handed on.")
    arena.commit("better words")
    return "the headline was changed and committed; nobody built the front end"


def _headline(arena: Arena) -> tuple[str, bool]:
    scripts = re.findall(r'src="(/assets/[^"]+\.js)"', arena.ask("/").text)
    new = any("handed on." in arena.ask(path).text for path in scripts)
    return f"GET / → the {'new' if new else 'old'} headline", new


def _orphan(arena: Arena) -> str:
    arena.stop()
    parent = arena.start("--reload")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    _edit(arena.backend / "app/settings.py", '"AI Exchange 3"', '"AI Exchange 4"')
    return (
        "the reloading server was killed with -9, the name changed; its worker still has the port"
    )


def _start_again(arena: Arena) -> None:
    wait_for(lambda: arena.ask("/health").status == 0)
    arena.start()


OLD_PROCESS = Fault(
    "old process", "PRC001", _old_process, lambda arena: _name(arena, "AI Exchange 2")
)
BYTECODE = Fault(
    "stale .pyc", "PYC001", _stale_bytecode, lambda arena: _name(arena, "AI Exchange 3"), undo=True
)
PACKAGE = Fault(
    "leftover package",
    "ENV001",
    _leftover_package,
    _alive,
    after_fix=lambda arena: void(arena.start()),
    undo=True,
)
LOCKED = Fault("locked database", "DBF001", _locked, _comment)
DELETED = Fault("deleted database", "DBF002", _deleted, _kept)
COLUMN = Fault("missing column", "SCH001", _missing_column, _schema, undo=True)
BUILD = Fault("front end not rebuilt", "BLD001", _not_rebuilt, _headline, undo=True)
ORPHAN = Fault(
    "orphan on the port",
    "PRC004",
    _orphan,
    lambda arena: _name(arena, "AI Exchange 4"),
    after_fix=_start_again,
)

FAULTS = (OLD_PROCESS, BYTECODE, PACKAGE, LOCKED, DELETED, COLUMN, BUILD, ORPHAN)


def void(_: subprocess.Popen[bytes]) -> None:
    """Drop a result."""
