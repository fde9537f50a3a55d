from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from unstale import sqlite_copy, sqlite_hands, sqlite_rows
from unstale.errors import Failed, Unavailable

_WRITER = """\
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
db.execute("pragma journal_mode=" + sys.argv[2])
db.execute("pragma wal_autocheckpoint=20")
db.execute("create table pair (a, b, filler)")
number = 0
print("ready", flush=True)
while True:
    number += 1
    db.execute("begin immediate")
    db.execute("delete from pair where rowid % 3 = 0")
    db.execute("insert into pair values (?, ?, ?)", (number, number, "x" * 3000))
    db.execute("commit")
"""


@pytest.fixture(params=["wal", "delete"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return a database that another process, which never waits for a lock, writes all the time."""
    path = tmp_path / "live.db"
    argv = [sys.executable, "-c", _WRITER, str(path), request.param]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield path
        assert child.poll() is None, "our look made the writer fail"
        child.kill()


def state(place: Path) -> dict[str, tuple[int, int, str]]:
    seen = {}
    for each in sorted(place.iterdir()):
        stat = each.stat()
        seen[each.name] = (
            stat.st_mtime_ns,
            stat.st_ino,
            hashlib.sha256(each.read_bytes()).hexdigest(),
        )
    return seen


def ask(
    path: Path, *statements: str, idle: bool = False, limit: int = 1 << 30
) -> tuple[sqlite_copy.Rows | None, ...]:
    return sqlite_copy.query(str(path), statements, limit=limit, idle=idle)


def test_every_copy_of_a_busy_database_is_whole_and_its_writer_never_waits(written: Path) -> None:
    whole, until = 0, time.monotonic() + 1.5
    while time.monotonic() < until:
        try:
            check, unequal, last = ask(
                written,
                "pragma integrity_check",
                "select count(*) from pair where a <> b",
                "select max(a) from pair",
            )
        except Unavailable as error:
            assert "changed" in error.why
            continue
        assert check == (("ok",),)
        assert unequal == ((0,),)
        assert last
        whole += 1
    assert whole > 3


def test_live_wal_is_seen_and_nothing_is_touched(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    with closing(sqlite3.connect(place / "app.db", isolation_level=None)) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t (x)")
        db.execute("insert into t values (7)")
        before, folder = state(place), place.stat().st_mtime_ns
        assert ask(place / "app.db", "select x from t", "select 1 from nowhere") == (((7,),), None)
        assert state(place) == before
        assert place.stat().st_mtime_ns == folder
        db.execute("insert into t values (8)")


def test_wal_left_by_a_crash_is_read_and_kept(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    code = (
        "import sqlite3, os, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('pragma journal_mode=wal'); db.execute('create table t (x)');"
        "db.execute('insert into t values (7)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(place / "app.db")], check=True)
    assert (place / "app.db-wal").stat().st_size
    before = state(place)
    assert ask(place / "app.db", "select x from t", idle=True) == (((7,),),)
    assert state(place) == before


def test_idle_file_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "odd name?#%.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript("create table t (x); insert into t values (7)")
    before = state(tmp_path)
    assert ask(path, "select x from t", idle=True, limit=0) == (((7,),),)
    assert state(tmp_path) == before


def test_hot_journal_is_rolled_back_in_the_copy_alone(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    code = (
        "import sqlite3, os, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('pragma cache_size=5'); db.execute('create table t (x)');"
        "db.execute('insert into t values (1)'); db.execute('begin');"
        "db.executemany('insert into t values (?)', [('x' * 900,)] * 500); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(place / "app.db")], check=True)
    assert (place / "app.db-journal").stat().st_size
    before = state(place)
    assert ask(place / "app.db", "select count(*) from t", idle=True) == (((1,),),)
    assert state(place) == before


def test_no_copy_stays_behind_and_its_directory_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, scratch = tmp_path / "app.db", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    with pytest.raises(Unavailable, match="cannot read"):
        ask(path, "select * from t")
    assert not list(scratch.iterdir())


def test_large_database_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"\0" * (3 << 20))
    with pytest.raises(Unavailable, match="3 MiB are more than the 1 MiB"):
        ask(path, "select 1", limit=1 << 20)


def test_backup_into_a_live_database_reaches_its_users(tmp_path: Path) -> None:
    live, kept = tmp_path / "live.db", tmp_path / "kept" / "kept.db"
    with closing(sqlite3.connect(live, isolation_level=None)) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t (x)")
        db.execute("insert into t values (1)")
        sqlite_hands.backup(str(live), str(kept))
        before = sqlite_rows.digest(str(live))
        db.execute("alter table t add column y")
        db.execute("insert into t values (2, 3)")
        assert sqlite_rows.digest(str(live)) != before
        sqlite_hands.backup(str(kept), str(live))
        assert db.execute("select * from t").fetchall() == [(1,)]
        assert sqlite_rows.digest(str(live)) == before == sqlite_rows.digest(str(kept))


def test_damaged_database_is_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    with pytest.raises(Failed, match="cannot copy"):
        sqlite_hands.backup(str(path), str(tmp_path / "kept.db"))


def test_deleted_file_is_readable_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"only copy")
    path.chmod(0o640)
    with sqlite_hands.held_open((str(path),)) as (name,):
        path.unlink()
        sqlite_hands.copy(name, str(tmp_path / "b"), like=name)
    assert (tmp_path / "b").read_bytes() == b"only copy"
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640
    assert not Path(name).exists()
