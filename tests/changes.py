"""Small real changes for tests of what comes after one: undo, limits, verification."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from unstale.action import Action, Keep
from unstale.actions.files import MoveToTrash
from unstale.actions.restore_database import RestoreDatabase
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.host import Host
from unstale.layer import Layer, Risk
from unstale.local import LocalHost
from unstale.perform import begin, perform
from unstale.plan import Plan, Step
from unstale.undo import undo


class Clock(LocalHost):
    """This machine with a clock that a test sets."""

    def __init__(self) -> None:
        super().__init__(changing=True)
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def pass_by(self, **more: float) -> None:
        self.time += timedelta(**more)


def project(place: Path, host: Host | None = None) -> Facts:
    """Return the facts of a project that has nothing but its settings."""
    root = place / "root"
    root.mkdir()
    (root / "unstale.toml").write_text('[project]\nname = "p"\n')
    return found(root, host)


def found(root: Path, host: Host | None = None) -> Facts:
    host = host or LocalHost(changing=True)
    return Facts(find_project(root, host), host)


@dataclass(frozen=True, slots=True)
class Migrate(Action):
    """Runs SQL in a database, kept as RunMigrations keeps it."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA
    undoable: ClassVar[bool] = True

    path: str
    sql: str

    def title(self) -> str:
        return f"migrate {self.path}"

    def preview(self) -> tuple[str, ...]:
        return (self.sql,)

    def settled(self, facts: Facts) -> bool:
        return False

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        there = facts.host.stat(self.path)
        before = f"{keep.state}/before.db" if there else None
        return RestoreDatabase(
            self.path, before, f"{keep.state}/after.json", existed=there is not None
        )

    def apply(self, host: Host, keep: Keep) -> None:
        if host.stat(self.path):
            host.backup_database(self.path, f"{keep.state}/before.db")
        sql(self.path, self.sql)
        digest = host.digest_database(self.path)
        host.write(f"{keep.state}/after.json", json.dumps(digest).encode())


@dataclass(frozen=True, slots=True)
class Knock(Action):
    """Leaves nothing that could be taken back."""

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.PROCESS

    who: str

    def title(self) -> str:
        return f"knock at {self.who}"

    def preview(self) -> tuple[str, ...]:
        return ("true",)

    def settled(self, facts: Facts) -> bool:
        return False

    def apply(self, host: Host, keep: Keep) -> None:
        pass


def sql(path: str | Path, text: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db, db:
        rows = []
        for statement in filter(None, map(str.strip, text.split(";"))):
            rows = db.execute(statement).fetchall()
        return rows


def rows(path: str | Path, table: str = "note") -> list[object]:
    return [row[0] for row in sql(path, f"SELECT text FROM {table} ORDER BY 1")]


def trash(*paths: Path) -> MoveToTrash:
    return MoveToTrash(tuple(map(str, paths)))


def done(facts: Facts, *actions: Action) -> str:
    """Do these in one run and return its name."""
    run = begin(facts, "fix")
    todo = Plan(tuple(Step(each, ()) for each in actions))
    outcomes = list(perform(run, todo, facts, limit=Risk.DESTRUCTIVE, say=str))
    assert [each.state for each in outcomes] == ["done"] * len(actions), outcomes
    run.journal.append(facts.host.now(), run.id, "end", {})
    return run.id


def undone(facts: Facts, target: str) -> str:
    """Take a run back and return the run that did it."""
    run = begin(facts, "undo")
    assert {each.state for each in undo(facts, run, target, say=str)} == {"done"}
    return run.id


@contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    """Give a filesystem of its own of that size in memory; skip without the right to mount, fail in CI."""
    place.mkdir(exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "unstale-test", str(place)]
    ran = subprocess.run(argv, capture_output=True, text=True)
    if ran.returncode != 0:
        assert not os.environ.get("CI"), ran.stderr
        pytest.skip(f"no filesystem can be mounted: {ran.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def filled(place: Path) -> Path:
    """Fill a filesystem to the last byte and return the file that does."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue
    return ballast
