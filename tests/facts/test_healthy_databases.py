"""Databases that are as they should be, in arrangements that are easily misread."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.missing_columns import lacking
from unstale.facts.models import ModelColumn, ModelTable
from unstale.facts.sqlite import Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.facts.twins import twins
from unstale.local import LocalHost

if TYPE_CHECKING:
    from conftest import Site

INI = "[alembic]\nscript_location = migrations\n"
SCRIPT = "revision = 'b'\ndown_revision = 'a'\ndef upgrade(): pass\n"
FIRST = "revision = 'a'\ndown_revision = None\ndef upgrade(): pass\n"
OPENING = """\
import os, sqlite3
from fastapi import FastAPI
app = FastAPI()
db = sqlite3.connect(os.environ.get("DATABASE_URL", "sqlite:///./app.db").removeprefix("sqlite:///"), check_same_thread=False)
db.execute("select count(*) from sqlite_master").fetchall()
@app.get("/")
def hello() -> str:
    return "hello"
"""


def facts(root: Path) -> Facts:
    return Facts(find_project(root, LocalHost()), LocalHost())


def filled(path: Path, *statements: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        for each in ("CREATE TABLE note (text)", "INSERT INTO note VALUES ('x')", *statements):
            db.execute(each)
        db.commit()


def history(site: Site) -> None:
    site.write("alembic.ini", INI)
    site.write("migrations/env.py", "")
    site.write("migrations/versions/a.py", FIRST)
    site.write("migrations/versions/b.py", SCRIPT)


def test_default_in_source_is_not_judged_where_the_server_uses_postgresql(site: Site) -> None:
    history(site)
    site.write("app/db.py", 'import os\nURL = os.getenv("DATABASE_URL", "sqlite:///./app.db")\n')
    stamp = (
        "CREATE TABLE alembic_version (version_num)",
        "INSERT INTO alembic_version VALUES ('a')",
    )
    filled(site.root / "app.db", *stamp)
    site.commit()
    server = site.serve(DATABASE_URL="postgresql://app:canary-secret@127.0.0.1/app")
    assert site.codes() == []
    server.terminate()
    server.wait()
    site.serve()
    assert site.codes() == ["SCH001"]


@pytest.mark.parametrize("linked", [False, True])
def test_deleted_database_outside_of_the_tree_is_found(
    site: Site, tmp_path: Path, *, linked: bool
) -> None:
    filled(tmp_path / "var/app.db")
    site.write("app/main.py", OPENING)
    if linked:
        (site.root / "data").symlink_to(tmp_path / "var")
        site.write(".env", "DATABASE_URL=sqlite:///./data/app.db\n")
    site.commit()
    path = site.root / "data/app.db" if linked else tmp_path / "var/app.db"
    site.serve(DATABASE_URL=f"sqlite:///{path}")
    assert "DBF002" not in site.codes()
    (tmp_path / "var/app.db").unlink()
    assert "DBF002" in site.codes()
    assert "DBF002" in site.unstale("fix", "PRC001", "--yes").stdout + str(site.codes())


def test_linked_database_is_read_with_its_wal(site: Site, tmp_path: Path) -> None:
    history(site)
    site.write(".env", "DATABASE_URL=sqlite:///./app.db\n")
    real = tmp_path / "shared/app.db"
    filled(
        real,
        "CREATE TABLE alembic_version (version_num)",
        "INSERT INTO alembic_version VALUES ('a')",
    )
    (site.root / "app.db").symlink_to(real)
    with closing(sqlite3.connect(real)) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("pragma wal_autocheckpoint=0")
        db.execute("UPDATE alembic_version SET version_num = 'b'")
        db.commit()
        (content,) = facts(site.root).get(DatabaseContents).contents
        assert (content.path, content.revisions) == (str(real), ("b",))


def test_services_with_the_same_url_are_no_twins(tmp_path: Path) -> None:
    for name in ("orders", "users"):
        place = tmp_path / name
        filled(place / "app.db", *(["CREATE TABLE more (x)"] if name == "users" else []))
        (place / ".env").write_text("DATABASE_URL=sqlite:///./app.db\n")
        (place / "requirements.txt").write_text("fastapi\n")
        (place / "main.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
        (place / "alembic.ini").write_text(INI)
        (place / "migrations/versions").mkdir(parents=True)
        (place / "migrations/versions/a.py").write_text(FIRST)
    (tmp_path / "unstale.toml").touch()
    seen = facts(tmp_path)
    assert twins(seen.get(Databases), seen.get(DatabaseContents)) == ()


def test_generated_columns_views_and_virtual_tables_lack_nothing(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        'from fastapi import FastAPI\napp = FastAPI()\nURL = "sqlite:///./app.db"\n'
    )
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    filled(
        tmp_path / "app.db",
        "CREATE TABLE item (price, qty, total AS (price * qty), kept AS (price) STORED)",
        "CREATE TABLE gone (x)",
        "CREATE VIEW broken AS SELECT * FROM gone",
        "DROP TABLE gone",
        "CREATE VIRTUAL TABLE words USING fts5(body)",
    )
    seen = facts(tmp_path)
    (file,) = seen.get(Databases).files
    (content,) = seen.get(DatabaseContents).contents
    assert not content.error
    here = [(file, content)]
    for table, columns in {
        "item": ("price", "total", "kept"),
        "words": ("body",),
        "broken": ("x",),
    }.items():
        wanted = ModelTable(table, tuple(ModelColumn(each, "Integer") for each in columns))
        assert lacking(wanted, here) == []
    assert lacking(ModelTable("item", (ModelColumn("new", "Integer"),)), here)


def test_editors_lock_among_the_revisions_is_no_revision(site: Site) -> None:
    history(site)
    os.symlink("someone@host.1234", site.root / "migrations/versions/.#b.py")
    site.write(".env", "DATABASE_URL=sqlite:///./app.db\n")
    filled(
        site.root / "app.db",
        "CREATE TABLE alembic_version (version_num)",
        "INSERT INTO alembic_version VALUES ('b')",
    )
    assert site.check()["verdict"] == "fresh"
