"""Killed at any point, a reset, its undo and an install are decided by the next command: the former state or the new one.

`make crash` takes every point, the suite every EVERY-th.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from yard import LOCK, Yard, erase, fingerprint

from lab.patient import KILLED_CHILD

EVERY = int(os.environ.get("CRASH_EVERY", "9"))
MADE = (".git", ".unstale", "__pycache__")


@dataclass(frozen=True, slots=True)
class Look:
    """What a person would call the state: which trees are there, what the sources hold, who serves."""

    trees: tuple[int, int]
    version: str
    sources: str
    names: frozenset[str]
    serving: bytes
    servers: int


def look(yard: Yard) -> Look:
    files = fingerprint(yard.root, MADE)
    derived = ("/.venv/", "/node_modules/", "/dist/")
    sources = sorted(pair for pair in files.items() if not any(each in pair[0] for each in derived))
    return Look(
        trees=(
            (yard.root / ".venv").stat().st_ino,
            (yard.front / "node_modules").stat().st_ino,
        ),
        version=yard.versions()["tiny"],
        sources=str(sources),
        names=frozenset(each for each in files if "/.venv/" not in each),
        serving=yard.argv(),
        servers=sum(
            Path(f"/proc/{each}/cmdline").read_bytes().endswith(b"app.main\0")
            for each in os.listdir("/proc")
            if each.isdigit() and _stands(each, yard.root)
        ),
    )


def _stands(pid: str, place: Path) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(place)
    except OSError:
        return False


def reset(yard: Yard) -> tuple[str, ...]:
    return ("reset", "--yes")


def undo(yard: Yard) -> tuple[str, ...]:
    assert yard.unstale("reset", "--yes").returncode == 0
    return ("undo", "--yes")


def install(yard: Yard) -> tuple[str, ...]:
    yard.write("requirements.txt", f"{LOCK}tiny==1.1\ndeep==1.0\n")
    return ("fix", "ENV001", "--yes")


@contextmanager
def prepared(
    laid: Yard, place: Path, before: Callable[[Yard], tuple[str, ...]]
) -> Iterator[tuple[Yard, tuple[str, ...]]]:
    yard = laid.copy(place)
    (yard.front / "package-lock.json").unlink()  # the install then needs one for a while
    yard.serve()
    try:
        yield yard, before(yard)
    finally:
        erase(yard)


def killed(yard: Yard, at: int, words: tuple[str, ...]) -> int | None:
    """Run it until its point `at` (0: to its end); return how many points it passed."""
    told = yard.root.parent / "points"
    argv = [sys.executable, "-c", KILLED_CHILD, str(at), str(told), *words]
    subprocess.run(argv, cwd=yard.root, env=yard.environ(), capture_output=True)
    return int(told.read_text().split()[0]) if told.exists() else None


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    made = Yard(tmp_path_factory.mktemp("yard"))
    made.root.mkdir()
    made.lay()
    return made


@pytest.mark.parametrize("before", [reset, undo, install], ids=lambda each: each.__name__)
def test_kill_leaves_the_former_state_or_the_new_one(
    laid: Yard, tmp_path: Path, before: Callable[[Yard], tuple[str, ...]]
) -> None:
    with prepared(laid, tmp_path / "whole", before) as (yard, words):
        points = killed(yard, 0, words)
        assert points is not None
        done = look(yard)
    wrong, former = [], 0
    for at in range(1, points + 1, EVERY):
        with prepared(laid, tmp_path / str(at), before) as (yard, words):
            old = look(yard)
            assert killed(yard, at, words) is None
            decided = yard.unstale("fix", "GIT004", "--yes")
            why = f"{before.__name__} at {at} of {points}: {decided.stderr[-300:]}"
            if decided.returncode not in (0, 1):  # 1: what the kill left undone is stale
                wrong.append(why)
                continue
            now = look(yard)
            former += now == old
            renewed = all(one != other for one, other in zip(now.trees, old.trees, strict=True))
            half = now != old and not (renewed or before is install)
            same = (now.sources, now.serving, now.servers) == (old.sources, old.serving, 1)
            verified = yard.unstale("log", "--verify").returncode == 0
            left = {*now.names} ^ {*old.names}
            if (
                half
                or not same
                or not verified
                or left
                or now.version not in (old.version, done.version)
            ):
                wrong.append(f"{why} half={half} same={same} verified={verified} left={left}")
    print(f"{before.__name__}: {points} points, every {EVERY}: former {former}, wrong {len(wrong)}")
    assert wrong == []
