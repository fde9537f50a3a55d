"""What starting from clean costs: `unstale reset` beside the folk script, on two copies of the example that serve.

python -m bench.reset. Both have warm caches of their own for uv, pip and npm, so that `npm cache clean --force` reaches
nobody else's. The script's `pkill -f` is replaced by TERM to the copy's own server. What it leaves to its reader is
done and counted: build, migrate, start.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.arena import Arena
from lab.waiting import wait_for

FOLK = """\
cd backend
find . -type d -name __pycache__ -exec rm -r {} + 2>/dev/null || true
find . -name "*.pyc" -delete 2>/dev/null || true
rm -f ai_exchange.db ai_exchange.db-shm ai_exchange.db-wal
rm -rf .venv/
python3 -m venv .venv
. .venv/bin/activate
pip install -q -r requirements.txt HEALTH
cd ../frontend
rm -rf node_modules package-lock.json
npm cache clean --force
rm -rf dist/ .next/
npm install --no-audit --no-fund
"""
LEFT = "cd frontend && npm run build && cd ../backend && .venv/bin/python -m alembic upgrade head"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way took and took away: seconds, bytes, rows."""

    seconds: float
    deleted: int
    kept: int
    rows: int
    lock_changed: bool
    back: str


def main() -> int:
    """Measure both and print the table."""
    print(
        "| way | s to a running app | MB deleted for good | MB kept for undo | rows lost | lock | way back |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        laid = Arena(Path(scratch) / "laid")
        laid.scratch.mkdir()
        laid.lay()
        for name, way in (("unstale reset", ours), ("folk script", folk)):
            copy = laid.copy(Path(scratch) / name.replace(" ", "-"))
            caches = warmed(copy)
            copy.start()
            try:
                told = measured(copy, caches, way)
            finally:
                copy.stop()
            numbers = f"{told.seconds:.1f} | {told.deleted / 1e6:.0f} | {told.kept / 1e6:.0f} | {told.rows:,}"
            lock = "rewritten" if told.lock_changed else "as it was"
            print(f"| {name} | {numbers} | {lock} | {told.back} |", flush=True)
    return 0


def warmed(arena: Arena) -> dict[str, str]:
    """Return caches of the copy's own, filled by installing once; pip's from where uv's packages come too."""
    place = arena.scratch / "caches"
    caches = {
        "UV_CACHE_DIR": f"{place}/uv",
        "PIP_CACHE_DIR": f"{place}/pip",
        "npm_config_cache": f"{place}/npm",
    }
    words = " && ".join(
        (
            f"python3 -m venv {place}/warm",
            f"{place}/warm/bin/pip install -q -r backend/requirements.txt",
            f"rm -r {place}/warm && {sys.executable} -m uv venv -q {place}/warm",
            f"{sys.executable} -m uv pip install -q --python {place}/warm -r backend/requirements.txt",
            f"rm -r {place}/warm && cp -r frontend {place}/front && cd {place}/front",
            f"npm ci --no-audit --no-fund && rm -r {place}/front",
        )
    )
    shell(arena, words, caches)
    return caches


def measured(
    arena: Arena, caches: dict[str, str], way: Callable[[Arena, dict[str, str]], str]
) -> Cost:
    """Run one way until the app answers; return what it cost."""
    rows, lock = arena.rows(), digest(arena.frontend / "package-lock.json")
    before, began = inodes(arena.scratch), time.monotonic()
    back = way(arena, caches)
    wait_for(lambda: arena.ask("/api/resources").status == 200, timeout=60)
    seconds = time.monotonic() - began
    after = inodes(arena.scratch)
    gone = sum(size for each, size in before.items() if each not in after)
    trash = arena.root / ".unstale"
    return Cost(
        seconds,
        gone,
        sum(inodes(trash).values()) if trash.exists() else 0,
        rows - arena.rows(),
        digest(arena.frontend / "package-lock.json") != lock,
        back,
    )


def ours(arena: Arena, caches: dict[str, str]) -> str:
    """Reset."""
    shell(arena, f"{sys.executable} -m unstale reset --yes", caches)
    return "`unstale undo`"


def folk(arena: Arena, caches: dict[str, str]) -> str:
    """Run the script, then what it tells its reader to do."""
    for child in arena.started:
        child.terminate()
        child.wait()
    health = str(Path(__file__).parent.parent / "health")
    shell(arena, FOLK.replace("HEALTH", health), caches)
    shell(arena, LEFT, caches)
    arena.start()
    return "none"


def shell(arena: Arena, words: str, caches: dict[str, str]) -> None:
    """Run a line of shell in the copy. Raises RuntimeError."""
    arena.run(
        "env",
        *(f"{key}={value}" for key, value in caches.items()),
        "bash",
        "-ec",
        words,
        cwd=arena.root,
    )


def inodes(place: Path) -> dict[int, int]:
    """Return the bytes on disk of each file, by inode: what is renamed or linked elsewhere is not gone."""
    found = {}
    for each in place.rglob("*"):
        seen = each.lstat()
        found[seen.st_ino] = seen.st_blocks * 512
    return found


def digest(path: Path) -> str:
    """Return what a file holds."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
