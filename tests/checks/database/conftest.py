"""Real processes that hold a real SQLite file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unstale.detect import find_project
from unstale.fact import Facts
from unstale.local import LocalHost

Hold = Callable[..., "subprocess.Popen[str]"]
Look = Callable[[Path], Facts]

_HOLDER = """\
import sqlite3, sys, time
path, mode, *statements = sys.argv[1:]
db = sqlite3.connect(path, isolation_level=None)
db.execute(f"pragma journal_mode={mode}")
for statement in statements:
    db.execute(statement).fetchall()
print("ready", flush=True)
for line in sys.stdin:
    print(db.execute(line).fetchall(), flush=True)
"""


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Start a process that runs the statements on one connection and then keeps it open."""
    started: list[subprocess.Popen[str]] = []

    def start(
        path: Path, mode: str, *statements: str, script: Path | None = None
    ) -> subprocess.Popen[str]:
        program = ["-c", _HOLDER] if script is None else [str(script)]
        if script is not None:
            script.write_text(_HOLDER)
        child = subprocess.Popen(
            [sys.executable, *program, str(path), mode, *statements],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=path.parent,
        )
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def look() -> Look:
    """Return fresh facts on the project at a path."""
    return lambda root: Facts(find_project(root, LocalHost()), LocalHost())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the root of a small project whose settings name app.db."""
    root = tmp_path / "shop"
    (root / "app").mkdir(parents=True)
    (root / "app/main.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n")
    (root / "requirements.txt").write_text("fastapi\n")
    (root / "unstale.toml").write_text('[database]\nurl = "sqlite:///./app.db"\n')
    return root
