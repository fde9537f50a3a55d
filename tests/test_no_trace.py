"""`check` changes nothing, idle or while the app writes."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import wait_for

if TYPE_CHECKING:
    from conftest import Site

MODELS = """
from sqlmodel import Field, SQLModel, create_engine
class Item(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
engine = create_engine("sqlite:///./shop.db")
GREETING = "one"
"""
WRITE = """
import sqlite3, time
database = sqlite3.connect("shop.db", isolation_level=None, timeout=5)
print("ready", flush=True)
while True:
    database.execute("INSERT INTO item VALUES (NULL)")
    time.sleep(0.005)
"""


@pytest.fixture
def shop(site: Site) -> Site:
    site.write("app/words.py", MODELS)
    site.write(".env", "DATABASE_URL=sqlite:///./shop.db\n")
    with closing(sqlite3.connect(site.root / "shop.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE item (id INTEGER PRIMARY KEY)")
        database.commit()
    site.commit()
    return site


def _state(root: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (
            seen.st_mode,
            seen.st_ino,
            seen.st_mtime_ns,
            seen.st_ctime_ns,
            seen.st_uid,
            content,
        )
    return found


def test_idle_project_is_the_same_to_the_byte_and_nanosecond(shop: Site) -> None:
    shop.serve()
    before = _state(shop.root)
    for words in (
        ("check",),
        ("check", "--fast"),
        ("check", "--record", str(shop.state) + ".json"),
        ("ps",),
        ("log",),
    ):
        shop.unstale(*words)
    assert _state(shop.root) == before
    assert not shop.state.exists()


def test_nothing_in_the_tree_is_opened_for_writing_while_the_app_writes(shop: Site) -> None:
    strace = shutil.which("strace")
    if strace is None and "CI" not in os.environ:
        pytest.skip("strace is not installed: make system-deps")
    assert strace, "strace is not installed: make system-deps"
    shop.run([sys.executable, "-c", WRITE])
    wait_for(lambda: "ready" in shop.log.read_text())
    trace = shop.root.parent / "trace"
    calls = "open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,chown,fchownat,chmod,fchmodat"
    argv = [
        strace,
        "-f",
        "-qq",
        "-o",
        str(trace),
        "-e",
        f"trace={calls}",
        sys.executable,
        "-m",
        "unstale",
        "check",
    ]
    done = subprocess.run(
        argv, cwd=shop.root, env=shop.environ(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    inside = re.compile(rf'"({re.escape(str(shop.root))}/|(?!/)[^"]*shop\.db)')
    lines = [
        line
        for line in trace.read_text().splitlines()
        if inside.search(line) and "ENOENT" not in line
    ]
    writing = [line for line in lines if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", line)]
    changing = [line for line in lines if not re.match(r"\d+ +open", line)]
    assert lines, "the trace saw nothing of the project"
    assert writing == []
    assert changing == []
