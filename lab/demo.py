"""make demo: each classic fault made, felt, found, proven, repaired, felt again, and taken back where promised."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lab.arena import REPOSITORY, Arena, wait_for
from lab.faults import FAULTS, Fault

GUIDE = """\
from fastapi import FastAPI, HTTPException

app = FastAPI()
COLUMNS = ["id", "email"]


@app.get("/health/db")
def health_check_db():
    try:
        if "professional_role" not in COLUMNS:
            raise HTTPException(status_code=500, detail="Database schema is outdated. Run migrations.")
        return {"status": "healthy", "database": "current"}
    except Exception as e:
        return {"status": "unhealthy", "error": str(e)}, 500
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the closing table; `lost` counts rows of data."""

    name: str
    code: str
    found: float
    cured: float
    undone: str
    lost: int
    held: bool


def main() -> int:
    """Run the demonstration; return 0 only when every row held."""
    scratch = REPOSITORY / ".lab" / f"demo-{os.getpid()}"
    arena = Arena(scratch)
    try:
        _title("The example: laid, installed, built, migrated, seeded, started")
        arena.lay()
        arena.start()
        done = arena.unstale("check")
        print(done.stdout)
        rows = [Row("healthy project", "", 0, 0, "", 0, held=done.returncode == 0)]
        rows += [_show(arena, fault) for fault in FAULTS]
        rows.append(_lying_route(arena))
    finally:
        arena.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    _table(rows)
    return 0 if all(row.held for row in rows) else 1


def _show(arena: Arena, fault: Fault) -> Row:
    _title(f"{fault.name}: {fault.inject(arena)}")
    felt, right = fault.felt(arena)
    print(f"felt:  {felt}\n")
    broken = not right
    rows = arena.rows()
    began = time.monotonic()
    codes = arena.codes()
    found = time.monotonic() - began
    print(_findings(arena.unstale("check").stdout))
    began = time.monotonic()
    fixed = arena.unstale("fix", *fault.fix)
    fault.after_fix(arena)
    cured = time.monotonic() - began
    print(fixed.stdout)
    felt, right = fault.felt(arena)
    print(f"felt:  {felt}")
    undone = _undo(arena, fault) if fault.undo else ""
    left = arena.codes()
    lost = max(0, rows - arena.rows())
    problems = [f"{lost} rows were lost"] if lost else []
    problems += [] if broken else ["the fault was not felt"]
    problems += [] if codes[:1] == [fault.code] else [f"found {codes}"]
    problems += [] if right else ["the cure was not felt"]
    problems += [f"still stale: {left}"] if left else []
    problems += ["the undo failed"] if undone == "failed" else []
    for problem in problems:
        print(f"✗ {problem}\n{fixed.stderr}")
    return Row(fault.name, fault.code, found, cured, undone, lost, held=not problems)


def _undo(arena: Arena, fault: Fault) -> str:
    """Take the fix back, see the fault again, fix again."""
    back = arena.unstale("undo", "--yes")
    print(f"undo:  {back.stdout.strip() or back.stderr.strip()}")
    again = arena.codes()
    arena.unstale("fix", *fault.fix)
    if fault.code == "ENV001":
        arena.unstale("fix", "--yes")
    return "yes" if back.returncode == 0 and again[:1] == [fault.code] else "failed"


def _lying_route(arena: Arena) -> Row:
    root = arena.scratch / "tiny"
    (root / "app").mkdir(parents=True)
    (root / "app/__init__.py").touch()
    (root / "app/main.py").write_text(GUIDE)
    (root / "requirements.txt").write_text("fastapi\nuvicorn\n")
    (root / ".gitignore").write_text("__pycache__/\n.unstale/\n")
    for words in (("init", "-q"), ("add", "-A")):
        arena.run("git", *words, cwd=root)
    arena.run(
        "git",
        "-c",
        "user.name=lab",
        "-c",
        "user.email=lab@example.invalid",
        "commit",
        "-qm",
        "tiny",
        cwd=root,
    )
    arena.stop()
    tiny = _Tiny(arena, root)
    try:
        tiny.start()
        _title("lying health route: the guide's own, on an outdated schema, in a second app")
        print(f"felt:  {tiny.felt()}\n")
        began = time.monotonic()
        codes = arena.codes(root)
        found = time.monotonic() - began
        print(_findings(arena.unstale("check", root=root).stdout))
        began = time.monotonic()
        patch = _patch(arena, root)
        print(patch)
        subprocess.run(["git", "apply"], input=patch, text=True, cwd=root, check=True)
        tiny.stop()
        tiny.start()
        cured = time.monotonic() - began
        print(f"felt:  {tiny.felt()}")
        held = codes == ["HTP012"] and tiny.felt().startswith("HTTP 500") and not arena.codes(root)
    finally:
        tiny.stop()
    return Row("lying health route", "HTP012", found, cured, "", 0, held=held)


class _Tiny:
    """The second app's server, on the arena's port."""

    def __init__(self, arena: Arena, root: Path) -> None:
        self.arena = arena
        self.root = root
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [
            str(self.arena.python),
            "-m",
            "uvicorn",
            "app.main:app",
            "--port",
            str(self.arena.port),
        ]
        with self.arena.log.open("ab") as log:
            self.child = subprocess.Popen(
                argv,
                cwd=self.root,
                env=self.arena.environ(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(lambda: self.arena.ask("/health/db").status)

    def stop(self) -> None:
        if self.child is not None:
            self.child.terminate()
            self.child.wait(10)

    def felt(self) -> str:
        told = self.arena.ask("/health/db")
        return f"HTTP {told.status} {told.text}"


def _patch(arena: Arena, root: Path) -> str:
    steps = json.loads(arena.unstale("fix", "--yes", "--format", "json", root=root).stdout)["steps"]
    return "\n".join(next(step for step in steps if step["codes"] == ["HTP012"])["preview"]) + "\n"


def _findings(report: str) -> str:
    """Return the report without the chain, which the first screen showed."""
    lines = report.splitlines()
    return "\n".join(
        lines[next((at for at, line in enumerate(lines) if line.startswith("✗")), 0) :]
    )


def _title(words: str) -> None:
    print(f"\n── {words}\n", flush=True)


def _table(rows: list[Row]) -> None:
    print(
        f"\n{'fault':<24}{'code':<9}{'found in s':>11}{'cured in s':>12}{'undo':>7}{'data lost':>11}   held"
    )
    for row in rows:
        times = f"{row.found:>11.1f}{row.cured:>12.1f}" if row.code else " " * 23
        print(
            f"{row.name:<24}{row.code:<9}{times}{row.undone:>7}{row.lost:>11}   {'yes' if row.held else 'NO'}"
        )


if __name__ == "__main__":
    sys.exit(main())
