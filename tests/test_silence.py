"""Healthy projects and a developer's machine: nothing stale, exit 0."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Site, wait_for
from front import add_front_end

HOLD = """
import sqlite3, sys, time
database = sqlite3.connect("shop.db", isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("CREATE TABLE IF NOT EXISTS item (id INTEGER)")
if sys.argv[1] == "reader":
    database.execute("BEGIN")
    database.execute("SELECT * FROM item").fetchall()
print("ready", flush=True)
while True:
    if sys.argv[1] == "writer":
        database.execute("INSERT INTO item VALUES (1)")
    time.sleep(0.02)
"""


def silent(site: Site) -> None:
    report = site.check()
    stale = [each for each in report["findings"] if each["severity"] == "stale"]
    assert stale == []
    assert report["unknown"] == []
    assert site.unstale("check").returncode == 0


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Site]:
    """Another project on the same machine."""
    root = tmp_path / "other"
    (root / "app").mkdir(parents=True)
    made = Site(root, tmp_path / "state")
    made.write("app/__init__.py", "")
    made.write(
        "app/main.py",
        "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef root(): return {}\n",
    )
    yield made
    made.end()


def test_reloading_server_while_files_are_edited(site: Site) -> None:
    site.serve("--reload")
    for number in range(3):
        # of another length each: equal ones within a second are PYC001, truly
        site.write("app/words.py", f'GREETING = "{"x" * number}"\n')
        silent(site)


def test_old_dist_that_nothing_serves(site: Site) -> None:
    add_front_end(site)
    for path in (site.root / "web/dist").rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    site.write("web/src/main.js", "console.log('months later')\n")
    silent(site)


def test_edited_tree_and_untracked_files(site: Site) -> None:
    site.write("app/words.py", 'GREETING = "edited"\n')
    site.write("notes.txt", "untracked\n")
    site.serve()
    silent(site)


def test_compose_file_without_docker(site: Site) -> None:
    site.write("compose.yaml", "services:\n  app:\n    build: .\n")
    site.write("Dockerfile", "FROM python:3.11\nCOPY . /app\n")
    site.commit()
    silent(site)


def test_another_projects_server_and_its_changes(site: Site, other: Site) -> None:
    site.serve()
    other.serve()
    other.old()
    other.write("app/main.py", (other.root / "app/main.py").read_text() + "VALUE = 1\n")
    silent(site)
    pids = [each["pid"] for each in _rows(site)]
    assert other.started[0].pid not in pids


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_live_wal(site: Site, role: str) -> None:
    script = site.write("hold.py", HOLD)
    site.write(".env", "DATABASE_URL=sqlite:///shop.db\n")
    site.run([sys.executable, str(script), role])
    wait_for(lambda: "ready" in site.log.read_text())
    silent(site)


def test_bytecode_of_another_python(site: Site) -> None:
    site.write("app/__pycache__/words.cpython-38.pyc", "other")
    silent(site)


def test_lock_with_only_a_new_time(site: Site) -> None:
    site.serve()
    os.utime(site.root / "requirements.txt")
    silent(site)


def test_database_that_the_first_start_will_make(site: Site) -> None:
    site.write(".env", "DATABASE_URL=sqlite:///./shop.db\n")
    silent(site)


def test_database_in_use_by_the_server(site: Site) -> None:
    with closing(sqlite3.connect(site.root / "shop.db")) as database:
        database.execute("CREATE TABLE item (id INTEGER)")
        database.commit()
    body = "import sqlite3\nDB = sqlite3.connect('shop.db', check_same_thread=False)\nGREETING = 'one'\n"
    site.write("app/words.py", body)
    site.serve()
    silent(site)


def _rows(site: Site) -> list[dict[str, int]]:
    import json

    return json.loads(site.unstale("ps", "--format", "json").stdout)["processes"]
