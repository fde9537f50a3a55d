"""`unstale reset` beside the folk script's "nuclear reset", on the example while it serves.

python -m bench.reset: two copies of the example in a scratch directory, one for each way. The folk script's `pkill -f`
and `docker system prune` are left out: they would hit what is not ours. Its server is ended by its pid.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.arena import Arena
from lab.waiting import wait_for


def main() -> int:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        laid = Arena(Path(scratch) / "laid")
        laid.scratch.mkdir()
        laid.lay()
        print(
            "| way | running again s | MB deleted for good | rows before | rows after | the way back |"
        )
        print("|---|---|---|---|---|---|")
        for name, way in {"unstale reset": ours, "folk script": folk}.items():
            arena = laid.copy(Path(scratch) / name.replace(" ", "-"))
            print(f"| {name} | {measured(arena, way)} |", flush=True)
    return 0


def measured(arena: Arena, way: Callable[[Arena], None]) -> str:
    """Reset it one way; return the cells of its row."""
    arena.start()
    before, there = arena.rows(), weight(arena.root)
    began = time.monotonic()
    way(arena)
    wait_for(lambda: arena.ask("/health").status == 200)
    took, rows = time.monotonic() - began, arena.rows()
    gone = max(there - kept(arena) if way is folk else 0, 0)
    back = "none"
    if way is ours:
        began = time.monotonic()
        done = arena.unstale("undo", "--yes")
        back = f"unstale undo, {time.monotonic() - began:.1f} s, exit {done.returncode}"
    arena.stop()
    return f"{took:.0f} | {gone / 1e6:.0f} | {before} | {rows} | {back}"


def ours(arena: Arena) -> None:
    """Reset by the tool."""
    done = arena.unstale("reset", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr


def folk(arena: Arena) -> None:
    """Reset as the guide does: stop, delete, install, build, let the app make its tables, start."""
    for process in arena.started:
        process.terminate()
        process.wait()
    for place in (
        arena.backend / ".venv",
        arena.frontend / "node_modules",
        arena.frontend / "dist",
    ):
        shutil.rmtree(place)
    for cache in arena.backend.rglob("__pycache__"):
        shutil.rmtree(cache)
    for file in arena.backend.glob("*.db*"):
        file.unlink()
    arena.run(sys.executable, "-m", "venv", ".venv", cwd=arena.backend)
    pip = (str(arena.python), "-m", "pip", "install", "-q", "--no-cache-dir")
    arena.run(*pip, "-r", "requirements.txt", cwd=arena.backend)
    arena.run(*pip, "--no-deps", str(Path(__file__).parent.parent / "health"), cwd=arena.backend)
    arena.run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", cwd=arena.frontend)
    arena.run("npm", "run", "build", cwd=arena.frontend)
    arena.migrate("head")
    arena.start()


def weight(place: Path) -> int:
    """Return the bytes below."""
    told = subprocess.run(
        ["du", "-sb", str(place)], capture_output=True, text=True, check=True
    ).stdout
    return int(told.split()[0])


def kept(arena: Arena) -> int:
    """Return the bytes that were there before and still are: nothing of what was deleted."""
    derived = (
        arena.backend / ".venv",
        arena.frontend / "node_modules",
        arena.frontend / "dist",
        arena.database,
    )
    return weight(arena.root) - sum(weight(each) for each in derived)


if __name__ == "__main__":
    sys.exit(main())
