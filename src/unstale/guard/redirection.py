"""Leads every database connection of this process to a copy; what cannot be led there is refused.

Stand-alone, Python 3.9 or later, standard library only. `redirect` is called before any project code is imported, with

    {"kind": "sqlite", "live": "/srv/app.db", "to": "/…/copy.db", "wal": true}       # wal: the copy is put into WAL mode
    {"kind": "postgresql", "live": "app", "to": "unstale_1f3a"}    # database names: a wrong server has no such database

Only connections meant for "live" are led to "to". Memory and the copy itself are open; every other database is
refused, because nothing says that it may be changed; and so is what gets round the drivers: other programs, files that
are opened for writing in the live database's place, statements that change the server and not the database.
"""

import importlib
import importlib.util
import os
import re
import sqlite3
import sys
from urllib.parse import unquote, urlsplit

_ATTACH = 24  # SQLITE_ATTACH, https://sqlite.org/c3ref/c_alter_table.html
_SIDES = ("", "-wal", "-shm", "-journal")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"}
_ASKERS = {
    "ctypes.util",
    "platform",
    "uuid",
}  # they call ldconfig, gcc and uname, while a driver is imported
_DRIVERS = {
    "pysqlite",
    "aiosqlite",
    "psycopg",
    "psycopg_async",
    "psycopg2",
    "psycopg2cffi",
    "asyncpg",
    "pg8000",
}
_SERVER = re.compile(
    r"\s*(?:(?:CREATE|ALTER|DROP)\s+(?:ROLE|USER(?!\s+MAPPING)|GROUP|DATABASE|TABLESPACE|SYSTEM)\b"
    r"|REASSIGN\s+OWNED\b|DROP\s+OWNED\b)",
    re.IGNORECASE,
)


class Refused(Exception):
    """A connection that the rehearsal must not make."""


def redirect(asked, tell):
    """Patch the drivers; return how many rows of the copy break which foreign key before anything ran."""
    kind, live, copy = asked["kind"], asked["live"], asked["to"]
    broken = _prepare(copy, asked.get("wal")) if kind == "sqlite" else {}
    tell("broken", rows=broken)
    tell_reached = _Once(tell)
    _sqlite(live if kind == "sqlite" else None, copy, tell_reached)
    _postgresql(live if kind == "postgresql" else None, copy, tell_reached)
    _engines()
    sys.addaudithook(_barrier(live, copy) if kind == "sqlite" else _barrier(None, None))
    return broken


class _Once:
    """Tells once that the copy was reached."""

    def __init__(self, tell):
        self.tell = tell

    def __call__(self):
        if self.tell:
            self.tell("reached")
        self.tell = None


def _prepare(copy, wal):
    connection = sqlite3.connect(copy)
    if wal:
        connection.execute("PRAGMA journal_mode = WAL")
    broken = {}
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        broken[f"{table} → {parent}"] = broken.get(f"{table} → {parent}", 0) + 1
    connection.close()
    descriptor = os.open(copy, os.O_RDONLY)
    os.fsync(descriptor)  # a later COMMIT would wait for these pages too
    os.close(descriptor)
    return broken


def _sqlite(live, copy, reached):
    original = sqlite3.connect

    def connect(database, *args, **kwargs):
        path = file_of(database)
        if path is None or same(path, copy):
            return original(database, *args, **kwargs)
        if live is None or not same(path, live):
            raise Refused(
                f"the rehearsal does not open {path}: only the database that is migrated has a copy"
            )
        kwargs.pop("uri", None)
        connection = original(copy, *args[:6], **kwargs)
        connection.set_authorizer(lambda action, name, *_: _attaching(action, name, copy))
        reached()
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connect


def _attaching(action, name, copy):
    allowed = action != _ATTACH or not name or file_of(name) is None or same(file_of(name), copy)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def file_of(database):
    """Return the file that sqlite3.connect would open, None for memory and temporary ones (https://sqlite.org/uri.html)."""
    name = os.fsdecode(database)
    if name.startswith("file:"):
        parts = urlsplit(name)
        if "mode=memory" in parts.query or parts.path in ("", ":memory:"):
            return None
        name = unquote(parts.path)
    return None if name in ("", ":memory:") else os.path.abspath(name)


def same(one, other):
    """Return whether both names lead to one file."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _postgresql(live, copy, reached):
    def led(name):
        if live is None or name not in (live, copy):
            raise Refused(
                f"the rehearsal does not open database {name}: only the one that is migrated has a copy"
            )
        reached()
        return copy

    psycopg, psycopg2, asyncpg, pg8000 = map(
        _installed, ("psycopg", "psycopg2", "asyncpg", "pg8000")
    )
    if psycopg:
        for kind in (psycopg.Connection, psycopg.AsyncConnection):
            kind.connect = classmethod(
                _psycopg(kind.connect.__func__, led, psycopg.conninfo.conninfo_to_dict)
            )
        psycopg.connect = psycopg.Connection.connect
    if psycopg2:
        psycopg2.connect = _psycopg2(psycopg2.connect, led, psycopg2.extensions.parse_dsn)
    if asyncpg:
        asyncpg.connect = asyncpg.connection.connect = _asyncpg(asyncpg.connect, led)
    if pg8000:
        pg8000.connect = _pg8000(pg8000.connect, led)


def _installed(name):
    try:
        return importlib.import_module(name) if importlib.util.find_spec(name) else None
    except ImportError:  # without libpq; the project does not use it
        return None


def _default(user=None):
    return os.environ.get("PGDATABASE") or user or os.environ.get("PGUSER")


def _psycopg(original, led, parse):
    def connect(cls, conninfo="", **kwargs):
        said = parse(conninfo)
        name = (
            kwargs.get("dbname")
            or said.get("dbname")
            or _default(kwargs.get("user") or said.get("user"))
        )
        return original(cls, conninfo, **{**kwargs, "dbname": led(name)})

    return connect


def _psycopg2(original, led, parse):
    def connect(dsn=None, *args, **kwargs):
        said = parse(dsn) if dsn else {}
        given = kwargs.pop("database", None) or kwargs.pop("dbname", None)
        name = given or said.get("dbname") or _default(kwargs.get("user") or said.get("user"))
        return original(dsn, *args, **{**kwargs, "dbname": led(name)})

    return connect


def _asyncpg(original, led):
    def connect(dsn=None, **kwargs):
        said = urlsplit(dsn) if dsn else None
        path = unquote(said.path.lstrip("/")) if said else None
        name = (
            kwargs.get("database")
            or path
            or _default(kwargs.get("user") or (said and said.username))
        )
        return original(dsn, **{**kwargs, "database": led(name)})

    return connect


def _pg8000(original, led):
    def connect(user, host="localhost", database=None, *args, **kwargs):
        return original(user, host, led(database or user), *args, **kwargs)

    return connect


def _engines():
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "do_connect")
    def known(dialect, record, args, parameters):
        if dialect.driver not in _DRIVERS:
            raise Refused(f"the driver {dialect.name}+{dialect.driver} cannot be led to a copy")

    @event.listens_for(Engine, "before_cursor_execute")
    def within(conn, cursor, statement, parameters, context, executemany):
        if conn.dialect.name == "postgresql" and _SERVER.match(statement):
            raise Refused(
                "the statement changes the server, not only this database: it cannot be rehearsed"
            )


def _barrier(live, copy):
    sides = [os.path.realpath(live) + side for side in _SIDES] if live else []

    def hook(event, args):
        if event == "sqlite3.connect":
            path = file_of(args[0])
            if path is not None and not (copy and same(path, copy)):
                raise Refused(f"the rehearsal does not open {path}")
        elif event == "open" and sides and isinstance(args[0], (str, bytes)) and _writes(*args[1:]):
            if os.path.realpath(os.fsdecode(args[0])) in sides:
                raise Refused(f"the rehearsal does not write {os.fsdecode(args[0])}")
        elif event in _PROGRAMS and not _asked():
            raise Refused(f"the rehearsal starts no other program ({event})")

    return hook


def _writes(mode, flags):
    return bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & _WRITING)


def _asked():
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") in _ASKERS:
            return True
        frame = frame.f_back
    return False
