"""unstale reset beside the folk script, each on its own copy of the running example: python -m bench.reset.

The folk script is the "nuclear reset" that developers hand each other. Its `pkill -f` would end other people's
processes, so the copy's own are ended by pid; `npm cache clean --force` empties a cache that others use, and is left
out. It does not know the package that was installed from the checkout, which is given to it in its time. It
never migrates: where the app does not start for that, the migration is run as a person would, in its time.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.arena import REPOSITORY, Arena
from lab.waiting import wait_for
from unstale.local import LocalHost

_GONE = (
    "backend/.venv",
    "backend/ai_exchange.db",
    "backend/ai_exchange.db-shm",
    "backend/ai_exchange.db-wal",
    "frontend/node_modules",
    "frontend/package-lock.json",
    "frontend/dist",
    "frontend/.next",
)


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds until the app answers, bytes deleted for good, rows before and after, and seconds to take it back."""

    name: str
    seconds: float
    deleted: int
    rows: tuple[int, int]
    page: int
    back: str

    @property
    def row(self) -> str:
        """Return the row of the table."""
        had, has = self.rows
        cells = (
            f"{self.seconds:.0f}",
            f"{self.deleted / 1e6:.0f}",
            had - has,
            self.page,
            self.back,
        )
        return f"| {self.name} | {' | '.join(map(str, cells))} |"


def main() -> int:
    """Measure both, and print a row each."""
    scratch = Path(tempfile.mkdtemp(prefix="bench-reset-"))
    try:
        laid = Arena(scratch / "laid")
        laid.lay()
        print(
            "| | s to a running app | MB deleted for good | rows lost | GET /api/resources | taken back |"
        )
        print("|---|---|---|---|---|---|")
        for name, reset in (("unstale reset", _ours), ("folk script", _theirs)):
            print(_measured(name, laid.copy(scratch / reset.__name__), reset).row, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _measured(name: str, arena: Arena, reset: Callable[[Arena], int]) -> Result:
    try:
        arena.start()
        had = arena.rows()
        began = time.monotonic()
        deleted = reset(arena)
        wait_for(lambda: arena.ask("/health").status)
        seconds = time.monotonic() - began
        page = arena.ask("/api/resources").status
        has = arena.rows() if page == 200 else 0
        return Result(name, seconds, deleted, (had, has), page, _back(arena, reset, had))
    finally:
        arena.stop()


def _ours(arena: Arena) -> int:
    done = arena.unstale("reset", "--yes")
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return 0


def _theirs(arena: Arena) -> int:
    """Do what the script does, in its order; return the bytes that it deletes."""
    arena.stop()
    caches = [*arena.backend.rglob("__pycache__")]
    places = [arena.root / each for each in _GONE]
    own = [each for each in caches if ".venv" not in each.parts]
    deleted = sum(_size(each) for each in (*own, *places) if each.exists())
    for each in (*own, *places[:4]):
        _delete(each)
    arena.run(sys.executable, "-m", "venv", ".venv", cwd=arena.backend)
    arena.run(
        str(arena.python), "-m", "pip", "install", "-r", "requirements.txt", cwd=arena.backend
    )
    arena.install("--no-deps", str(REPOSITORY / "health"))
    for each in places[4:]:
        _delete(each)
    arena.run("npm", "install", cwd=arena.frontend)
    arena.start()
    if not arena.ask("/health").status:
        print(
            f"after the script: {arena.log.read_text().strip().splitlines()[-1]}", file=sys.stderr
        )
        arena.migrate("head")
        arena.start()
    return deleted


def _size(path: Path) -> int:
    return LocalHost().usage(str(path)) if path.is_dir() else path.stat().st_size


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _back(arena: Arena, reset: Callable[[Arena], int], had: int) -> str:
    if reset is not _ours:
        return "never"
    began = time.monotonic()
    done = arena.unstale("undo", "--yes")
    if done.returncode != 0 or arena.rows() != had:
        raise RuntimeError(done.stdout + done.stderr)
    return f"{time.monotonic() - began:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
