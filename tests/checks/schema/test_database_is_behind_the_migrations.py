from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unstale.check import by_code
from unstale.facts.migrations import History
from unstale.facts.revision import Revision
from unstale.finding import Finding, Fresh, Unknown


def judged(facts: Any) -> Any:
    check = by_code("SCH001")
    assert check is not None
    return check.verdicts(facts)


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def columns(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[1] for row in db.execute("pragma table_info(person)")]


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_behind_is_migrated_under_a_running_server_and_undone(
    firm: Any, second: str, mode: str
) -> None:
    database = firm.root / "app.db"
    with closing(sqlite3.connect(database)) as db:
        db.execute(f"pragma journal_mode={mode}")
    firm.serve()
    assert firm.answer("/add/ada") == 1
    assert firm.answer() == ["ada"]
    before = dump(database)
    firm.write("migrations/versions/b.py", second)
    report = firm.check("--only", "SCH001")
    (found,) = report["findings"]
    assert (found["want"]["value"], found["have"]["value"]) == ("bbb2", "aaa1")
    fixed = firm.unstale("fix", "SCH001", "--yes", "--format", "json")
    assert json.loads(fixed.stdout)["steps"][0]["state"] == "done", fixed.stdout + fixed.stderr
    assert "email" in columns(database)
    assert firm.answer() == ["ada"]
    assert not firm.codes("--only", "SCH001")
    undone = firm.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert dump(database) == before
    assert firm.answer() == ["ada"]


def test_undo_refuses_when_rows_were_written_since(firm: Any, second: str) -> None:
    firm.write("migrations/versions/b.py", second)
    firm.serve()
    assert firm.unstale("fix", "SCH001", "--yes").returncode == 0
    firm.answer("/add/bob")
    undone = firm.unstale("undo", "--yes")
    assert undone.returncode == 2
    assert "1 of person" in undone.stdout + undone.stderr
    assert firm.answer() == ["bob"]


def test_migration_that_fails_is_taken_back(firm: Any, second: str) -> None:
    firm.write(
        "migrations/versions/b.py", second + '    op.execute("insert into nowhere values (1)")\n'
    )
    before = dump(firm.root / "app.db")
    fixed = firm.unstale("fix", "SCH001", "--yes")
    assert fixed.returncode == 1
    assert "taken back" in fixed.stdout
    assert dump(firm.root / "app.db") == before


def test_database_at_head_is_fresh(firm: Any, look: Any) -> None:
    (fresh,) = judged(look(firm.root))
    assert isinstance(fresh, Fresh)


def test_revision_of_another_branch_is_unknown(firm: Any, look: Any) -> None:
    with closing(sqlite3.connect(firm.root / "app.db")) as db, db:
        db.execute("update alembic_version set version_num = 'zzz9'")
    (unknown,) = judged(look(firm.root))
    assert isinstance(unknown, Unknown)
    assert "zzz9" in unknown.because


def test_broken_script_is_unknown(firm: Any, look: Any) -> None:
    firm.write("migrations/versions/c.py", "revision = (\n")
    (unknown,) = judged(look(firm.root))
    assert isinstance(unknown, Unknown)
    assert "c.py" in unknown.because


def test_database_without_alembics_table_is_not_judged(firm: Any, look: Any) -> None:
    with closing(sqlite3.connect(firm.root / "app.db")) as db, db:
        db.execute("drop table alembic_version")
    assert judged(look(firm.root)) == ()


def test_one_of_two_heads_is_no_ancestor_of_a_head() -> None:
    revisions = (
        Revision("a", (), "a.py"),
        Revision("b", ("a",), "b.py"),
        Revision("c", ("a",), "c.py"),
        Revision("m", ("b", "c"), "m.py"),
    )
    split = History("alembic.ini", None, None, None, revisions[:3])
    merged = History("alembic.ini", None, None, None, revisions)
    assert split.heads == ("b", "c")
    assert merged.heads == ("m",)
    assert merged.ancestors("m") == {"a", "b", "c"}
    assert [each.id for each in merged.pending(("b",)) or ()] == ["c", "m"]
    assert merged.pending(("x",)) is None


def test_finding_without_an_interpreter_is_left_to_a_person(
    firm: Any, second: str, look: Any
) -> None:
    firm.write("migrations/versions/b.py", second)
    firm.write("unstale.toml", '[database]\nurl = "sqlite:///./app.db"\n')
    (found,) = judged(look(firm.root))
    assert isinstance(found, Finding)
    assert found.fix is not None
    assert found.fix.preview() == (f"cd {firm.root} && alembic upgrade head",)


def test_migration_waits_for_no_forgotten_transaction(firm: Any, second: str, look: Any) -> None:
    firm.write("migrations/versions/b.py", second)
    with closing(sqlite3.connect(firm.root / "app.db", isolation_level=None)) as db:
        (found,) = judged(look(firm.root))
        assert found.fix is not None
        assert found.fix.blocked(look(firm.root)) is None
        db.execute("begin immediate")
        refused = firm.unstale("fix", "SCH001", "--yes")
        assert f"process {os.getpid()} locks it" in refused.stdout + refused.stderr
    assert columns(firm.root / "app.db") == ["id", "name", "role"]
