"""make bench: how fast the tool is beside the guide's own look-ups, as ratios in one run.

Lays the example and starts it; generates a project of 10,000 Python files with bytecode, 60,000 files under
node_modules, 600 installed packages with their lock, and 300 processes. Takes the median of several interleaved
runs, and writes the table into bench/README.md. The look-ups are the guide's own, for the project's database and port.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from uv import find_uv_bin

from lab.arena import Arena

HERE = Path(__file__).parent
MARKS = ("<!-- table -->", "<!-- /table -->")
LAST = "the guide's look-ups in sequence"
PACKAGES, FILES_IN_A_PACKAGE, MODULES, DISTRIBUTIONS, PROCESSES = 1_000, 60, 10_000, 600, 300
RUNS = 5
LOOK_UPS = (
    "lsof -i :8000 | grep -v COMMAND",
    "ps aux | grep uvicorn",
    "find . -type d -name __pycache__",
    "find . -name '*.pyc'",
    "lsof | grep ai_exchange.db",
    "ls -la ai_exchange.db",
    "curl -s http://localhost:8000/health/db | jq -r .status",
)


def main() -> int:
    """Measure and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        arena, large = Arena(Path(scratch)), Path(scratch) / "large"
        sleepers = []
        try:
            arena.lay()
            arena.start()
            medians = {"example": _measure(arena.root)}
            _generate(large)
            sleepers = [subprocess.Popen(["sleep", "600"], cwd="/") for _ in range(PROCESSES)]
            medians["large project"] = _measure(large)
        finally:
            arena.stop()
            for each in sleepers:
                each.kill()
                each.wait()
    _write(medians)
    return 0


def _measure(root: Path) -> dict[str, float]:
    tool = (sys.executable, "-m", "unstale")
    look_ups = f"({' ; '.join(LOOK_UPS)}) >{os.devnull} 2>&1; exit 0"
    commands: dict[str, Callable[[], object]] = {
        "python -c pass": lambda: _run((sys.executable, "-c", "pass"), root),
        "unstale --version": lambda: _run((*tool, "--version"), root),
        "unstale check --fast": lambda: _run((*tool, "check", "--fast"), root),
        "unstale check": lambda: _run((*tool, "check"), root),
        LAST: lambda: _run(("sh", "-c", look_ups), root),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            began = time.perf_counter()
            command()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in times.items()}


def _run(argv: tuple[str, ...], cwd: Path) -> None:
    env = {**os.environ, "XDG_STATE_HOME": str(cwd.parent / "state"), "NO_COLOR": "1"}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.decode()}")


def _generate(root: Path) -> None:
    (root / "app").mkdir(parents=True)
    (root / "app/main.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n")
    _environment(root)
    (root / "ai_exchange.db").touch()
    (root / ".gitignore").write_text("__pycache__/\n.venv/\nnode_modules/\n*.db\n")
    for number in range(MODULES):
        place = root / f"app/part{number // 100}"
        place.mkdir(exist_ok=True)
        (place / f"module{number}.py").write_text(f"VALUE = {number}\n")
    with suppress(SystemExit):
        compileall.compile_dir(root / "app", quiet=2)
    _node_modules(root / "web")
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "begin")):
        subprocess.run(("git", *words), cwd=root, check=True, capture_output=True)


def _environment(root: Path) -> None:
    names = [f"package{number}" for number in range(DISTRIBUTIONS)]
    (root / "requirements.txt").write_text("".join(f"{name}==1.0.0\n" for name in names))
    subprocess.run((find_uv_bin(), "venv", "-q", "--python", sys.executable), cwd=root, check=True)
    site = next((root / ".venv/lib").glob("python3*/site-packages"))
    for name in names:
        place = site / f"{name}-1.0.0.dist-info"
        place.mkdir()
        for file in ("METADATA", "RECORD"):
            (place / file).touch()


def _node_modules(web: Path) -> None:
    packages: dict[str, dict[str, str]] = {"": {"name": "web", "version": "1.0.0"}}
    for number in range(PACKAGES):
        place = web / f"node_modules/package{number}"
        place.mkdir(parents=True)
        (place / "package.json").write_text(
            json.dumps({"name": f"package{number}", "version": "1.0.0"})
        )
        for file in range(FILES_IN_A_PACKAGE - 1):
            (place / f"file{file}.js").touch()
        packages[f"node_modules/package{number}"] = {
            "version": "1.0.0",
            "integrity": f"sha512-{number}",
        }
    lock = json.dumps({"name": "web", "lockfileVersion": 3, "packages": packages})
    (web / "package.json").write_text(
        '{"name": "web", "version": "1.0.0", "scripts": {"build": "true"}}'
    )
    (web / "package-lock.json").write_text(lock)
    (web / "node_modules/.package-lock.json").write_text(lock)


def _write(medians: dict[str, dict[str, float]]) -> None:
    rows = [
        f"| {place} | {name} | {seconds * 1000:.0f} | {seconds / each['python -c pass']:.1f} "
        f"| {seconds / each[LAST]:.2f} |"
        for place, each in medians.items()
        for name, seconds in each.items()
    ]
    head = f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, median of {RUNS} interleaved runs"
    head += (
        "" if shutil.which("lsof") else "; lsof was not installed, which makes the look-ups cheaper"
    )
    table = (
        f"{head}\n\n| where | command | ms | × python | × look-ups |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
    )
    page = HERE / "README.md"
    before, _, rest = page.read_text("utf-8").partition(MARKS[0])
    page.write_text(
        f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8"
    )
    print(table)


if __name__ == "__main__":
    sys.exit(main())
