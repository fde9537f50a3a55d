"""Runs `alembic upgrade` in the project's own Python: recorded, crash-safe on SQLite, and on a copy when it rehearses.

Stand-alone, Python 3.9 or later, standard library and the project's alembic and SQLAlchemy. Run as
`PYTHON run_migrations.py JSON` in the directory of alembic.ini, as a person would run alembic there. All but the first
three are optional:

    {"config": "alembic.ini", "target": "head", "record": "/…/record.jsonl",
     "redirect": {"kind": "sqlite", "live": "/srv/app.db", "to": "/…/copy.db", "wal": true},   # see redirection.py
     "parent": 4711,                 # die with this process: what is not committed is then rolled back
     "lock_timeout": 5.0,            # seconds that a statement on PostgreSQL may wait for a lock, where nothing else is set
     "broken": {"child → parent": 2}}                # rows that broke a foreign key before, as the rehearsal counted them

The record is a JSON object a line, times in seconds of one monotonic clock; parameters and literals are never in it:

    {"event": "reached", "at"}                          a connection was led to the copy
    {"event": "broken", "rows": {"child → parent": 2}}  foreign keys that the copy breaks before the rehearsal
    {"event": "begin", "at", "conn", "waited"}          a transaction; SQLite's write lock is held from here
    {"event": "statement", "at", "took", "conn", "sql", "rows", "auto", "where": [file, line] or null}
    {"event": "commit", "at", "took", "conn"}  {"event": "rollback", "at", "conn"}
    {"event": "failed", "error", "where"}  or  {"event": "done"}

On SQLite three things together keep either the old schema or the new one wherever the process is killed, whatever
env.py does: the driver opens no transaction by itself, one is opened at once by BEGIN IMMEDIATE, and Alembic is told
that DDL is transactional. Foreign keys are off before the BEGIN, because a rebuilt table is dropped, and are checked
before the COMMIT. What a script commits by itself, or runs in an autocommit_block, stays as the script wants it.
"""

import ctypes
import json
import os
import re
import runpy
import signal
import sys
import time

_LITERAL = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_VALUE = re.compile(r': "[^"]*"$')  # invalid input syntax for type integer: "…"
_DROPPED = re.compile(r"\s*DROP\s+TABLE\b", re.IGNORECASE)
_LONGEST = 400  # characters of a statement
_READ = re.compile(r"\s*(?:SELECT|PRAGMA)\b", re.IGNORECASE)
_MOST, _SLOW = 5_000, 0.05  # statements that are told one by one, and seconds from which each is
_SHORTEST = 3  # characters of a parameter that a message may repeat


class _Run:
    """What one run knows: where it writes, which transactions stand, what the last statement was given."""

    def __init__(self, asked):
        self.asked = asked
        self.file = open(asked["record"], "a", encoding="utf-8")
        self.auto = False  # the transaction that begins now is none: AUTOCOMMIT
        self.open = set()  # connections that hold SQLite's write lock
        self.told = 0
        self.quiet = set()  # connections whose transaction needs no more statements told
        self.owing = {}  # by connection: whether foreign keys must be checked before its COMMIT
        self.given = None
        self.where = None
        self.began = 0.0
        self.broken = dict(asked.get("broken") or {})

    def worth(self, mine, statement, took):
        """Return whether a statement is told: a script that fills rows one by one must not fill the record too."""
        self.told += 1
        new = mine not in self.quiet  # its lock begins here
        if self.told > _MOST and not _READ.match(statement):
            self.quiet.add(mine)
        return self.told <= _MOST or took > _SLOW or new

    def tell(self, event, **words):
        self.file.write(json.dumps({"event": event, **words}) + "\n")
        self.file.flush()


def main():
    asked = json.loads(sys.argv[1])
    _die_with(asked.get("parent"))
    sys.dont_write_bytecode = sys.dont_write_bytecode or bool(
        asked.get("redirect")
    )  # a rehearsal leaves nothing
    run = _Run(asked)
    sys.path[0] = os.getcwd()  # as `python -m alembic` has it, instead of this directory
    sys.argv = ["alembic", "-c", asked["config"], "upgrade", asked["target"]]
    try:
        if asked.get("redirect"):
            beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redirection.py")
            run.broken = runpy.run_path(beside)["redirect"](asked["redirect"], run.tell)
        _listen(run)
        _keep_safe(run)
        _upgrade()
    except BaseException as error:
        run.tell("failed", error=_said(error, run.given), where=_place(error) or run.where)
        return 1
    run.tell("done")
    return 0


def _die_with(parent):
    """Ask for SIGKILL when the parent dies (PR_SET_PDEATHSIG, prctl(2)); it may have died before."""
    if parent:
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def _upgrade():
    from alembic import command
    from alembic.config import CommandLine, Config

    options = CommandLine(prog="alembic").parser.parse_args(sys.argv[1:])
    name = options.config[-1] if isinstance(options.config, list) else options.config
    more = (
        {"toml_file": "pyproject.toml"}
        if os.path.exists("pyproject.toml") and _knows_toml(Config)
        else {}
    )
    command.upgrade(
        Config(name, ini_section=options.name, cmd_opts=options, **more), options.revision
    )


def _knows_toml(config):
    return "toml_file" in config.__init__.__code__.co_varnames  # alembic 1.16


def _listen(run):
    """Record what passes through SQLAlchemy; an engine's own listeners run after those of the class."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "before_cursor_execute")
    def before(conn, cursor, statement, parameters, context, executemany):
        run.given, run.where, run.began = parameters, _script(sys._getframe(1)), time.monotonic()

    @event.listens_for(Engine, "after_cursor_execute")
    def after(conn, cursor, statement, parameters, context, executemany):
        took = time.monotonic() - run.began
        mine = _ident(conn.connection)
        if _DROPPED.match(statement):
            run.owing[mine] = True
        run.given = None
        if run.worth(mine, statement, took):
            words = {
                "sql": shown(statement),
                "rows": getattr(cursor, "rowcount", -1),
                "where": run.where,
            }
            auto = _automatic(conn)
            run.tell("statement", at=run.began, took=took, conn=mine, auto=auto, **words)

    @event.listens_for(Engine, "begin")
    def begin(conn):
        run.auto = _automatic(conn)
        if conn.dialect.name == "sqlite" and not run.auto:
            (was_on,) = _ask(conn.connection, "PRAGMA foreign_keys")
            run.owing[_ident(conn.connection)] = bool(was_on)
            _ask(conn.connection, "PRAGMA foreign_keys = OFF")
        elif conn.dialect.name == "postgresql" and run.asked.get("lock_timeout") and not run.auto:
            milliseconds = int(run.asked["lock_timeout"] * 1000)
            _ask(
                conn.connection,
                f"SELECT set_config('lock_timeout', '{milliseconds}ms', true) WHERE current_setting('lock_timeout') = '0'",
            )


def _keep_safe(run):
    """Wrap what SQLAlchemy calls after an engine's listeners, so that theirs may have done it already."""
    from alembic.ddl.sqlite import SQLiteImpl
    from sqlalchemy import event
    from sqlalchemy.engine.default import DefaultDialect
    from sqlalchemy.pool import Pool

    SQLiteImpl.transactional_ddl = property(_always, _never)
    begin, commit, rollback = (
        DefaultDialect.do_begin,
        DefaultDialect.do_commit,
        DefaultDialect.do_rollback,
    )

    @event.listens_for(Pool, "connect")
    def manual(connection, record):
        if (
            type(connection).__module__.startswith("sqlite3")
            or "aiosqlite" in type(connection).__module__
        ):
            if hasattr(connection, "autocommit"):
                connection.autocommit = -1  # LEGACY_TRANSACTION_CONTROL; Python 3.12
            connection.isolation_level = None
            _ask(
                connection, "PRAGMA wal_autocheckpoint = 0"
            )  # in a COMMIT it would count as lock time

    def do_begin(self, connection):
        begin(self, connection)
        began, mine = time.monotonic(), _ident(connection)
        if run.auto:
            return
        if self.name == "sqlite" and not _driver(connection).in_transaction:
            _ask(connection, "BEGIN" if run.open else "BEGIN IMMEDIATE")
        run.open.add(mine)
        now = time.monotonic()
        run.tell("begin", at=now, waited=now - began, conn=mine)

    def do_commit(self, connection):
        mine = _ident(connection)
        if self.name == "sqlite" and run.owing.get(mine) and _driver(connection).in_transaction:
            _check_foreign_keys(connection, run.broken)
        began = time.monotonic()
        commit(self, connection)
        run.tell("commit", at=began, took=time.monotonic() - began, conn=mine)
        run.open.discard(mine)
        run.quiet.discard(mine)
        if self.name == "sqlite":
            _ask(
                connection, "PRAGMA wal_checkpoint(PASSIVE)"
            )  # else the app's next COMMIT pays for it

    def do_rollback(self, connection):
        rollback(self, connection)
        mine = _ident(connection)
        if self.name == "sqlite" and _driver(connection).in_transaction:
            connection.rollback()  # skip_autocommit_rollback takes isolation_level None for autocommit
        if mine in run.open:
            run.tell("rollback", at=time.monotonic(), conn=mine)
        run.open.discard(mine)

    DefaultDialect.do_begin, DefaultDialect.do_commit, DefaultDialect.do_rollback = (
        do_begin,
        do_commit,
        do_rollback,
    )


def _always(impl):
    return True


def _never(impl, value):
    """Keep env.py from setting it back."""


def _check_foreign_keys(connection, before):
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_key_check")
    now = {}
    for row in cursor.fetchall():
        now[f"{row[0]} → {row[2]}"] = now.get(f"{row[0]} → {row[2]}", 0) + 1
    cursor.close()
    more = sorted(
        f"{rows - before.get(pair, 0)} of {pair}"
        for pair, rows in now.items()
        if rows > before.get(pair, 0)
    )
    if more:
        raise RuntimeError(f"foreign keys would be broken: {', '.join(more)}")


def _ask(connection, statement):
    cursor = connection.cursor()
    cursor.execute(statement)
    row = cursor.fetchone() if cursor.description else None
    cursor.close()
    return row


def _driver(connection):
    return getattr(connection, "driver_connection", None) or getattr(
        connection, "connection", connection
    )


def _ident(connection):
    return id(_driver(connection))


def _automatic(conn):
    return conn.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def _script(frame):
    """Return [file, line] of the migration script that is at work."""
    while frame is not None:
        if "down_revision" in frame.f_globals and "revision" in frame.f_globals:
            return [frame.f_code.co_filename, frame.f_lineno]
        frame = frame.f_back
    return None


def _place(error):
    found, trace = None, error.__traceback__
    while trace is not None:
        if "down_revision" in trace.tb_frame.f_globals:
            found = [trace.tb_frame.f_code.co_filename, trace.tb_lineno]
        trace = trace.tb_next
    return found


def shown(statement):
    """Return the statement on one line without its literals."""
    text = " ".join(_LITERAL.sub("'…'", str(statement)).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _said(error, given):
    """Return the error's first line without any value that the last statement was given."""
    error = getattr(error, "orig", None) or error
    text = str(error).strip()
    text = _VALUE.sub(': "…"', text.splitlines()[0] if text else "")
    for value in sorted(_values(given), key=len, reverse=True):
        text = text.replace(value, "…")
    return f"{type(error).__name__}: {text}"


def _values(given):
    if isinstance(given, dict):
        given = given.values()
    if isinstance(given, (list, tuple)) or (
        given is not None and not isinstance(given, (str, bytes, int, float))
    ):
        try:
            return {text for each in given for text in _values(each)}
        except TypeError:
            pass
    text = str(given)
    return {text} if given is not None and len(text) >= _SHORTEST else set()


if __name__ == "__main__":
    sys.exit(main())
