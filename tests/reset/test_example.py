"""Reset of the example as it is developed: a reloading server and Vite under npm, each one tree; then all of it back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from yard import differing, fingerprint

from lab.arena import Arena, free_port
from lab.waiting import wait_for

pytestmark = pytest.mark.lab
SECRET = "canary-93b1-of-the-example"


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    scratch = tmp_path_factory.mktemp("reset")
    laid = Arena(scratch)
    try:
        laid.lay()
        yield laid
    finally:
        laid.stop()
        shutil.rmtree(scratch)


def argv_at(arena: Arena) -> set[bytes]:
    """Return the command lines of what leads here, without what npm and sh are called with."""
    found = {Path(f"/proc/{each['pid']}/cmdline").read_bytes() for each in arena.processes()}
    return {each for each in found if b"multiprocessing" not in each}


def standing(arena: Arena) -> int:
    """Return how many processes stand in the front end: npm, sh, node and esbuild."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            count += os.readlink(f"/proc/{name}/cwd") == str(arena.frontend)
        except OSError:
            continue
    return count


def state(arena: Arena) -> dict[str, str]:
    """Return the bytes of everything; a server that opens a database makes its -shm anew."""
    return {
        path: digest
        for path, digest in fingerprint(arena.root).items()
        if not path.endswith("-shm") and "/.vite/" not in path and "__pycache__" not in path
    }


def test_development_tree_is_made_anew_and_comes_back_to_the_byte(arena: Arena) -> None:
    port = free_port()
    arena.start("--reload", CANARY=SECRET)
    arena.spawn(["npm", "run", "dev", "--", "--port", str(port)], cwd=arena.frontend)
    wait_for(lambda: arena.ask("/", port=port).status == 200)
    wait_for(lambda: arena.ask("/health").status == 200)
    before, argv, here = state(arena), argv_at(arena), standing(arena)
    database = arena.database.stat().st_ino, arena.database.read_bytes()
    environment = (arena.backend / ".venv").stat().st_ino
    modules = (arena.frontend / "node_modules").stat().st_ino

    done = arena.unstale("reset", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the new state runs, " in done.stderr
    wait_for(lambda: arena.ask("/health").status == 200)
    wait_for(lambda: arena.ask("/", port=port).status == 200)
    assert argv_at(arena) == argv
    assert standing(arena) == here
    assert (arena.database.stat().st_ino, arena.database.read_bytes()) == database
    assert (arena.backend / ".venv").stat().st_ino != environment
    assert (arena.frontend / "node_modules").stat().st_ino != modules
    arena.run(str(arena.python), "-c", "import fastapi, unstale_health", cwd=arena.backend)

    undone = arena.unstale("undo", "--yes")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    wait_for(lambda: arena.ask("/health").status == 200)
    wait_for(lambda: arena.ask("/", port=port).status == 200)
    assert differing(before, state(arena)) == []
    assert argv_at(arena) == argv
    assert standing(arena) == here
    assert (arena.database.stat().st_ino, arena.database.read_bytes()) == database
    assert (arena.backend / ".venv").stat().st_ino == environment
    assert (arena.frontend / "node_modules").stat().st_ino == modules
    assert arena.unstale("log", "--verify").returncode == 0
    said = done.stdout + done.stderr + undone.stdout + undone.stderr
    assert SECRET not in said
    kept = [each for each in arena.scratch.joinpath("state").rglob("*") if each.is_file()]
    assert [each for each in kept if SECRET.encode() in each.read_bytes()] == []
    assert arena.unstale("check").returncode == 0
