"""What reset says of migrations that it does not run."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unstale.detect import find_project
from unstale.fact import Facts
from unstale.left_out import Left, left_out
from unstale.local import LocalHost

APP = 'from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get("/")\ndef home() -> int:\n    return 1\n'
FIRST = 'revision = "a"\ndown_revision = None\n\n\ndef upgrade():\n    pass\n'
BROKEN = 'revision = "b"\ndown_revision = "a"\n\n\ndef upgrade(:\n    pass\n'


def seen(root: Path) -> tuple[Left, ...]:
    return left_out(Facts(find_project(root, LocalHost()), LocalHost()))


@pytest.fixture
def shop(site: Any) -> Any:
    """A project with a database at its only revision."""
    site.write("app/main.py", APP)
    site.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    site.write("migrations/versions/a.py", FIRST)
    site.write("unstale.toml", '[database]\nurl = "sqlite:///./app.db"\n')
    with closing(sqlite3.connect(site.root / "app.db")) as database, database:
        database.execute("create table alembic_version (version_num)")
        database.execute("insert into alembic_version values ('a')")
    site.commit()
    return site


def test_script_that_is_no_python_is_named_and_remains(shop: Any) -> None:
    broken = shop.write("migrations/versions/b.py", BROKEN)
    done = shop.unstale("reset", "--only", "database", "--yes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "yours to do: mend migrations/versions/b.py: it is no valid script" in done.stdout
    assert f"python -m py_compile {broken}" in done.stdout
    asked = shop.unstale("reset", "--only", "database", "--dry-run", "--format", "json")
    (step,) = json.loads(asked.stdout)["steps"]
    assert (step["state"], step["risk"]) == ("manual", "manual")


def test_script_that_is_no_python_refuses_a_fresh_database_before_anything_stops(shop: Any) -> None:
    server = shop.serve()
    shop.write("migrations/versions/b.py", BROKEN)
    done = shop.unstale("reset", "--only", "database", "--fresh-db", "--yes")
    assert done.returncode == 2
    assert "migrations/versions/b.py is no valid script" in done.stderr
    assert server.poll() is None
    assert "kill -TERM" not in done.stderr


def test_other_parts_go_on_beside_a_broken_script(shop: Any) -> None:
    shop.write("migrations/versions/b.py", BROKEN)
    cache = shop.write("app/__pycache__/x.cpython-311.pyc", "")
    done = shop.unstale("reset", "--only", "backend", "--only", "database", "--yes")
    assert done.returncode == 1
    assert not cache.parent.exists()
    assert "yours to do: mend migrations/versions/b.py" in done.stdout
    assert "take it back: unstale undo " in done.stdout


def test_database_at_its_head_leaves_nothing_out(shop: Any) -> None:
    assert seen(shop.root) == ()


@pytest.mark.parametrize("made", [True, False])
def test_database_that_holds_nothing_is_to_be_begun(shop: Any, *, made: bool) -> None:
    (shop.root / "app.db").unlink()
    if made:
        (shop.root / "app.db").touch()
    (found,) = seen(shop.root)
    assert "begin app.db" in found.edit.what
    assert not found.wrong


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "name the database of alembic.ini: none is known"),
        ('[database]\nurl = "postgresql://x/y"\n', "reset migrates SQLite alone"),
    ],
)
def test_history_without_a_file_is_said_and_remains_no_fault(
    shop: Any, settings: str, said: str
) -> None:
    shop.write("unstale.toml", settings)
    (found,) = seen(shop.root)
    assert said in found.edit.what
    assert not found.wrong


def test_migrations_of_django_are_a_persons(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text('"DJANGO_SETTINGS_MODULE", "shop.settings"')
    (found,) = seen(tmp_path)
    assert found.edit.lines == (f"cd {tmp_path} && python manage.py migrate",)
