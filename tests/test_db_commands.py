"""The database commands as a person runs them: real servers, real files, real kills."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from adoption_models import alembics_own_view, create_all, create_all_sql, filled, lay, rows
from jsonschema import Draft202012Validator

from lab.postgres import PASSWORD

if TYPE_CHECKING:
    from conftest import Cluster, Site

ROOT = Path(__file__).parent.parent
_APP = """\
import sqlite3

from fastapi import FastAPI

app = FastAPI()
URL = "sqlite:///./app.db"
db = sqlite3.connect("app.db", check_same_thread=False, isolation_level=None)


@app.get("/")
def count() -> int:
    return db.execute("select count(*) from note").fetchone()[0]
"""


def valid(text: str) -> dict[str, Any]:
    """Return the document, held against its schema."""
    document = json.loads(text)
    schema = json.loads((ROOT / "docs/schema/unstale.db-1.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(document)
    return document  # type: ignore[no-any-return]


def sql(site: Site, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(site.root / "app.db", isolation_level=None)) as connection:
        return [connection.execute(each).fetchall() for each in statements]


def notes(site: Site) -> int:
    return int(sql(site, "SELECT count(*) FROM note")[0][0][0])


def kept(site: Site, ending: str = "before.db") -> list[Path]:
    return sorted(site.state.rglob(ending))


@pytest.fixture
def shop(site: Site) -> Site:
    """An app with a database in WAL mode, at a revision of its own."""
    site.write("app/main.py", _APP)
    site.write(
        "unstale.toml",
        f'[backend]\npath = "."\napp = "app.main:app"\npython = "{sys.executable}"\n',
    )
    sql(
        site,
        "PRAGMA journal_mode = wal",
        "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)",
        "INSERT INTO note (text) VALUES ('a'), ('b')",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('abc')",
    )
    return site


@pytest.fixture
def modelled(site: Site) -> Site:
    """An app whose database create_all made."""
    subprocess.run(["rm", "-r", str(site.root / "app")], check=True)
    lay(site.root)
    site.write(
        "unstale.toml",
        f'[backend]\npath = "."\napp = "app.main:app"\npython = "{sys.executable}"\n',
    )
    create_all(site.root)
    sql(site, *filled(7))
    return site


def test_status_names_revision_users_and_backups_and_changes_nothing(shop: Site) -> None:
    shop.serve()
    before = {
        path: path.stat().st_mtime_ns for path in shop.root.rglob("*") if ".git" not in path.parts
    }
    (row,) = valid(shop.unstale("db", "status", "--format", "json").stdout)["databases"]
    assert row["revisions"] == ["abc"]
    assert (row["kind"], row["journal"], row["error"], row["backups"]) == (
        "sqlite",
        "wal",
        None,
        [],
    )
    assert [each for each in row["users"] if f"process {shop.started[0].pid} " in each]
    assert {
        path: path.stat().st_mtime_ns for path in shop.root.rglob("*") if ".git" not in path.parts
    } == before
    assert not shop.state.exists()
    text = shop.unstale("db", "status")
    assert "at abc" in text.stdout or "abc" in text.stdout
    assert "no backup is kept" in text.stdout
    assert text.stdout.count("WAL-reset") == (sqlite3.sqlite_version_info < (3, 51, 3))


def test_backup_of_a_served_database_says_where_and_how_to_bring_it_back(shop: Site) -> None:
    shop.serve()
    done = shop.unstale("db", "backup")
    assert done.returncode == 0, done.stderr
    (file,) = kept(shop)
    assert str(file) in done.stdout
    assert f"unstale db restore {file.parent.parent.name}" in done.stdout
    assert shop.answer() == 2
    document = valid(shop.unstale("db", "backup", "--format", "json").stdout)
    assert document["backup"]["rows"] == 3
    (row,) = valid(shop.unstale("db", "status", "--format", "json").stdout)["databases"]
    assert row["backups"][0]["run"] == document["run"]
    log = shop.unstale("log").stdout
    assert "app.db at abc in " in log
    assert "db backup " in log


def test_backup_never_overwrites(shop: Site) -> None:
    target = shop.root.parent / "b.db"
    assert shop.unstale("db", "backup", "-o", str(target)).returncode == 0
    before = target.read_bytes()
    again = shop.unstale("db", "backup", "-o", str(target))
    assert (again.returncode, target.read_bytes()) == (2, before)
    assert "already there" in again.stderr


def test_restore_asks_refuses_users_and_undo_brings_the_replaced_one_back(shop: Site) -> None:
    shop.unstale("db", "backup")
    sql(shop, "INSERT INTO note (text) VALUES ('c')")
    asked = shop.unstale("db", "restore")
    assert asked.returncode == 2
    assert "note: 3 rows now, 2 in the backup  1 only in the live one" in asked.stderr
    server = shop.serve()
    used = shop.unstale("db", "restore", "--yes")
    assert used.returncode == 2
    assert f"process {server.pid} (" in used.stderr
    assert "uvicorn app.main:app" in used.stderr
    server.kill()
    server.wait()
    assert notes(shop) == 3
    document = valid(shop.unstale("db", "restore", "--yes", "--format", "json").stdout)
    assert (document["rows_before"]["note"], document["rows_after"]["note"]) == (3, 2)
    assert notes(shop) == 2
    undone = shop.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert notes(shop) == 3
    assert kept(shop, "app.db")  # what was replaced, twice


def test_undo_of_a_restore_is_refused_with_the_rows_that_were_written_since(shop: Site) -> None:
    shop.unstale("db", "backup")
    shop.unstale("db", "restore", "--yes")
    sql(shop, "INSERT INTO note (text) VALUES ('d'), ('e')")
    undone = shop.unstale("undo", "--yes")
    assert undone.returncode == 2
    assert "2 of note" in undone.stderr
    assert notes(shop) == 4


def test_damaged_backup_is_refused_before_anything_is_touched(shop: Site) -> None:
    shop.unstale("db", "backup")
    (file,) = kept(shop)
    raw = bytearray(file.read_bytes())
    raw[-20] ^= 1
    file.write_bytes(raw)
    done = shop.unstale("db", "restore", "--yes")
    assert done.returncode == 2
    assert "is damaged" in done.stderr
    assert "db restore" not in shop.unstale("log").stdout
    other = shop.write("notes.txt", "no database")
    assert "another kind of file" in shop.unstale("db", "restore", str(other), "--yes").stderr
    assert "unknown backup" in shop.unstale("db", "restore", "nothing", "--yes").stderr


def test_database_that_was_damaged_is_restored_and_kept(shop: Site) -> None:
    shop.unstale("db", "backup")
    (shop.root / "app.db").write_bytes(b"damaged" * 3000)
    done = shop.unstale("db", "restore", "--yes")
    assert done.returncode == 0, done.stderr
    assert "cannot be read" in done.stderr
    assert notes(shop) == 2
    assert kept(shop, "app.db")[0].read_bytes().startswith(b"damaged")


def test_project_without_a_database_says_so(site: Site) -> None:
    assert "no database" in site.unstale("db", "status").stderr
    assert site.unstale("db", "backup").returncode == 2
    wrong = site.unstale("db", "bakup")
    assert (wrong.returncode, "did you mean backup?" in wrong.stderr) == (2, True)
    assert site.unstale("db").stdout.startswith("Usage: unstale db")


@pytest.mark.parametrize("url", ["", "sqlite+aiosqlite:///./app.db"], ids=["source", ".env"])
def test_adoption_stamps_without_a_row_changed_and_is_taken_back_whole(
    modelled: Site, url: str
) -> None:
    path = str(modelled.root / "app.db")
    modelled.write(".env", f"DATABASE_URL={url}\n") if url else None
    before, files = rows(path), set(modelled.root.rglob("*"))
    dry = modelled.unstale("db", "adopt", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "app/main.py:10 makes tables" in dry.stdout
    assert set(modelled.root.rglob("*")) == files
    assert modelled.unstale("db", "adopt").returncode == 2
    document = valid(modelled.unstale("db", "adopt", "--yes", "--format", "json").stdout)
    assert document["differences"] == []
    assert [Path(each).name for each in document["files"]][:3] == [
        "alembic.ini",
        "env.py",
        "script.py.mako",
    ]
    alembic = [sys.executable, "-m", "alembic"]
    current = subprocess.run(
        [*alembic, "current"], cwd=modelled.root, capture_output=True, text=True
    )
    assert f"{document['revision']} (head)" in current.stdout, current.stderr
    assert (
        subprocess.run([*alembic, "check"], cwd=modelled.root, capture_output=True).returncode == 0
    )
    assert rows(path) == before
    assert ("dotenv_values" in (modelled.root / "alembic/env.py").read_text()) == bool(url)
    again = modelled.unstale("db", "adopt", "--yes")
    assert again.returncode == 2
    assert "is under Alembic already" in again.stderr
    sql(modelled, "INSERT INTO person (email, name) VALUES ('new', 'new')")
    undone = modelled.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert not (modelled.root / "alembic.ini").exists()
    assert not list(modelled.root.glob("alembic/**/*.py"))
    assert len(rows(path)["person"]) == len(before["person"]) + 1


def test_drift_is_mended_by_a_revision_that_a_new_database_passes_too(modelled: Site) -> None:
    path = str(modelled.root / "app.db")
    sql(
        modelled,
        "ALTER TABLE person DROP COLUMN nick",
        "DROP INDEX ix_note_person_id",
        "ALTER TABLE note ADD COLUMN score INTEGER",
    )
    had = {
        "person": ["id", "email", "name", "level"],
        "note": ["id", "person_id", "text", "kind", "price", "at", "score"],
        "tag": ["note_id", "word"],
    }
    before = rows(path, had)
    document = valid(modelled.unstale("db", "adopt", "--yes", "--format", "json").stdout)
    assert {each["name"]: bool(each["harmless"]) for each in document["differences"]} == {
        "nick": False,
        "ix_note_person_id": False,
        "score": True,
    }
    assert rows(path, had) == before
    assert json.loads(alembics_own_view(modelled.root, path)) == {path: ["remove_column"]}
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    os.rename(path, f"{path}.old")
    made = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=modelled.root,
        capture_output=True,
        text=True,
        env=env,
    )
    assert made.returncode == 0, made.stderr
    assert json.loads(alembics_own_view(modelled.root, path)) == {path: []}
    os.replace(f"{path}.old", path)
    sql(modelled, "INSERT INTO person (email, name) VALUES ('new', 'new')")
    undone = modelled.unstale("undo", "--yes")
    assert undone.returncode == 2
    assert "1 of person" in undone.stderr


def test_adoption_that_cannot_be_proven_writes_nothing(modelled: Site) -> None:
    sql(
        modelled,
        "PRAGMA foreign_keys = OFF",
        "UPDATE note SET person_id = 99 WHERE id = 1",
        "ALTER TABLE person DROP COLUMN nick",
    )
    sql(modelled, "CREATE TABLE t AS SELECT * FROM note WHERE 0")
    broken = modelled.unstale("db", "adopt", "--yes")
    assert broken.returncode == 0, broken.stderr  # what was broken before may stay so
    modelled.unstale("undo", "--yes")
    sql(modelled, "DELETE FROM note", "ALTER TABLE note RENAME COLUMN text TO body")
    sql(
        modelled,
        "INSERT INTO note (person_id, body, kind, at) VALUES (1, 'x', 'PAPER', '2026-01-01')",
    )
    files = {each for each in modelled.root.rglob("*") if ".unstale" not in each.parts}
    done = modelled.unstale("db", "adopt", "--yes")
    assert done.returncode == 2
    assert "NOT NULL constraint failed" in done.stderr
    assert {each for each in modelled.root.rglob("*") if ".unstale" not in each.parts} == files


def test_adoption_without_alembic_names_the_line_to_add(modelled: Site, tmp_path: Path) -> None:
    modelled.write("app/__init__.py", "import sys\nsys.modules['alembic'] = None\n")
    done = modelled.unstale("db", "adopt", "--yes")
    assert done.returncode == 2
    assert "Add the line alembic>=1.13 to" in done.stderr
    assert "requirements.txt" in done.stderr


# PostgreSQL


def test_server_that_does_not_answer_and_missing_clients_are_said(site: Site) -> None:
    site.write(".env", f"DATABASE_URL=postgresql://app:{PASSWORD}@127.0.0.1:1/shop\n")
    done = silent(site.unstale("db", "status"))
    assert done.returncode == 3
    assert "127.0.0.1:1/shop" in done.stdout
    site.more = {"PATH": str(site.root)}
    done = silent(site.unstale("db", "status"))
    assert "cannot run psql: it is not installed" in done.stdout
    assert silent(site.unstale("db", "backup")).returncode == 2


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Path]:
    """A directory of clients that write down their argv, and then are the real ones."""
    place = tmp_path / "clients"
    place.mkdir()
    for name in ("psql", "pg_dump", "pg_restore", "sh"):
        real = subprocess.run(
            ["sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        (place / name).write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$*" >>{place}/argv\nexec {real} "$@"\n'
        )
        (place / name).chmod(0o755)
    yield place
    assert (place / "argv").stat().st_size


@pytest.fixture
def served(site: Site, postgres: Cluster, told: Path) -> Iterator[Site]:
    """An app whose .env names a PostgreSQL database that create_all made."""
    subprocess.run(["rm", "-r", str(site.root / "app")], check=True)
    lay(site.root, "C")
    name = f"app_{os.getpid()}_{os.urandom(2).hex()}"
    postgres.psql(f'CREATE DATABASE "{name}"')
    postgres.psql(create_all_sql(site.root), database=name)
    postgres.psql(";".join([*filled(3), "SELECT setval('person_id_seq', 99)"]), database=name)
    site.write(".env", f"DATABASE_URL={postgres.url(name)}\n")
    site.write(
        "unstale.toml",
        f'[backend]\npath = "."\napp = "app.main:app"\npython = "{sys.executable}"\n',
    )
    site.more = {"PATH": f"{told}:{os.environ['PATH']}", "NAME": name}
    yield site
    journal = b"".join(path.read_bytes() for path in site.state.rglob("*.json*"))
    argv = (told / "argv").read_bytes()
    assert PASSWORD.encode() not in journal + argv


def silent(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Return what was run; fail where the password was said."""
    assert PASSWORD not in done.stdout + done.stderr
    return done


def test_postgresql_is_shown_backed_up_restored_and_taken_back(
    served: Site, postgres: Cluster
) -> None:
    name = served.more["NAME"]
    count = "SELECT count(*) FROM person"
    before = postgres.psql(count, database=name)
    (row,) = valid(silent(served.unstale("db", "status", "--format", "json")).stdout)["databases"]
    assert (row["kind"], row["error"], row["revisions"]) == ("postgresql", None, [])
    assert row["database"].endswith(f"/{name}")
    done = silent(served.unstale("db", "backup"))
    assert done.returncode == 0, done.stderr
    postgres.psql("INSERT INTO person (email, name) VALUES ('new', 'new')", database=name)
    done = silent(served.unstale("db", "restore", "--yes"))
    assert done.returncode == 0, done.stderr
    assert postgres.psql(count, database=name) == before
    done = silent(served.unstale("undo", "--yes"))
    assert done.returncode == 0, done.stderr
    assert int(postgres.psql(count, database=name)) == int(before) + 1
    served.unstale("db", "restore", "--yes")
    postgres.psql(
        "DELETE FROM tag; INSERT INTO person (email, name) VALUES ('late', 'late')", database=name
    )
    done = silent(served.unstale("undo", "--yes"))
    assert done.returncode == 2
    assert "1 of person" in done.stderr


_PG_DRIFTS = {
    "missing column": "ALTER TABLE person DROP COLUMN nick",
    "extra column": "ALTER TABLE note ADD COLUMN score integer",
    "lost NOT NULL": "ALTER TABLE note ALTER COLUMN text DROP NOT NULL",
    "extra NOT NULL": "UPDATE note SET price = 1; ALTER TABLE note ALTER COLUMN price SET NOT NULL",
    "other default": "ALTER TABLE person ALTER COLUMN level SET DEFAULT 7",
    "missing index": "DROP INDEX ix_note_person_id",
    "extra index": "CREATE INDEX ix_at ON note (at)",
    "missing unique": "ALTER TABLE note DROP CONSTRAINT uq_note",
    "missing foreign key": "ALTER TABLE note DROP CONSTRAINT note_person_id_fkey",
    "missing check": "ALTER TABLE note DROP CONSTRAINT ck_note_text",
    "other type": "ALTER TABLE person ALTER COLUMN level TYPE bigint",
    "enum without its newest value": "ALTER TYPE mood RENAME VALUE 'SAD' TO 'OLD'",
    "missing table": "DROP TABLE tag",
    "extra table and view": "CREATE TABLE spare (a int); CREATE VIEW texts AS SELECT a FROM spare",
}


def test_postgresql_is_adopted_with_all_its_drifts_mended(served: Site, postgres: Cluster) -> None:
    name = served.more["NAME"]
    postgres.psql(
        'ALTER TABLE person ALTER COLUMN name TYPE varchar(40) COLLATE "default"', database=name
    )
    for drift in _PG_DRIFTS.values():
        postgres.psql(drift, database=name)
    look = "SELECT id, email, name, level FROM person ORDER BY 1; SELECT id, person_id, text, kind, price, at FROM note ORDER BY 1"
    before = postgres.psql(look, database=name)
    done = silent(served.unstale("db", "adopt", "--yes", "--format", "json"))
    assert done.returncode == 0, done.stdout
    document = valid(done.stdout)
    words = {
        f"{each['kind']} {each['table']}.{each['name']}": bool(each["harmless"])
        for each in document["differences"]
    }
    assert postgres.psql(look, database=name) == before
    assert words["column note.score"] and words["index note.ix_at"] and words["table spare.spare"]
    real = {each for each, harmless in words.items() if not harmless}
    assert {
        "column person.nick",
        "column note.text",
        "column person.level",
        "index note.ix_note_person_id",
        "table tag.tag",
        "type .mood",
    } <= real
    assert (
        postgres.psql("SELECT version_num FROM alembic_version", database=name)
        == document["revision"]
    )
    (row,) = valid(served.unstale("db", "status", "--format", "json").stdout)["databases"]
    assert (row["revisions"], row["pending"]) == ([document["revision"]], 0)
    again = served.unstale("db", "adopt", "--yes")
    assert again.returncode == 2
    done = silent(served.unstale("undo", "--yes"))
    assert done.returncode == 0, done.stderr
    assert postgres.psql("SELECT to_regclass('alembic_version') IS NULL", database=name) == "t"
    assert postgres.psql(look, database=name) == before


_CUT = """\
import os, sys
event, part, left = sys.argv.pop(1), sys.argv.pop(1), [int(sys.argv.pop(1))]
def witness(name, args):
    if name == event and any(part in str(each) for each in args):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), 9)
from unstale.cli.program import run
sys.addaudithook(witness)
sys.exit(run(tuple(sys.argv[1:])))
"""


def cut(site: Site, place: tuple[str, str, int], *words: str) -> None:
    """Run a command that is killed before the n-th such event whose arguments have this part in them."""
    argv = [sys.executable, "-c", _CUT, place[0], place[1], str(place[2]), *words]
    done = subprocess.run(argv, cwd=site.root, env=site.environ(), capture_output=True, timeout=60)
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize(
    ("place", "replaced"),
    [
        (("os.link", "app.db", 1), False),
        (("os.rename", "app.db.restoring", 1), False),
        (("os.remove", "app.db.restoring", 2), True),
    ],
)
def test_killed_restore_is_decided_by_the_next_command(
    shop: Site, place: tuple[str, str, int], *, replaced: bool
) -> None:
    shop.unstale("db", "backup")
    sql(shop, "INSERT INTO note (text) VALUES ('c')")
    cut(shop, place, "db", "restore", "--yes")
    assert notes(shop) == (2 if replaced else 3)
    done = shop.unstale("db", "restore", "nothing")  # decides, and then does not know that backup
    assert ("after its effect" in done.stderr, "before its effect" in done.stderr) == (
        replaced,
        not replaced,
    )
    undone = shop.unstale("undo", "--yes")
    assert undone.stdout.startswith("✓ put" if replaced else "nothing to undo"), undone.stderr
    assert notes(shop) == 3


@pytest.mark.parametrize(
    ("place", "stamped"),
    [
        (("os.rename", "env.py", 1), False),
        (("os.rename", "restored.json", 1), False),
        (("os.rename", "restored.json", 2), True),
    ],
)
def test_killed_adoption_is_decided_by_the_next_command(
    modelled: Site, place: tuple[str, str, int], *, stamped: bool
) -> None:
    sql(modelled, "ALTER TABLE person DROP COLUMN nick")
    path = str(modelled.root / "app.db")
    before = rows(path)
    cut(modelled, place, "db", "adopt", "--yes")
    found = sql(modelled, "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")[0]
    assert bool(found) == stamped
    modelled.unstale("db", "backup")
    assert (modelled.root / "alembic.ini").exists() == stamped
    undone = modelled.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert rows(path) == before
    assert not (modelled.root / "alembic.ini").exists()


_WRITER = """\
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
number = 0
while True:
    db.execute("INSERT INTO person (email, name) VALUES (?, 'w')", (f"w{number}",))
    number += 1
    print(number, flush=True)
    time.sleep(0.002)
"""


def test_rows_that_are_written_during_an_adoption_stay(modelled: Site) -> None:
    sql(
        modelled,
        "PRAGMA journal_mode = wal",
        "DROP INDEX ix_note_person_id",
        "ALTER TABLE note DROP COLUMN price",
    )
    argv = [sys.executable, "-c", _WRITER, str(modelled.root / "app.db")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        child.stdout.readline()
        try:
            done = modelled.unstale("db", "adopt", "--yes")
            assert done.returncode == 0, done.stderr
            assert child.poll() is None
        finally:
            child.kill()
        committed = int(child.stdout.read().split()[-1])
    assert sql(modelled, "SELECT count(*) FROM person WHERE name = 'w'")[0][0][0] >= committed
    assert (
        sql(modelled, "SELECT count(*) FROM pragma_table_info('note') WHERE name = 'price'")[0][0][
            0
        ]
        == 1
    )
