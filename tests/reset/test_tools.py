"""A reset returns the tools that an environment had, in their versions, and brings in no other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from yard import LOCK, Yard, erase, wheel


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """An environment as `python -m venv` makes it: with the pip that Python brings, and no wheel."""
    made = Yard(tmp_path)
    wheel(made.root / "wheels", "tiny", "1.0", "")
    made.write("app/__init__.py", "")
    made.write("app/main.py", "app = 1\n")
    made.write("unstale.toml", '[backend]\napp = "app.main:app"\n')
    made.run(sys.executable, "-m", "venv", ".venv")
    made.install("--no-index", "--find-links", "wheels", "tiny")
    try:
        yield made
    finally:
        erase(made)


def test_environment_of_plain_venv_has_the_same_packages_again(yard: Yard) -> None:
    before = yard.versions()
    for listed in ("tiny==1.0\n", "tiny\n"):
        yard.write("requirements.txt", LOCK + listed)
        done = yard.unstale("reset", "--yes", "--only", "backend")
        assert done.returncode == 0, done.stderr
        assert yard.versions() == before
