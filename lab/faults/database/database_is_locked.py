"""DBF001."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from lab.arena import Arena
from lab.waiting import wait_for

_HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
time.sleep(600)
"""


def inject(arena: Arena) -> str:
    """Begin a transaction in a script of its own, and never end it."""
    script = arena.scratch / "forgotten_report.py"
    script.write_text(_HOLD)
    holder = arena.spawn([".venv/bin/python", str(script), str(arena.database)])
    wait_for(lambda: _locked(arena))
    return f"a report script (pid {holder.pid}) began a transaction and never ended it"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether anybody can write."""
    told = arena.ask("/api/resources/1/comments", {"body": "Is anyone writing?"}, arena.sign_in())
    return f"POST a comment → HTTP {told.status}", told.status == 201


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """End the holder by name, as printed: it is only seen, not the project's own."""
    words = printed[0].partition("#")[0].split()
    done = arena.unstale(*words[1:], "--yes")
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


def _locked(arena: Arena) -> bool:
    with closing(sqlite3.connect(arena.database, timeout=0)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False
