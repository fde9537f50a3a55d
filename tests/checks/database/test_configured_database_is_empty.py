from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from typing import Any

import pytest

from unstale.check import by_code
from unstale.errors import Absent
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Severity

_REVISION = """\
import sqlalchemy as sa
from alembic import op

revision = "a"
down_revision = None


def upgrade():
    op.create_table("note", sa.Column("x", sa.Integer))
"""
_ENV = """\
from alembic import context
from sqlalchemy import create_engine

with create_engine("sqlite:///./app.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""


@pytest.fixture
def shop(site: Any) -> Any:
    site.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    site.write("migrations/env.py", _ENV)
    site.write("migrations/versions/a.py", _REVISION)
    site.write(".env", "DATABASE_URL=sqlite:///./app.db\n")
    site.write("unstale.toml", f'[backend]\napp = "app.main:app"\npython = "{sys.executable}"\n')
    return site


def judged(facts: Any) -> Any:
    check = by_code("DBF016")
    assert check is not None
    return check.verdicts(facts)


def tables(path: Any) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")]


def test_emptied_database_is_migrated_and_emptied_again(shop: Any, look: Any) -> None:
    path = shop.root / "app.db"
    path.touch()
    shop.serve()
    (found,) = judged(look(shop.root))
    assert isinstance(found, Finding)
    assert (found.severity, found.have.value) == (Severity.STALE, "0 bytes")
    fixed = shop.unstale("fix", "DBF016", "--yes", "--format", "json")
    assert json.loads(fixed.stdout)["steps"][0]["state"] == "done", fixed.stdout + fixed.stderr
    assert "note" in tables(path)
    (fresh,) = judged(look(shop.root))
    assert isinstance(fresh, Fresh)
    assert shop.unstale("undo", "--yes").returncode == 0
    assert path.read_bytes() == b""
    assert not list(shop.root.glob("app.db-*"))


def test_missing_under_a_running_server_is_stale(shop: Any, look: Any) -> None:
    shop.serve()
    (found,) = judged(look(shop.root))
    assert isinstance(found, Finding)
    assert (found.severity, found.have.value) == (Severity.STALE, "no file")


def test_before_the_first_start_it_is_a_note(shop: Any, look: Any) -> None:
    (found,) = judged(look(shop.root))
    assert isinstance(found, Finding)
    assert found.severity is Severity.NOTE
    assert shop.unstale("check").returncode == 0


def test_default_in_source_is_only_a_note(shop: Any, look: Any) -> None:
    (shop.root / ".env").unlink()
    shop.write(
        "app/settings.py", 'import os\n\nURL = os.getenv("DATABASE_URL", "sqlite:///./app.db")\n'
    )
    shop.serve()
    (found,) = judged(look(shop.root))
    assert isinstance(found, Finding)
    assert found.severity is Severity.NOTE


def test_other_database_in_the_environment_is_not_judged(shop: Any, look: Any) -> None:
    (shop.root / ".env").unlink()
    shop.write(
        "app/settings.py",
        'import os\n\nURL = os.getenv("DATABASE_URL", "sqlite:////nowhere/app.db")\n',
    )
    shop.serve(DATABASE_URL="postgresql://u:canary-secret@127.0.0.1/db")
    with pytest.raises(Absent):
        judged(look(shop.root))


def test_database_without_tables_of_a_project_without_definitions_is_silent(
    shop: Any, look: Any
) -> None:
    (shop.root / "alembic.ini").unlink()
    (shop.root / "app.db").touch()
    assert judged(look(shop.root)) == ()


def test_damaged_database_is_unknown(shop: Any, look: Any) -> None:
    (shop.root / "app.db").write_bytes(b"no database at all" * 300)
    (unknown,) = judged(look(shop.root))
    assert isinstance(unknown, Unknown)


def test_history_without_tables_is_fresh_once_applied(shop: Any, look: Any) -> None:
    with closing(sqlite3.connect(shop.root / "app.db")) as db, db:
        db.executescript(
            "create table alembic_version (version_num); insert into alembic_version values ('a')"
        )
    (fresh,) = judged(look(shop.root))
    assert isinstance(fresh, Fresh)
