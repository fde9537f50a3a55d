"""What reset does with a database: nothing, a migration, or a fresh one beside which the former is kept."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.crash import Patient, lay
from lab.waiting import wait_for

KEY = "canary-7be2-key"
NEEDS_KEY = f'import os\nassert os.environ["SHOP_KEY"] == "{KEY}", "no key"\n'
SEED = """\
import os, sqlite3
assert os.environ["SHOP_KEY"]
with sqlite3.connect("app.db") as database:
    database.execute("INSERT INTO note (text) VALUES ('seeded')")
"""
SECOND = """\
from alembic import op
revision = "b"
down_revision = "a"
def upgrade():
    op.execute("ALTER TABLE note ADD COLUMN author TEXT")
"""


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(laid: Path, tmp_path: Path) -> Iterator[Patient]:
    """A project whose migrations and seed need what only the server's environment holds; it serves."""
    patient = Patient(tmp_path)
    shutil.copytree(laid, patient.root, symlinks=True)
    env = patient.root / "migrations/env.py"
    env.write_text(NEEDS_KEY + env.read_text())
    (patient.root / "seed.py").write_text(SEED)
    settings = patient.root / "unstale.toml"
    settings.write_text(f'{settings.read_text()}[database]\nseed = "python seed.py"\n')
    (patient.root / "app/__pycache__").mkdir()
    argv = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(patient.port)]
    with (tmp_path / "server.log").open("ab") as log:
        patient.server = subprocess.Popen(
            argv,
            cwd=patient.root,
            env={**patient.environ(), "SHOP_KEY": KEY},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    wait_for(lambda: patient.answer() is not None)
    try:
        yield patient
    finally:
        patient.end()


def rows(patient: Patient) -> list[str]:
    with closing(sqlite3.connect(patient.root / "app.db")) as database:
        return [row[0] for row in database.execute("SELECT text FROM note ORDER BY id")]


def columns(patient: Patient) -> list[str]:
    with closing(sqlite3.connect(patient.root / "app.db")) as database:
        return [row[1] for row in database.execute("PRAGMA table_info(note)")]


def served(patient: Patient) -> Any:
    return (patient.answer() or {}).get("rows")


def one_server(patient: Patient) -> bool:
    return len(patient.leaders()) == 1


def file(patient: Patient) -> tuple[int, bytes]:
    path = patient.root / "app.db"
    return path.stat().st_ino, path.read_bytes()


def test_database_at_its_head_is_not_touched(shop: Patient) -> None:
    before = file(shop)
    done = shop.unstale("reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert file(shop) == before
    assert served(shop) == 200 and one_server(shop)
    assert shop.unstale("undo", "--yes").returncode == 0
    assert file(shop) == before


def test_pending_migration_runs_with_the_environment_of_the_stopped_server(shop: Patient) -> None:
    (shop.root / "migrations/versions/b.py").write_text(SECOND)
    done = shop.unstale("reset", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert columns(shop) == ["id", "text", "author"]
    assert served(shop) == 200 and one_server(shop)
    assert KEY not in done.stdout + done.stderr + shop.unstale("log", "--format", "json").stdout
    assert shop.unstale("undo", "--yes").returncode == 0
    assert columns(shop) == ["id", "text"]
    assert served(shop) == 200 and one_server(shop)


def test_failing_migration_leaves_the_former_state_running(shop: Patient) -> None:
    (shop.root / "migrations/versions/b.py").write_text(f"{SECOND}    raise ValueError('no')\n")
    before = rows(shop)
    done = shop.unstale("reset", "--yes")
    assert done.returncode == 1, done.stderr
    assert "the former state runs, " in done.stderr
    assert columns(shop) == ["id", "text"] and rows(shop) == before
    assert served(shop) == 200 and one_server(shop)
    assert shop.unstale("log", "--verify").returncode == 0


def test_fresh_database_is_migrated_and_seeded_and_undo_returns_the_former_bytes(
    shop: Patient,
) -> None:
    before = file(shop)
    done = shop.unstale("reset", "--yes", "--fresh-db")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(shop) == ["seeded"]
    assert served(shop) == 1 and one_server(shop)
    assert KEY not in done.stdout + done.stderr
    assert shop.unstale("undo", "--yes").returncode == 0
    assert file(shop)[1] == before[1]
    assert served(shop) == 200 and one_server(shop)


def test_rows_written_to_a_fresh_database_stop_the_undo_before_anything_changes(
    shop: Patient,
) -> None:
    assert shop.unstale("reset", "--yes", "--fresh-db").returncode == 0
    leader = shop.leaders()
    shop.sql("INSERT INTO note (text) VALUES ('mine')", times=3)
    for words in (("undo", "--yes"), ("undo", "--yes", "--accept-data-loss", "2")):
        refused = shop.unstale(*words)
        assert refused.returncode == 2, refused.stderr
        assert "3 of note" in refused.stderr
    assert rows(shop) == ["seeded", "mine", "mine", "mine"]
    assert shop.leaders() == leader
    assert shop.unstale("undo", "--yes", "--accept-data-loss", "3").returncode == 0
    assert rows(shop)[:1] == ["x"] and len(rows(shop)) == 200


def test_failing_seed_leaves_the_former_database(shop: Patient) -> None:
    (shop.root / "seed.py").write_text(f"{SEED}raise SystemExit(os.environ['SHOP_KEY'])\n")
    before = file(shop)
    done = shop.unstale("reset", "--yes", "--fresh-db")
    assert done.returncode == 1, done.stderr
    assert "python seed.py failed: " in done.stdout
    assert "the former state runs, " in done.stderr
    assert KEY not in done.stdout + done.stderr + shop.unstale("log", "--format", "json").stdout
    assert file(shop)[1] == before[1]
    assert served(shop) == 200 and one_server(shop)


def test_fresh_database_without_a_server_and_without_its_part(shop: Patient) -> None:
    refused = shop.unstale("reset", "--yes", "--fresh-db", "--only", "backend")
    assert refused.returncode == 2
    assert "leaves it out" in refused.stderr
    assert served(shop) == 200


def test_killed_seed_is_ended_and_leaves_the_former_database(shop: Patient) -> None:
    (shop.root / "seed.py").write_text(
        f"{SEED}open('begun', 'w').close()\nimport time\ntime.sleep(60)\n"
    )
    before = file(shop)
    reset = subprocess.Popen(
        [sys.executable, "-m", "unstale", "reset", "--yes", "--fresh-db"],
        cwd=shop.root,
        env=shop.environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for((shop.root / "begun").exists)
    reset.kill()
    reset.wait()
    decided = shop.unstale("fix", "GIT004", "--yes")
    assert decided.returncode == 0, decided.stderr
    assert "the former database is back, the half filled is in " in decided.stderr
    assert file(shop)[1] == before[1]
    assert served(shop) == 200 and one_server(shop)
    assert shop.unstale("log", "--verify").returncode == 0
