from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unstale.check import by_code
from unstale.errors import Absent
from unstale.finding import Finding, Fresh, Unknown


def judged(facts: Any) -> Any:
    check = by_code("SCH006")
    assert check is not None
    return check.verdicts(facts)


def add_field(site: Any, line: str = "    email: str | None = None\n") -> None:
    path = site.root / "app/main.py"
    path.write_text(path.read_text().replace("    name: str\n", "    name: str\n" + line))


def run(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(sql)


def without_migrations(site: Any) -> None:
    shutil.rmtree(site.root / "migrations")
    (site.root / "alembic.ini").unlink()
    run(site.root / "app.db", "drop table alembic_version")


def test_create_all_alters_no_table(firm: Any, look: Any) -> None:
    without_migrations(firm)
    add_field(firm)
    (found,) = judged(look(firm.root))
    assert isinstance(found, Finding)
    assert "person.email" in found.have.value
    lines = found.fix.preview()  # type: ignore[union-attr]  # Edit
    alter = next(line for line in lines if line.startswith("ALTER TABLE"))
    assert alter == 'ALTER TABLE "person" ADD COLUMN "email" VARCHAR;'
    before = (firm.root / "app.db").read_bytes()
    assert firm.unstale("fix", "SCH006", "--yes").returncode == 1
    assert (firm.root / "app.db").read_bytes() == before
    run(firm.root / "app.db", alter)
    (fresh,) = judged(look(firm.root))
    assert isinstance(fresh, Fresh)


def test_missing_revision_is_named(firm: Any, look: Any) -> None:
    add_field(firm)
    (found,) = judged(look(firm.root))
    assert isinstance(found, Finding)
    assert "revision --autogenerate" in found.fix.preview()[0]  # type: ignore[union-attr]  # Edit


def test_unapplied_migration_is_the_root(firm: Any, second: str) -> None:
    add_field(firm)
    firm.write("migrations/versions/b.py", second)
    found = {each["code"]: each for each in firm.check("--only", "SCH")["findings"]}
    assert set(found) == {"SCH001", "SCH006"}
    assert found["SCH006"]["root"] == found["SCH001"]["id"]
    assert found["SCH006"]["fix"] is None
    assert firm.unstale("fix", "--yes").returncode == 0
    assert not firm.codes("--only", "SCH")


def test_what_only_the_database_has_is_silent(firm: Any, look: Any) -> None:
    run(firm.root / "app.db", "alter table person add column extra integer; create table other (x)")
    (fresh,) = judged(look(firm.root))
    assert isinstance(fresh, Fresh)


def test_import_leaves_no_trace(firm: Any, look: Any) -> None:
    (firm.root / "app/main.py").write_text(
        (firm.root / "app/main.py").read_text()
        + "SQLModel.metadata.create_all(engine)\nopen('trace', 'w').write('x')\n"
    )
    (firm.root / "app.db").write_bytes((firm.root / "app.db").read_bytes())
    before = (firm.root / "app.db").read_bytes()
    (fresh,) = judged(look(firm.root))
    assert isinstance(fresh, Fresh)
    assert not (firm.root / "trace").exists()
    assert (firm.root / "app.db").read_bytes() == before
    assert not list(firm.root.glob("app.db-*"))


def test_damaged_database_is_unknown(firm: Any, look: Any) -> None:
    (firm.root / "app.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    (unknown,) = judged(look(firm.root))
    assert isinstance(unknown, Unknown)


def test_app_without_models_is_absent(firm: Any, look: Any) -> None:
    firm.write("app/main.py", "from fastapi import FastAPI\n\napp = FastAPI()\n")
    with pytest.raises(Absent):
        judged(look(firm.root))


def test_catalogue_tables_of_sqlalchemy_itself_are_silent(firm: Any, look: Any) -> None:
    path = firm.root / "app/main.py"
    path.write_text(
        "from sqlalchemy.dialects import mssql, oracle, postgresql\n" + path.read_text()
    )
    (fresh,) = judged(look(firm.root))
    assert isinstance(fresh, Fresh), fresh
