"""A SQLite file that no setting names: by the environment of who runs, else by alembic.ini, where nothing contradicts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.local import LocalHost

APP = """\
import pathlib

from fastapi import FastAPI

URL = f"sqlite:///{pathlib.Path(__file__).parent}/app.db"
app = FastAPI()


@app.get("/")
def home() -> int:
    return 1
"""
# alembic scripts
FIRST = 'revision = "a"\ndown_revision = None\n\n\ndef upgrade():\n    pass\n'
SECOND = 'revision = "b"\ndown_revision = "a"\n\n\ndef upgrade():\n    pass\n'


@pytest.fixture
def shop(site: Any) -> Any:
    """A project whose source makes the URL, and whose alembic.ini has it in full."""
    site.write("app/main.py", APP)
    ini = "[alembic]\nscript_location = migrations\nsqlalchemy.url = sqlite:///%(here)s/notes.db\n"
    site.write("alembic.ini", ini)
    site.write("migrations/versions/a.py", FIRST)
    for name in ("notes.db", "told.db"):
        with closing(sqlite3.connect(site.root / name)) as database, database:
            database.execute("create table alembic_version (version_num)")
            database.execute("insert into alembic_version values ('a')")
    return site


def files(root: Path) -> tuple[DatabaseFile, ...]:
    facts = Facts(find_project(root, LocalHost()), LocalHost())
    found = facts.maybe(Databases)
    return found.of(facts.project.backends[0].path) if found else ()


def names(root: Path) -> list[str]:
    return [Path(each.path).name for each in files(root)]


def test_file_of_alembic_ini_is_the_back_ends(shop: Any) -> None:
    (found,) = files(shop.root)
    assert found.path == str(shop.root / "notes.db")
    assert not found.served
    assert found.reached_from(str(shop.root))


def test_migration_of_that_file_is_planned_by_a_reset(shop: Any) -> None:
    shop.write("migrations/versions/b.py", SECOND)
    shop.serve()
    assert shop.codes("--only", "SCH") == ["SCH001"]
    done = shop.unstale("reset", "--only", "database", "--dry-run")
    assert f"back up {shop.root}/notes.db and migrate it to b" in done.stdout


def test_file_of_alembic_ini_that_nobody_made_is_no_database(shop: Any) -> None:
    (shop.root / "notes.db").unlink()
    assert names(shop.root) == []


def test_setting_counts_before_alembic_ini(shop: Any) -> None:
    shop.write("unstale.toml", '[database]\nurl = "sqlite:///./told.db"\n')
    assert names(shop.root) == ["told.db"]


def test_server_in_the_source_leaves_alembic_ini_out(shop: Any) -> None:
    shop.write(".env", "DATABASE_URL=postgresql://x/y\n")
    assert names(shop.root) == []


@pytest.mark.parametrize("app", [APP, APP.replace("sqlite", "no")])
def test_environment_of_the_server_counts_before_alembic_ini(shop: Any, app: str) -> None:
    shop.write("app/main.py", app)
    shop.serve(DATABASE_URL="sqlite:///./told.db")
    (found,) = files(shop.root)
    assert found.path == str(shop.root / "told.db")
    assert found.served


def test_server_in_the_environment_leaves_alembic_ini_out(shop: Any) -> None:
    shop.serve(DATABASE_URL="postgresql://x/y")
    assert names(shop.root) == []
