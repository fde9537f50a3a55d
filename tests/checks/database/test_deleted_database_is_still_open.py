from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unstale.action import Edit
from unstale.actions.deleted_database import SaveAndRestart
from unstale.actions.process import End
from unstale.actions.restart import Restart
from unstale.check import by_code
from unstale.facts.sqlite import Databases
from unstale.facts.sqlite_open import Leader
from unstale.finding import Finding, Fresh

APP = """\
import os, sqlite3
from pathlib import Path

from fastapi import FastAPI

app = FastAPI()
db = sqlite3.connect("app.db", check_same_thread=False, isolation_level=None)
db.execute("pragma journal_mode=" + os.environ.get("MODE", "wal"))


@app.get("/add")
def add() -> int:
    db.execute("insert into note values (1)")
    return db.execute("select count(*) from note").fetchone()[0]


@app.get("/")
def count() -> int:
    return db.execute("select count(*) from note").fetchone()[0]


more = []


@app.get("/another")
def another() -> int:
    # as a pool does
    more.append(sqlite3.connect("app.db", check_same_thread=False, isolation_level=None))
    more[-1].execute("pragma journal_mode=wal")
    more[-1].execute("create table if not exists other (x)")
    return more[-1].execute("select count(*) from other").fetchone()[0]
"""


@pytest.fixture
def shop(site: Any) -> Any:
    site.write("app/main.py", APP)
    site.write("unstale.toml", '[database]\nurl = "sqlite:///./app.db"\n')
    create(site.root / "app.db")
    site.commit()
    return site


def create(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table note (x)")


def delete(root: Path) -> None:
    for each in root.glob("app.db*"):
        each.unlink()


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("select count(*) from note").fetchone()[0])


def judged(site: Any, look: Any) -> Any:
    check = by_code("DBF002")
    assert check is not None
    return check.verdicts(look(site.root))


def test_rows_written_after_the_deletion_survive_the_fix(shop: Any, look: Any) -> None:
    server = shop.serve()
    shop.answer("/add")
    delete(shop.root)
    assert shop.answer("/add") == 2
    create(shop.root / "app.db")
    report = shop.check("--only", "DBF")
    (found,) = report["findings"]
    assert (found["code"], found["pids"]) == ("DBF002", [server.pid])
    facts = look(shop.root)
    (holder,) = facts.get(Databases).deleted[0].leaders
    for ending in (Restart, End):
        assert "only copy" in (ending(holder.pid, holder.ticks, holder.words).blocked(facts) or "")
    fixed = shop.unstale("fix", "DBF002", "--yes", "--format", "json")
    assert json.loads(fixed.stdout)["steps"][0]["state"] == "done", fixed.stdout + fixed.stderr
    assert fixed.returncode == 0
    server.wait(5)
    assert shop.answer() == 2
    assert shop.answer("/add") == 3
    assert "DBF002" not in shop.codes("--only", "DBF")


@pytest.mark.parametrize("times", [1, 4])
def test_wal_of_the_file_that_took_its_place_is_not_taken_for_its_own(
    shop: Any, times: int
) -> None:
    shop.serve()
    shop.answer("/add")
    delete(shop.root)
    for _ in range(times):
        shop.answer("/another")
    assert shop.answer("/add") == 2
    fixed = shop.unstale("fix", "DBF002", "--yes")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert shop.answer() == 2
    assert rows(shop.root / "app.db") == 2


def test_two_deleted_files_are_a_persons_choice(shop: Any) -> None:
    server = shop.serve()
    shop.answer("/add")
    delete(shop.root)
    shop.answer("/another")
    delete(shop.root)
    findings = shop.check("--only", "DBF")["findings"]
    assert {each["code"] for each in findings} == {"DBF002"}
    assert [each["fix"]["risk"] for each in findings] == ["manual", "manual"]
    assert all("-wal." in "".join(each["fix"]["preview"]) for each in findings)
    assert shop.unstale("fix", "--yes").returncode == 1
    assert server.poll() is None
    assert shop.answer() == 1


def test_rollback_mode_and_nothing_at_the_path(shop: Any) -> None:
    shop.serve(MODE="delete")
    shop.answer("/add")
    delete(shop.root)
    assert shop.codes("--only", "DBF") == ["DBF002"]
    assert shop.unstale("fix", "DBF002", "--yes").returncode == 0
    assert shop.answer() == 1
    assert (shop.root / "app.db").stat().st_mode & 0o777 == 0o644
    assert not list(shop.root.glob("*.saved"))


def test_file_with_rows_at_the_path_is_a_choice(shop: Any, look: Any) -> None:
    shop.serve()
    delete(shop.root)
    create(shop.root / "app.db")
    with closing(sqlite3.connect(shop.root / "app.db")) as db, db:
        db.execute("insert into note values (7)")
    (found,) = judged(shop, look)
    assert isinstance(found, Finding)
    assert isinstance(found.fix, Edit)
    assert found.forbids_restart
    assert found.fix.preview()[0].startswith(f"cp /proc/{found.pids[0]}/fd/")
    assert shop.unstale("fix", "DBF002", "--yes").returncode == 1
    assert rows(shop.root / "app.db") == 1


def test_open_database_that_is_there_is_fresh(shop: Any, look: Any) -> None:
    shop.serve()
    (fresh,) = judged(shop, look)
    assert isinstance(fresh, Fresh)


def test_client_and_deliberately_temporary_files_are_silent(
    project: Path, hold: Any, look: Any, tmp_path: Path
) -> None:
    check = by_code("DBF002")
    assert check is not None
    (project / "unstale.toml").write_text(
        '[backend]\napp = "app.main:app"\n[database]\nurl = "sqlite:///./app.db"\n'
    )
    hold(project / "client.db", "wal", "create table t (x)")
    hold(tmp_path / "scratch.db", "wal", "create table t (x)", script=project / "app/main.py")
    (project / "client.db").unlink()
    (tmp_path / "scratch.db").unlink()
    assert check.verdicts(look(project)) == ()


def test_settled_when_its_holder_is_gone(look: Any, project: Path) -> None:
    action = SaveAndRestart("/x.db", 1 << 22, 3, -1, (Leader(1 << 22, 5, "uvicorn"),))
    assert action.settled(look(project))
    assert action.inverse(look(project), None) is None  # type: ignore[arg-type]  # promises nothing
