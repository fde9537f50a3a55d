from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unstale.check import by_code
from unstale.finding import Finding, Fresh


def judged(facts: Any) -> Any:
    check = by_code("DBF007")
    assert check is not None
    return check.verdicts(facts)


def create(path: Path, *tables: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for each in tables:
            db.execute(f"create table {each} (x)")


@pytest.fixture
def split(site: Any) -> Any:
    """Return a site whose back end is in backend/ and whose server runs in the root."""
    (site.root / "backend").mkdir()
    site.write("backend/main.py", (site.root / "app/main.py").read_text())
    settings(site, "sqlite:///./app.db")
    create(site.root / "backend/app.db", "note", "person")
    return site


def settings(site: Any, url: str) -> None:
    site.write(
        "unstale.toml",
        f'[backend]\npath = "backend"\napp = "app.main:app"\n[database]\nurl = "{url}"\n',
    )


def test_server_in_another_directory_reads_the_accidental_file(split: Any, look: Any) -> None:
    (split.root / "app.db").touch()
    server = split.serve()
    (found,) = judged(look(split.root))
    assert isinstance(found, Finding)
    assert found.have.value == f"{split.root}/app.db with 0 tables"
    assert found.want.value == f"{split.root}/backend/app.db with 2 tables"
    assert found.pids == (server.pid,)
    assert found.fix is not None
    assert found.fix.preview() == (
        "- sqlite:///./app.db",
        f"+ sqlite:///{split.root}/backend/app.db",
    )
    before = sorted(path.name for path in split.root.rglob("app.db*"))
    assert split.unstale("fix", "DBF007", "--yes").returncode == 1
    assert sorted(path.name for path in split.root.rglob("app.db*")) == before
    settings(split, f"sqlite:///{split.root}/backend/app.db")
    (fresh,) = judged(look(split.root))
    assert isinstance(fresh, Fresh)


def test_empty_database_of_the_server_is_its_consequence(split: Any) -> None:
    (split.root / "app.db").touch()
    split.write("backend/alembic.ini", "[alembic]\nscript_location = migrations\n")
    split.write("backend/migrations/versions/a.py", 'revision = "a"\ndown_revision = None\n')
    split.serve()
    found = {each["code"]: each for each in split.check("--only", "DBF")["findings"]}
    assert set(found) == {"DBF007", "DBF016"}
    assert found["DBF016"]["root"] == found["DBF007"]["id"]
    assert found["DBF016"]["fix"] is None


def test_other_directory_without_a_file_is_fresh(split: Any, look: Any) -> None:
    split.serve()
    (fresh,) = judged(look(split.root))
    assert isinstance(fresh, Fresh)


def test_files_of_tests_and_tenants_are_silent(split: Any, look: Any) -> None:
    (split.root / "tests").mkdir()
    create(split.root / "tests/app.db", "note")
    (split.root / "tenants").mkdir()
    create(split.root / "tenants/app.db")
    (fresh,) = judged(look(split.root))
    assert isinstance(fresh, Fresh)


def test_equal_files_name_no_accident(split: Any, look: Any) -> None:
    create(split.root / "app.db", "note", "person")
    split.serve()
    assert all(isinstance(each, Fresh) for each in judged(look(split.root)))
