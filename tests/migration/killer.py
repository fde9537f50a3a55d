"""Runs guard/run_migrations.py again and again in forks of one warm process, each killed at one point, then once more.

A point is "3" (before the third statement that changes something), "commit" (before the COMMIT) or "committed" (after it). Prints what the
SQLite file beside it, or the PostgreSQL database of $CHECK_URL, holds after the kill and after the retry; on a server a
killed run is the retry of the one before.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import alembic.command
import alembic.config  # noqa: F401 - warm before the forks
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect


def main() -> None:
    guard, asked, *points = sys.argv[1:]
    shutil.copy("app.db", "pristine.db") if Path("app.db").exists() else None
    for point in points:
        if Path("pristine.db").exists():
            for suffix in ("-wal", "-shm", "-journal"):
                Path(f"app.db{suffix}").unlink(missing_ok=True)
            shutil.copy("pristine.db", "app.db")
        ended = run(guard, asked, point)
        left = state()
        told = {"point": point, "ended": ended, "left": left}
        if Path("pristine.db").exists() or point == points[-1]:
            told = {**told, "retry": run(guard, asked, ""), "after": state()}
        print(json.dumps(told), flush=True)


def run(guard: str, asked: str, point: str) -> int:
    child = os.fork()
    if child == 0:
        if point:
            arm(point)
        sys.argv = [guard, asked]
        runpy.run_path(guard, run_name="__main__")
        os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def arm(point: str) -> None:
    """Let this process be killed at the point."""
    seen = [0]

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def count(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        seen[0] += not statement.lstrip().upper().startswith(("PRAGMA", "SELECT"))
        if str(seen[0]) == point:
            die()

    event.listen(Engine, "before_cursor_execute", count)
    if point == "commit":
        event.listen(Engine, "commit", die)
    if point == "committed":
        inner = DefaultDialect.do_commit

        def commit(self: DefaultDialect, connection: object) -> None:
            inner(self, connection)  # type: ignore[arg-type]
            die()

        DefaultDialect.do_commit = commit  # type: ignore[method-assign,assignment]


def state() -> str:
    """Return all that the database holds, in one line."""
    url = os.environ.get("CHECK_URL")
    if not url:
        connection = sqlite3.connect("app.db")
        text = "\n".join(connection.iterdump())
        connection.close()
        return text
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        columns = connection.exec_driver_sql(
            "select table_name, column_name, data_type, is_nullable from information_schema.columns "
            "where table_schema = 'public' order by 1, 2"
        ).fetchall()
        indexes = connection.exec_driver_sql(
            "select indexname from pg_indexes where schemaname = 'public' order by 1"
        ).fetchall()
        rows = connection.exec_driver_sql("select version_num from alembic_version").fetchall()
    engine.dispose()
    return repr([columns, indexes, rows])


if __name__ == "__main__":
    main()
