"""What a reset makes of a build: nothing of the former one is left in it, and undo returns that one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from yard import BUILD, Yard, erase, fingerprint

NEEDS = {"next": "file:vendor/next"}


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A front end whose build writes into dist, over what is there."""
    made = Yard(tmp_path)
    made.write("unstale.toml", '[frontend]\npath = "web"\n')
    made.write("web/build.mjs", BUILD)
    made.write("web/src.txt", "one")
    _script(made, "node build.mjs")
    try:
        yield made
    finally:
        erase(made)


def _script(yard: Yard, build: str, needs: dict[str, str] | None = None) -> None:
    """Write the manifest, its lock and its modules."""
    for name in needs or {}:
        yard.write(f"web/vendor/{name}/package.json", f'{{"name": "{name}", "version": "1.0.0"}}')
    manifest = {"name": "web", "scripts": {"build": build}, "dependencies": needs or {}}
    yard.write("web/package.json", json.dumps(manifest))
    yard.run("npm", "install", "--no-audit", "--no-fund", "--offline", cwd=yard.front)
    (yard.front / "node_modules").mkdir(exist_ok=True)


def test_file_of_a_former_build_is_gone_and_comes_back(yard: Yard) -> None:
    yard.write("web/dist/old.js", "of a page that is no more")
    yard.write("web/dist/index.html", "built before")
    before = fingerprint(yard.front)
    done = yard.unstale("reset", "--yes", "--only", "frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [each.name for each in (yard.front / "dist").iterdir()] == ["index.html"]
    assert (yard.front / "dist/index.html").read_text() == "built one"
    assert yard.unstale("undo", "--yes").returncode == 0
    assert fingerprint(yard.front) == before


def test_build_that_makes_nothing_is_taken_back(yard: Yard) -> None:
    yard.write("web/dist/index.html", "built before")
    _script(yard, "node --version")
    done = yard.unstale("reset", "--yes", "--only", "frontend")
    assert done.returncode == 1
    assert "the build made nothing" in done.stdout
    assert "the former state runs" in done.stderr
    assert (yard.front / "dist/index.html").read_text() == "built before"


def test_what_next_dev_keeps_is_moved_and_not_built(yard: Yard) -> None:
    _script(yard, "node build.mjs", NEEDS)
    kept = yard.write("web/.next/cache/x", "of the development server")
    done = yard.unstale("reset", "--yes", "--only", "frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "build the front end" not in done.stdout
    assert not (yard.front / ".next").exists()
    assert yard.unstale("undo", "--yes").returncode == 0
    assert kept.read_text() == "of the development server"


def test_build_of_next_is_built_again_from_nothing(yard: Yard) -> None:
    made = "mkdir -p .next && echo two > .next/BUILD_ID"
    _script(yard, made, NEEDS)
    yard.write("web/.next/BUILD_ID", "one")
    yard.write("web/.next/cache/x", "of the former build")
    done = yard.unstale("reset", "--yes", "--only", "frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [each.name for each in (yard.front / ".next").iterdir()] == ["BUILD_ID"]
    assert yard.unstale("undo", "--yes").returncode == 0
    assert (yard.front / ".next/BUILD_ID").read_text() == "one"
