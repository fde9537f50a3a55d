from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import Any

import pytest

from unstale import codec
from unstale.detect import find_project
from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.enum_rows import EnumRows
from unstale.facts.migrations import MigrationHistories
from unstale.facts.models import Models
from unstale.facts.sqlite import Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.facts.sqlite_locks import DatabaseLocks
from unstale.local import LocalHost

_MODELS = """\
import enum

from fastapi import FastAPI
from sqlmodel import Field, SQLModel

app = FastAPI()


class Role(enum.Enum):
    STAFF = "s"


class Person(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    role: Role = Role.STAFF


@app.get("/")
def hello() -> str:
    return "hello"
"""
_COUNTER = """\
import sqlite3

from fastapi import FastAPI

app = FastAPI()
db = sqlite3.connect("app.db", check_same_thread=False, isolation_level=None)
db.execute("pragma journal_mode=wal")
db.execute("select * from note")


@app.get("/")
def count() -> int:
    return db.execute("select count(*) from note").fetchone()[0]


@app.get("/add")
def add() -> int:
    db.execute("insert into note values (1)")
    return count()
"""


@pytest.fixture
def firm(site: Any) -> Any:
    site.write("app/main.py", _MODELS)
    site.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    site.write("migrations/versions/a.py", 'revision = "a"\ndown_revision = None\n')
    site.write(
        "unstale.toml",
        f'[backend]\napp = "app.main:app"\npython = "{sys.executable}"\n[database]\nurl = "sqlite:///./app.db"\n',
    )
    with closing(sqlite3.connect(site.root / "app.db")) as db, db:
        db.executescript(
            "create table person (id, role); insert into person values (1, 'STAFF');"
            "create table alembic_version (version_num); insert into alembic_version values ('a')"
        )
    return site


def facts(site: Any) -> Facts:
    return Facts(find_project(site.root, LocalHost()), LocalHost())


def test_every_fact_survives_json(firm: Any) -> None:
    seen = facts(firm)
    kinds: tuple[type[Fact], ...] = (
        Databases,
        DatabaseContents,
        DatabaseLocks,
        MigrationHistories,
        Models,
        EnumRows,
    )
    for kind in kinds:
        fact = seen.get(kind)
        assert codec.decode(kind, codec.encode(fact)) == fact


def test_replay_gives_the_same_findings_with_a_deleted_database(firm: Any, tmp_path: Any) -> None:
    firm.write(
        "app/main.py",
        _MODELS
        + 'import sqlite3\ndb = sqlite3.connect("app.db")\ndb.execute("select * from person")\n',
    )
    firm.serve()
    (firm.root / "app.db").unlink()
    recorded = firm.check("--only", "DBF,SCH", "--record", str(tmp_path / "seen.json"))
    replayed = firm.check("--only", "DBF,SCH", "--replay", str(tmp_path / "seen.json"))
    assert [each["code"] for each in recorded["findings"]] == ["DBF002"]
    assert replayed["findings"] == recorded["findings"]


def test_secret_of_a_process_is_in_no_fact(firm: Any, tmp_path: Any) -> None:
    firm.serve(DATABASE_URL="postgresql://app:canary-4711@127.0.0.1/app", API_TOKEN="canary-4711")
    (firm.root / "unstale.toml").unlink()
    firm.write("app/settings.py", 'URL = "sqlite:///./app.db"\n')
    firm.check("--only", "DBF,SCH", "--record", str(tmp_path / "seen.json"))
    assert "canary-4711" not in (tmp_path / "seen.json").read_text()


def test_postgres_is_absent_with_the_reason(site: Any) -> None:
    site.write(".env", "DATABASE_URL=postgresql://u:p@127.0.0.1/db\n")
    with pytest.raises(Absent, match="only SQLite files are judged, not postgresql"):
        facts(site).get(Databases)


def test_url_starts_from_the_servers_own_directory(site: Any) -> None:
    site.write(".env", "DATABASE_URL=sqlite:///data/app.db\n")
    site.write("unstale.toml", "")
    server = site.serve()
    (file,) = facts(site).get(Databases).files
    assert file.path == f"{site.root}/data/app.db"
    assert {place.pid for place in file.places} == {server.pid, None}


def test_environment_of_the_process_wins_over_the_env_file(site: Any) -> None:
    site.write(".env", "DATABASE_URL=sqlite:///one.db\n")
    site.serve(DATABASE_URL="sqlite:///two.db")
    served = [each.path for each in facts(site).get(Databases).files if each.served]
    assert served == [f"{site.root}/two.db"]


def test_flask_starts_from_its_instance_folder(site: Any) -> None:
    site.write(
        "app/main.py",
        'from flask import Flask\n\napp = Flask(__name__)\nURL = "sqlite:///shop.db"\n',
    )
    site.write("instance/shop.db", "")
    assert [each.path for each in facts(site).get(Databases).files] == [
        f"{site.root}/instance/shop.db"
    ]


def test_workers_of_one_server_are_restarted_together(site: Any) -> None:
    site.write("app/main.py", _COUNTER)
    site.write("unstale.toml", '[database]\nurl = "sqlite:///./app.db"\n')
    with closing(sqlite3.connect(site.root / "app.db")) as db:
        db.execute("create table note (x)")
    server = site.serve("--workers", "2")
    deadline = time.monotonic() + 15
    while len(facts(site).get(Databases).files[0].openers) < 2:
        assert time.monotonic() < deadline, "the second worker did not come up"
    site.answer("/add")
    subprocess.run(["rm", "app.db", "app.db-wal", "app.db-shm"], cwd=site.root, check=True)
    (lost,) = facts(site).get(Databases).deleted
    assert [each.pid for each in lost.leaders] == [server.pid]
    assert len(lost.pids) == 2
    assert site.answer("/add") == 2
    done = site.unstale("fix", "DBF002", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.answer("/") == 2
