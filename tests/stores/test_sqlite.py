from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from unstale.errors import Failed
from unstale.local import LocalHost
from unstale.store import Digest, written_since
from unstale.stores.note import note_of
from unstale.stores.sqlite import SqliteStore
from unstale.stores.sqlite_sql import checks, collations, generated, normal, options

_SCHEMA = """
CREATE TABLE "User" (id INTEGER PRIMARY KEY AUTOINCREMENT, email VARCHAR(20) COLLATE nocase NOT NULL,
  role TEXT CHECK (role IN ('a','b,)')) DEFAULT 'a', twice INT GENERATED ALWAYS AS (id + 1), UNIQUE (email));
CREATE TABLE note (a INT NOT NULL, b INT REFERENCES "User" (id) ON DELETE CASCADE, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE INDEX ix ON note (b) WHERE b > 2;
CREATE VIEW everything AS SELECT * FROM note;
CREATE TRIGGER t AFTER INSERT ON note BEGIN SELECT 1; END;
INSERT INTO "User" (email) VALUES ('one'), ('two');
"""
_HOLD = "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1]); c.execute('select * from note'); print(1, flush=True); time.sleep(60)"


@pytest.fixture
def host() -> LocalHost:
    return LocalHost(changing=True)


@pytest.fixture(params=["wal", "delete"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    """A database that somebody has open, its last rows only in the WAL."""
    path = str(tmp_path / "a b%20.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {request.param}")
        connection.executescript(_SCHEMA)
        yield SqliteStore(path)


def more(path: str, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_backup_is_equal_private_and_noted(
    store: SqliteStore, host: LocalHost, tmp_path: Path
) -> None:
    target = str(tmp_path / "k/b.db")
    store.backup(host, target)
    copy, note = SqliteStore(target), note_of(host, target)
    assert copy.digest(host) == store.digest(host)
    assert copy.fingerprint(host) == store.fingerprint(host)
    assert note is not None
    assert (note.label, note.rows, note.revisions) == (store.path, {"User": 2, "note": 0}, ())
    assert sorted(os.listdir(tmp_path / "k")) == ["b.db", "b.db.json"]
    assert {os.stat(tmp_path / "k" / each).st_mode & 0o777 for each in ("b.db", "b.db.json")} == {
        0o600
    }


def test_backup_leaves_a_wal_of_a_crashed_process_as_it_is(tmp_path: Path, host: LocalHost) -> None:
    path = tmp_path / "app.db"
    crash = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('pragma journal_mode=wal'); c.execute('create table t(a)'); c.execute('insert into t values (1)'); c.commit(); os._exit(0)"
    subprocess.run([sys.executable, "-c", crash, str(path)], check=True)
    before = [(name, Path(f"{path}{name}").read_bytes()) for name in ("", "-wal")]
    SqliteStore(str(path)).backup(host, str(tmp_path / "b.db"))
    assert [(name, Path(f"{path}{name}").read_bytes()) for name in ("", "-wal")] == before
    assert SqliteStore(str(tmp_path / "b.db")).digest(host)["t"][0] == 1


def test_hot_journal_of_a_crashed_process_is_rolled_back_in_the_backup(
    tmp_path: Path, host: LocalHost
) -> None:
    path = tmp_path / "app.db"
    crash = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('pragma cache_size=1'); "
        "c.execute('create table t(a)'); c.execute('insert into t values (1)'); c.execute('begin'); "
        "c.executemany('insert into t values (?)', [('x' * 3000,)] * 50); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", crash, str(path)], check=True)
    assert Path(f"{path}-journal").stat().st_size
    SqliteStore(str(path)).backup(host, str(tmp_path / "b.db"))
    assert SqliteStore(str(tmp_path / "b.db")).digest(host)["t"][0] == 1


def test_scratch_copy_is_private_and_gone_also_when_the_work_fails(
    store: SqliteStore, host: LocalHost, tmp_path: Path
) -> None:
    place = tmp_path / "scratch"
    before = store.digest(host)
    with pytest.raises(ZeroDivisionError), store.scratch(host, str(place)) as copy:
        assert copy.digest(host) == before
        assert os.stat(place).st_mode & 0o777 == 0o700
        more(copy.label, "DELETE FROM User")
        raise ZeroDivisionError
    assert os.listdir(place) == []
    assert store.digest(host) == before


@pytest.mark.parametrize(
    "damage", [b"", b"x" * 8000, None], ids=["empty", "other", "one byte in the middle"]
)
def test_damaged_backup_replaces_nothing(
    store: SqliteStore, host: LocalHost, tmp_path: Path, damage: bytes | None
) -> None:
    target = tmp_path / "b.db"
    store.backup(host, str(target))
    whole = target.read_bytes()
    target.write_bytes(
        damage
        if damage is not None
        else whole[:-9] + bytes([whole[-9] ^ 1]) + whole[len(whole) - 8 :]
    )
    before = store.digest(host)
    with pytest.raises(Failed, match="is damaged"):
        store.restore(host, str(target), str(tmp_path / "keep"))
    assert store.digest(host) == before
    assert not (tmp_path / "keep").exists()


def test_restore_keeps_what_it_replaces_with_mode_and_link(tmp_path: Path, host: LocalHost) -> None:
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    with closing(sqlite3.connect(real)) as connection:
        connection.executescript("PRAGMA journal_mode = wal;" + _SCHEMA)
    real.chmod(0o640)
    link.symlink_to("real.db")
    store = SqliteStore(str(link))
    store.backup(host, str(tmp_path / "b.db"))
    before = store.digest(host)
    more(str(link), "INSERT INTO note VALUES (1, 1)")
    after = store.digest(host)
    store.restore(host, str(tmp_path / "b.db"), str(tmp_path / "keep"))
    assert link.is_symlink()
    assert store.digest(host) == before
    assert os.stat(real).st_mode & 0o777 == 0o640
    assert store.replaced(host, str(tmp_path / "keep"))
    store.put_back(host, str(tmp_path / "keep"), str(tmp_path / "keep2"))
    assert store.digest(host) == after
    assert SqliteStore(str(tmp_path / "keep2/real.db")).digest(host) == before
    assert not [each for each in os.listdir(tmp_path) if each.endswith((".restoring", "-wal"))]


def test_file_that_is_in_use_is_not_replaced(tmp_path: Path, host: LocalHost) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = wal;" + _SCHEMA)
    store = SqliteStore(str(path))
    store.backup(host, str(tmp_path / "b.db"))
    argv = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            child.stdout.readline()
            (used,) = store.users(host)
            assert used.startswith(f"process {child.pid} (")
            with pytest.raises(Failed, match="came to use it"):
                store.restore(host, str(tmp_path / "b.db"), str(tmp_path / "keep"))
        finally:
            child.kill()
    assert store.users(host) == ()
    assert not Path(f"{path}.restoring").exists()


def test_damaged_database_is_kept_with_its_wal_and_replaced(
    tmp_path: Path, host: LocalHost
) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = wal;" + _SCHEMA)
    store = SqliteStore(str(path))
    store.backup(host, str(tmp_path / "b.db"))
    before = store.digest(host)
    path.write_bytes(b"no database" * 1000)
    Path(f"{path}-wal").write_bytes(b"no WAL" * 1000)
    store.restore(host, str(tmp_path / "b.db"), str(tmp_path / "keep"))
    assert store.digest(host) == before
    assert (tmp_path / "keep/app.db").read_bytes().startswith(b"no database")
    assert (tmp_path / "keep/app.db-wal").read_bytes().startswith(b"no WAL")


def test_restore_where_nothing_was_is_taken_away_again(tmp_path: Path, host: LocalHost) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_SCHEMA)
    store = SqliteStore(str(path))
    store.backup(host, str(tmp_path / "b.db"))
    path.unlink()
    store.restore(host, str(tmp_path / "b.db"), str(tmp_path / "keep"))
    assert store.size(host)
    store.put_back(host, str(tmp_path / "keep"), str(tmp_path / "keep2"))
    assert store.size(host) is None
    assert SqliteStore(str(tmp_path / "keep2/app.db")).digest(host)["User"][0] == 2


_KILLED = """
import os, sys, unstale.sqlite_swap as swap
from unstale.local import LocalHost
from unstale.stores.sqlite import SqliteStore
count, stop = [0], int(sys.argv[4])
def witness(event, args):
    if event in ("os.link", "os.rename", "os.remove", "os.mkdir", "open", "sqlite3.connect"):
        count[0] += 1
        if count[0] == stop:
            os.kill(os.getpid(), 9)
store = SqliteStore(sys.argv[1])
sys.addaudithook(witness)
store.restore(LocalHost(changing=True), sys.argv[2], sys.argv[3])
sys.exit(7)
"""


def test_kill_at_any_door_leaves_the_old_or_the_new_one_whole(
    tmp_path: Path, host: LocalHost
) -> None:
    """The process is killed before its k-th look or change of the file system, for every k that can hold the exchange."""
    source, seen = tmp_path / "b.db", set()
    for stop in range(1, 400):
        place = tmp_path / str(stop)
        place.mkdir()
        path = place / "app.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript("PRAGMA journal_mode = wal;" + _SCHEMA)
        store = SqliteStore(str(path))
        if not source.exists():
            store.backup(host, str(source))
        new = SqliteStore(str(source)).digest(host)
        more(str(path), "INSERT INTO note VALUES (1, 1)")
        old = store.digest(host)
        argv = [sys.executable, "-c", _KILLED, str(path), str(source), str(place / "keep")]
        done = subprocess.run([*argv, str(stop)], check=False)
        found = store.digest(host)
        assert found in (old, new), stop
        seen.add(found == new)
        store.put_back(host, str(place / "keep"), str(place / "keep2"))  # what the next run does
        assert store.digest(host) == old, stop
        if done.returncode == 7:
            break
    assert seen == {True, False}


def test_rows_written_since_are_counted_by_table() -> None:
    noted: Digest = {"note": (3, "a"), "user": (2, "b"), "tag": (1, "c")}
    now: Digest = {"note": (5, "x"), "user": (2, "y"), "tag": (1, "c"), "new": (4, "z")}
    assert written_since(noted, now) == {"note": 2, "user": 2, "new": 4}


def test_sql_of_a_table_is_read_without_its_spelling() -> None:
    sql = "CREATE TABLE [T] (\"Email\" text COLLATE NoCase, -- why\n n int AS (a+b) STORED, CONSTRAINT ck CHECK (n > ')'), CHECK(a)) STRICT"
    assert normal("Create  TABLE `a` (b)") == "create table a ( b )"
    assert collations(sql) == {"email": "nocase"}
    assert generated(sql) == {"n": "a + b"}
    assert checks(sql) == [("ck", "n > ')'"), ("", "a")]
    assert options(sql) == "strict"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE note ADD COLUMN c INT",
        "CREATE INDEX other ON note (a)",
        "DROP INDEX ix",
        "DROP VIEW everything",
        "DROP TRIGGER t",
        "CREATE TABLE more (a)",
        'ALTER TABLE "User" ADD COLUMN d TEXT CHECK (d > 1)',
        "ALTER TABLE \"User\" ADD COLUMN e TEXT DEFAULT 'x'",
    ],
)
def test_every_change_of_the_schema_changes_its_fingerprint(
    store: SqliteStore, host: LocalHost, change: str
) -> None:
    before = store.fingerprint(host)
    more(store.path, change)
    assert store.fingerprint(host) != before


def test_backup_of_a_database_that_is_written_all_the_time_is_one_moment(
    store: SqliteStore, host: LocalHost, tmp_path: Path
) -> None:
    write = "import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)\nn = 0\nwhile True:\n c.execute('begin immediate'); c.execute('insert into note values (?, 1)', (n,)); c.execute('insert into User (email) values (?)', (f'x{n}',)); c.execute('commit'); n += 1; time.sleep(0.002)"
    with subprocess.Popen([sys.executable, "-c", write, store.path]) as child:
        try:
            time.sleep(0.3)
            for number in range(2):
                target = str(tmp_path / f"{number}.db")
                store.backup(host, target)
                rows = {name: rows for name, (rows, _) in SqliteStore(target).digest(host).items()}
                assert rows["User"] == rows["note"] + 2
        finally:
            child.kill()
