from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unstale.check import by_code
from unstale.errors import Absent
from unstale.finding import Finding, Fresh


def judged(facts: Any) -> Any:
    check = by_code("SCH007")
    assert check is not None
    return check.verdicts(facts)


def run(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(sql)


def test_value_instead_of_name_is_found_and_mapped_by_the_printed_update(
    firm: Any, look: Any
) -> None:
    run(
        firm.root / "app.db",
        "insert into person (name, role) values ('a', 'staff'), ('b', 'STAFF'), ('c', 'it''s')",
    )
    (found,) = judged(look(firm.root))
    assert isinstance(found, Finding)
    assert found.because.startswith("2 rows")
    assert found.want.value == "only ADMIN, STAFF"
    before = (firm.root / "app.db").read_bytes()
    assert firm.unstale("fix", "SCH007", "--yes").returncode == 1
    assert (firm.root / "app.db").read_bytes() == before
    assert found.fix is not None
    run(firm.root / "app.db", "\n".join(found.fix.preview()))
    (fresh,) = judged(look(firm.root))
    assert isinstance(fresh, Fresh)


def test_members_alone_and_null_are_fresh(firm: Any, look: Any) -> None:
    run(firm.root / "app.db", "insert into person (name, role) values ('a', 'ADMIN')")
    (fresh,) = judged(look(firm.root))
    assert isinstance(fresh, Fresh)


def test_model_without_enumeration_is_absent(firm: Any, look: Any) -> None:
    path = firm.root / "app/main.py"
    path.write_text(path.read_text().replace("role: Role = Role.STAFF", 'role: str = "x"'))
    with pytest.raises(Absent):
        judged(look(firm.root))


def test_fast_skips_the_guarded_import(firm: Any) -> None:
    report = firm.check("--fast", "--only", "SCH")
    assert {each["code"] for each in report["skipped"]} >= {"SCH006", "SCH007"}
    assert not report["unknown"]
