"""What a killed save of a deleted database does when somebody has started the server since."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from unstale.action import Keep
from unstale.actions.deleted_database import SaveAndRestart
from unstale.actions.lifecycle import ident_of, startable
from unstale.actions.stopping import keep_start, kept_starts
from unstale.detect import find_project
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.sqlite_open import Leader
from unstale.local import LocalHost

APP = """\
import os, sqlite3

from fastapi import FastAPI

app = FastAPI()
db = sqlite3.connect("app.db", check_same_thread=False)


@app.get("/")
def count() -> list[int]:
    return [os.getpid(), *db.execute("select count(*) from sqlite_master").fetchone()]
"""


@dataclass
class Killed:
    """A run that was killed when it had stopped the server and saved what it held."""

    site: Any
    action: SaveAndRestart
    keep: Keep
    place: str

    def recover(self) -> Any:
        facts = Facts(find_project(self.site.root, LocalHost()), LocalHost(changing=True))
        return self.action.recover(facts, self.keep)

    def kept(self) -> list[Any]:
        return kept_starts(LocalHost(), self.place)


@pytest.fixture
def killed(site: Any, tmp_path: Path) -> Killed:
    site.write("app/main.py", APP)
    site.write("unstale.toml", '[database]\nurl = "sqlite:///./app.db"\n')
    _make(site.root / "app.db")
    keep = Keep(tmp_path / "trash", tmp_path / "kept")
    host, place = LocalHost(changing=True), f"{keep.state}/stopped"
    server = site.serve()
    own = ident_of(host, server.pid)
    keep_start(host, f"{place}/1.json", start=startable(host, server.pid, place), own=own)
    (keep.state / "saved").mkdir()
    shutil.copy(site.root / "app.db", keep.state / "saved/merged.db")
    server.terminate()
    server.wait(10)
    leader = Leader(own.pid, own.ticks, "uvicorn app.main:app")
    action = SaveAndRestart(str(site.root / "app.db"), own.pid, 3, -1, (leader,))
    return Killed(site, action, keep, place)


def _make(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table note (x)")
        database.execute("insert into note values (1)")


def test_server_that_runs_again_is_not_started_beside(killed: Killed) -> None:
    again = killed.site.serve()
    decided = killed.recover()
    assert decided.done
    assert killed.site.answer()[0] == again.pid
    assert killed.kept() == []


def test_server_that_does_not_run_is_started(killed: Killed) -> None:
    assert killed.recover().done
    pid, _ = killed.site.answer()
    assert pid != killed.action.pid
    assert killed.kept() == []
    LocalHost(changing=True).signal(ident_of(LocalHost(), pid), 15)


def test_file_of_a_server_that_was_started_since_is_not_taken_from_under_it(killed: Killed) -> None:
    (killed.site.root / "app.db").unlink()
    again = killed.site.serve()  # sqlite makes an empty file
    with pytest.raises(Failed) as failed:
        killed.recover()
    assert f"process {again.pid}" in failed.value.why
    assert f"cp {killed.keep.state}/saved/merged.db {killed.site.root}/app.db" in failed.value.next
    opened = [each.resolve() for each in Path(f"/proc/{again.pid}/fd").iterdir()]
    assert killed.site.root / "app.db" in opened
